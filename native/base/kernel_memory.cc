#include "base/kernel_memory.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <string_view>
#include <system_error>

#if defined(__linux__)
#include <fcntl.h>
#include <unistd.h>
#elif defined(__APPLE__)
#include <mach/mach.h>
#elif defined(_WIN32)
#include "base/windows_api.h"
// It needs the types of the other.
#include <psapi.h>
#endif

namespace tally {

#if defined(__linux__)

namespace {

// A limit beyond any machine means none.
constexpr int64_t kBeyond = int64_t{1} << 50;
constexpr int64_t kReadEvery = 100;  // milliseconds

int Open(const std::string& path) { return open(path.c_str(), O_RDONLY | O_CLOEXEC); }

// Whether what could not be opened just now may be there: the process has no room for another open file.
bool HasNoRoom(int error) { return error == EMFILE || error == ENFILE || error == ENOMEM; }

std::string_view ReadText(int file, char* text, size_t size) {
  const ssize_t length = file < 0 ? 0 : pread(file, text, size, 0);
  return {text, static_cast<size_t>(std::max(length, ssize_t{0}))};
}

// The number that `text` begins with; -1 for none, as for "max".
int64_t NumberOf(std::string_view text) {
  int64_t number = -1;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  return parsed.ec == std::errc() ? number : -1;
}

int64_t ReadNumber(const std::string& path) {
  std::array<char, 64> text{};
  const int file = Open(path);
  const int64_t number = NumberOf(ReadText(file, text.data(), text.size()));
  if (file >= 0) close(file);
  return number;
}

// The figure on the line of that name in memory.stat; -1 for none.
int64_t Find(std::string_view text, std::string_view name) {
  for (size_t at = 0; at < text.size();) {
    const std::string_view line = text.substr(at, text.find('\n', at) - at);
    if (line.size() > name.size() && line.substr(0, name.size()) == name && line[name.size()] == ' ')
      return NumberOf(line.substr(name.size() + 1));
    at += line.size() + 1;
  }
  return -1;
}

constexpr const char* kLimitsV1[] = {"memory.limit_in_bytes", nullptr};
constexpr const char* kLimitsV2[] = {"memory.max", "memory.high", nullptr};

}  // namespace

KernelMemory::KernelMemory(const std::string& root) {
  std::array<char, 8192> text{};
  const int file = Open(root + "/proc/self/cgroup");
  std::string_view rest = ReadText(file, text.data(), text.size());
  if (file >= 0) close(file);
  while (!rest.empty()) {  // number:controllers:path
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    const size_t first = line.find(':');
    const size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    const std::string controllers = "," + std::string(line.substr(first + 1, second - first - 1)) + ",";
    const std::string path(line.substr(second + 1));
    if (controllers == ",,") {
      Add(root + "/sys/fs/cgroup", path, "memory.current", kLimitsV2);
    } else if (controllers.find(",memory,") != std::string::npos) {
      Add(root + "/sys/fs/cgroup/memory", path, "memory.usage_in_bytes", kLimitsV1);
    }
  }
  statm_file_ = Open(root + "/proc/self/statm");
  Reread();
}

// Inside a container the path may be another's: then there is nothing but what is mounted at `top`.
void KernelMemory::Add(const std::string& top, std::string at, const char* usage, const char* const* limits) {
  for (;; at.resize(at.rfind('/'))) {
    if (at == "/") at.clear();
    const std::string directory = top + at + "/";
    Group& group = groups_.emplace_back();
    for (const char* const* name = limits; *name != nullptr; name++)
      group.limits.push_back(directory + *name);
    group.usage = directory + usage;
    group.stat = directory + "memory.stat";
    if (at.empty() || at.rfind('/') == std::string::npos) return;
  }
}

void KernelMemory::Reread() {
  int64_t lowest = kNone;
  Group* group = nullptr;
  for (Group& each : groups_) {
    for (const std::string& path : each.limits) {
      errno = 0;
      const int64_t limit = ReadNumber(path);
      if (HasNoRoom(errno)) return;  // what is known stays
      if (limit <= 0 || limit >= kBeyond || limit >= lowest) continue;
      lowest = limit;
      group = &each;
    }
  }
  // Others may be reading: what was opened once stays open.
  if (group != nullptr && group->usage_file < 0) {
    if (group->stat_file < 0) group->stat_file = Open(group->stat);
    group->usage_file = Open(group->usage);
    if (group->usage_file < 0) group = nullptr;
  }
  if (group_.exchange(group, std::memory_order_acq_rel) != group) read_at_ = INT64_MIN;
  limit_.store(lowest, std::memory_order_relaxed);
}

KernelMemory::~KernelMemory() {
  for (const Group& each : groups_) {
    if (each.usage_file >= 0) close(each.usage_file);
    if (each.stat_file >= 0) close(each.stat_file);
  }
  if (statm_file_ >= 0) close(statm_file_);
}

int64_t KernelMemory::Reclaimable(const Group& group) {
  std::array<char, 8192> text{};
  const std::string_view stat = ReadText(group.stat_file, text.data(), text.size());
  int64_t bytes = 0;
  for (const char* name : {"inactive_file", "active_file", "slab_reclaimable"}) {
    // v1 has those of the cgroup alone and, as the limit counts, those of all below.
    const int64_t total = Find(stat, std::string("total_") + name);
    bytes += std::max(total >= 0 ? total : Find(stat, name), int64_t{0});
  }
  return bytes;
}

// Bytes of all pages, resident ones, resident ones of files, and so on.
int64_t KernelMemory::Statm(int field) const {
  std::array<char, 128> text{};
  std::string_view rest = ReadText(statm_file_, text.data(), text.size());
  for (; field > 0; field--) {
    const size_t space = rest.find(' ');
    rest.remove_prefix(space == std::string_view::npos ? rest.size() : space + 1);
  }
  const int64_t pages = NumberOf(rest);
  return pages < 0 ? -1 : pages * sysconf(_SC_PAGESIZE);
}

int64_t KernelMemory::FileResident() const { return Statm(2); }

int64_t KernelMemory::Usage(bool exact) {
  std::array<char, 64> text{};
  const Group* group = group_.load(std::memory_order_acquire);
  const int64_t usage =
      group == nullptr ? -1 : NumberOf(ReadText(group->usage_file, text.data(), text.size()));
  if (usage < 0) return Statm(1);  // there is no cgroup, or it is gone
  const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
                       std::chrono::steady_clock::now().time_since_epoch())
                       .count();
  if (exact || now - kReadEvery > read_at_.load(std::memory_order_relaxed)) {
    reclaimable_.store(Reclaimable(*group), std::memory_order_relaxed);
    read_at_.store(now, std::memory_order_relaxed);
  }
  return std::max(usage - reclaimable_.load(std::memory_order_relaxed), int64_t{0});
}

#else

KernelMemory::KernelMemory(const std::string&) {}
KernelMemory::~KernelMemory() = default;
void KernelMemory::Reread() {}
int64_t KernelMemory::FileResident() const { return -1; }

int64_t KernelMemory::Usage(bool) {
#if defined(__APPLE__)
  mach_task_basic_info_data_t info{};
  mach_msg_type_number_t count = MACH_TASK_BASIC_INFO_COUNT;
  if (task_info(mach_task_self(), MACH_TASK_BASIC_INFO, reinterpret_cast<task_info_t>(&info), &count) !=
      KERN_SUCCESS)
    return -1;
  return static_cast<int64_t>(info.resident_size);
#elif defined(_WIN32)
  PROCESS_MEMORY_COUNTERS counters{};
  counters.cb = sizeof counters;
  if (K32GetProcessMemoryInfo(GetCurrentProcess(), &counters, sizeof counters) == 0) return -1;
  return static_cast<int64_t>(counters.WorkingSetSize);
#else
  return -1;
#endif
}

#endif

}  // namespace tally
