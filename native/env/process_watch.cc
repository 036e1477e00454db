#include "env/process_watch.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <string_view>
#include <thread>
#include <utility>

#if !defined(_WIN32)
#include <pthread.h>

#include <csignal>
#endif

#include "base/old_glibc.h"
#include "base/process_memory.h"
#include "books/share.h"

namespace tally {

namespace {

constexpr int64_t kTrimEvery = 20;  // milliseconds
constexpr int64_t kRereadEvery = 1000;
constexpr int64_t kWriteEvery = 100;
constexpr int64_t kWriteEveryNear = 2;  // a limit of the kernel, where the next may be the last
constexpr int64_t kPublishEvery = 50;
constexpr int64_t kSampleEvery = 1000;
constexpr size_t kSamples = 60;
constexpr size_t kRows = 5;
constexpr size_t kLabel = 200;  // bytes of one that are kept

void AppendQuoted(std::string* text, std::string_view label) {
  *text += '"';
  for (const char c : label) {
    if (c == '"' || c == '\\') *text += '\\';
    *text += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
  }
  *text += '"';
}

void AppendNumber(std::string* text, const char* before, int64_t number) {
  *text += before;
  *text += std::to_string(number);
}

}  // namespace

ProcessWatch& ProcessWatch::Instance() {
  static ProcessWatch& instance = *new ProcessWatch;
  return instance;
}

ProcessWatch::ProcessWatch() { pacer_.set_limit(memory_.limit()); }

int64_t ProcessWatch::Now() {
  using std::chrono::duration_cast;
  using std::chrono::milliseconds;
  return duration_cast<milliseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void ProcessWatch::StartThread() {
  if (is_started_.exchange(true)) return;
  const int64_t now = Now();
  const int64_t usage = memory_.Usage();
  if (usage < 0) return;
  pacer_.Look(usage, now);  // at once: the thread may have to wait
#if defined(_WIN32)
  std::thread([this] { Run(); }).detach();
#else
  // Not std::thread, which needs a newer glibc. Signals are for the threads of Node.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread{};
  const auto run = [](void* watch) -> void* {
    static_cast<ProcessWatch*>(watch)->Run();
    return nullptr;
  };
  // Without a thread there are the pacers of the environments.
  if (pthread_create(&thread, nullptr, run, this) == 0) pthread_detach(thread);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
#endif
}

void ProcessWatch::SetLimit(int64_t limit, bool followed) {
  const std::lock_guard<std::mutex> lock(limit_mutex_);
  is_followed_ = followed;
  pacer_.set_limit(limit);
}

void ProcessWatch::Reread() {
  memory_.Reread();
  const std::lock_guard<std::mutex> lock(limit_mutex_);
  if (is_followed_) pacer_.set_limit(memory_.limit());
}

void ProcessWatch::Run() {
  int64_t reread_at = Now();
  for (;;) {
    if (Now() - reread_at >= kRereadEvery) {
      Reread();
      reread_at = Now();
    }
    const int64_t now = Now();  // before: this thread may have to wait
    const int64_t usage = memory_.Usage();
    if (usage < 0) return;
    double wait = pacer_.Look(usage, now);
    if (has_box_.load(std::memory_order_relaxed)) {
      WriteBox(usage, Now());
      wait = std::min(wait, static_cast<double>(WritesEvery(usage)));
    }
    std::this_thread::sleep_for(std::chrono::microseconds(static_cast<int64_t>(wait * 1000)));
  }
}

int ProcessWatch::SetBlackBox(const std::string& path) {
  const std::lock_guard<std::mutex> lock(box_mutex_);
  if (path == box_path_) return 0;
  if (path.empty()) {
    has_box_ = false;
    box_path_.clear();
    box_.Close();
    return 0;
  }
  const int error = box_.Open(path.c_str());
  if (error != 0) return error;  // the former goes on
  box_path_ = path;
  samples_.clear();
  written_at_ = 0;
  has_box_ = true;
  return 0;
}

void ProcessWatch::MarkEnd() {
  if (!has_box_) return;
  WriteBox(memory_.Usage(), Now() + kWriteEvery);
  const std::lock_guard<std::mutex> lock(box_mutex_);
  box_.MarkEnd();
}

void ProcessWatch::PublishNow(const void* owner, const Ledger& ledger, int64_t now) {
  const std::unique_lock<std::mutex> lock(box_mutex_, std::try_to_lock);
  if (!lock.owns_lock()) return;  // it is being written: next time
  auto at = std::find_if(published_.begin(), published_.end(),
                         [owner](const Published& each) { return each.owner == owner; });
  if (at == published_.end()) at = published_.insert(at, Published{owner, 0, {}});
  if (now - at->at < kPublishEvery) return;
  at->at = now;
  at->rows.clear();
  std::vector<const Account*> largest;
  for (uint32_t i = 0; i < ledger.accounts(); i++) {
    if (ledger.account(i).pointers > 0) largest.push_back(&ledger.account(i));
  }
  const size_t count = std::min(largest.size(), kRows);
  std::partial_sort(largest.begin(), largest.begin() + static_cast<ptrdiff_t>(count), largest.end(),
                    [](const Account* a, const Account* b) { return a->bytes > b->bytes; });
  for (size_t i = 0; i < count; i++) {
    const Account& account = *largest[i];
    at->rows.push_back(
        {std::string(account.label.text().substr(0, kLabel)), account.bytes, account.pointers});
  }
}

void ProcessWatch::Retract(const void* owner) {
  const std::lock_guard<std::mutex> lock(box_mutex_);
  const auto is_owners = [owner](const Published& each) { return each.owner == owner; };
  published_.erase(std::remove_if(published_.begin(), published_.end(), is_owners), published_.end());
}

int64_t ProcessWatch::WritesEvery(int64_t usage) const {
  return usage > memory_.limit() / 2 ? kWriteEveryNear : kWriteEvery;
}

void ProcessWatch::WriteBox(int64_t usage, int64_t now) {
  const Share::Sum sum = Share::Total();
  const std::lock_guard<std::mutex> lock(box_mutex_);
  if (!box_.is_open() || now - written_at_ < WritesEvery(usage)) return;
  written_at_ = now;
  const int64_t time = std::chrono::duration_cast<std::chrono::milliseconds>(
                           std::chrono::system_clock::now().time_since_epoch())
                           .count();
  const int64_t tracked = sum.bytes + sum.manual + sum.outside;
  if (samples_.empty() || time - samples_.back().at >= kSampleEvery) {
    if (samples_.size() == kSamples) samples_.erase(samples_.begin());
    samples_.push_back({time, usage, tracked});
  }
  std::map<std::string_view, Row> rows;
  for (const Published& each : published_) {
    for (const Row& row : each.rows) {
      rows[row.label].bytes += row.bytes;
      rows[row.label].pointers += row.pointers;
    }
  }
  std::vector<std::pair<std::string_view, Row>> largest(rows.begin(), rows.end());
  std::sort(largest.begin(), largest.end(),
            [](const auto& a, const auto& b) { return a.second.bytes > b.second.bytes; });
  largest.resize(std::min(largest.size(), kRows));

  std::string text;
  AppendNumber(&text, "{\"pid\":", ProcessId());
  AppendNumber(&text, ",\"time\":", time);
  AppendNumber(&text, ",\"usage\":", usage);
  AppendNumber(&text, ",\"limit\":", pacer_.limit() == ProcessPacer::kNoLimit ? -1 : pacer_.limit());
  AppendNumber(&text, ",\"kernelLimit\":", memory_.limit() == KernelMemory::kNone ? -1 : memory_.limit());
  AppendNumber(&text, ",\"bytes\":", sum.bytes);
  AppendNumber(&text, ",\"pointers\":", sum.pointers);
  AppendNumber(&text, ",\"manual\":", sum.manual);
  AppendNumber(&text, ",\"outside\":", sum.outside);
  AppendNumber(&text, ",\"dead\":", sum.dead_bytes);
  AppendNumber(&text, ",\"threads\":", sum.environments);
  text += ",\"accounts\":[";
  for (const auto& [label, row] : largest) {
    text += text.back() == '[' ? "{\"label\":" : ",{\"label\":";
    AppendQuoted(&text, label);
    AppendNumber(&text, ",\"bytes\":", row.bytes);
    AppendNumber(&text, ",\"pointers\":", row.pointers);
    text += '}';
  }
  text += "],\"samples\":[";
  for (const Sample& each : samples_) {
    text += text.back() == '[' ? "" : ",";
    AppendNumber(&text, "[", each.at);
    AppendNumber(&text, ",", each.usage);
    AppendNumber(&text, ",", each.tracked);
    text += ']';
  }
  text += "]}";
  box_.Write(text);
}

void ProcessWatch::Trim(bool must) {
  const int64_t now = Now();
  if (!must && now - trimmed_at_.load(std::memory_order_relaxed) < kTrimEvery) return;
  trimmed_at_.store(now, std::memory_order_relaxed);
  TrimAllocator();
}

}  // namespace tally
