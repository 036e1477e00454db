#include "base/process_memory.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#if defined(__APPLE__)
#include <malloc/malloc.h>
#elif defined(_WIN32) || defined(__linux__)
#include <malloc.h>
#endif

#if defined(_WIN32)
#include "base/windows_api.h"
#else
#include <dlfcn.h>
#if defined(__linux__)
#include <sys/uio.h>
#endif
#include <unistd.h>

#include <ctime>
#endif

#if defined(__GLIBC__)
#include "base/old_glibc.h"
#endif

namespace tally {

uintptr_t AllocateBlock(size_t bytes) {
  return reinterpret_cast<uintptr_t>(std::calloc(bytes == 0 ? 1 : bytes, 1));  // NOLINT(*-no-malloc)
}

uintptr_t FreeBlockAddress() {
  // The function itself, where that can be told, so that it is known when it is called by hand.
#if defined(_WIN32)
  void (*free_block)(void*) = [](void* block) { std::free(block); };
#else
  void (*free_block)(void*) = &std::free;
#endif
  return reinterpret_cast<uintptr_t>(free_block);
}

uintptr_t NothingAddress() {
  void (*nothing)() = [] {};
  return reinterpret_cast<uintptr_t>(nothing);
}

void MergeFreedBlocks() {
#if defined(__GLIBC__)
  // Requests of at least 1024 bytes merge the blocks of the fastbins first.
  void* volatile block = std::malloc(2048);  // NOLINT(*-no-malloc)
  std::free(block);                          // NOLINT(*-no-malloc)
#endif
}

void ExpectBulkFrees(int64_t bytes) {
#if defined(__GLIBC__)
  // What glibc calls DEFAULT_MMAP_THRESHOLD_MAX. A mapped block is larger than what was asked for, by a page.
  constexpr int64_t kMost = int64_t{4} * 1024 * 1024 * sizeof(long);
  constexpr int64_t kPage = 4096;
  const int64_t size = std::min(bytes / 2, kMost) - 2 * kPage;
  if (size <= 0) return;
  void* volatile block = std::malloc(static_cast<size_t>(size));  // NOLINT(*-no-malloc): never touched
  std::free(block);                                               // NOLINT(*-no-malloc)
#else
  (void)bytes;
#endif
}

#if defined(__linux__)
namespace {

#if defined(__GLIBC__)
// As in <malloc.h> of glibc 2.33, which may be newer than the one we are built with, or run on.
struct MallInfo2 {
  size_t arena, ordblks, smblks, hblks, hblkhd, usmblks, fsmblks, uordblks, fordblks, keepcost;
};
#endif

bool ReadGlibc(AllocatorFigures* figures) {
#if defined(__GLIBC__)
  static const auto read = reinterpret_cast<MallInfo2 (*)()>(dlsym(RTLD_DEFAULT, "mallinfo2"));
  if (read == nullptr) return false;
  const MallInfo2 info = read();
  figures->in_use = static_cast<int64_t>(info.uordblks + info.hblkhd);
  figures->held = static_cast<int64_t>(info.fordblks);
  return true;
#else
  (void)figures;
  return false;
#endif
}

// Whether malloc moves glibc's figures: a preloaded allocator or a sanitizer leaves them as they are.
bool IsGlibc() {
  constexpr size_t kBytes = 1 << 20;
  for (int attempt = 0; attempt < 3; attempt++) {  // other threads free, too
    AllocatorFigures before{};
    AllocatorFigures after{};
    if (!ReadGlibc(&before)) return false;
    void* volatile block = std::malloc(kBytes);  // NOLINT(*-no-malloc)
    ReadGlibc(&after);
    std::free(block);  // NOLINT(*-no-malloc)
    if (after.in_use - before.in_use >= static_cast<int64_t>(kBytes / 2)) return true;
  }
  return false;
}

// jemalloc has an interface of its own; any other replacement is a stranger.
enum class Allocator { kGlibc, kJemalloc, kStranger };

using MallCtl = int (*)(const char*, void*, size_t*, void*, size_t);

MallCtl JemallocControl() { return reinterpret_cast<MallCtl>(dlsym(RTLD_DEFAULT, "mallctl")); }

Allocator TheAllocator() {
  static const Allocator found = IsGlibc()                      ? Allocator::kGlibc
                                 : JemallocControl() != nullptr ? Allocator::kJemalloc
                                                                : Allocator::kStranger;
  return found;
}

bool ReadJemalloc(MallCtl control, AllocatorFigures* figures) {
  uint64_t epoch = 1;  // figures are as old as the last write to this
  size_t size = sizeof epoch;
  if (control("epoch", nullptr, nullptr, &epoch, size) != 0) return false;
  const auto read = [control](const char* name, size_t* value) {
    size_t length = sizeof *value;
    return control(name, value, &length, nullptr, 0) == 0;
  };
  size_t allocated = 0;
  size_t resident = 0;
  if (!read("stats.allocated", &allocated) || !read("stats.resident", &resident)) return false;
  figures->in_use = static_cast<int64_t>(allocated);
  figures->held = resident > allocated ? static_cast<int64_t>(resident - allocated) : 0;
  return true;
}

}  // namespace
#endif

size_t ReadMemory(uint64_t address, size_t bytes, void* to) {
#if defined(__linux__)
  const iovec local{to, bytes};
  const iovec remote{reinterpret_cast<void*>(static_cast<uintptr_t>(address)), bytes};
  const ssize_t read = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
  return read < 0 ? 0 : static_cast<size_t>(read);
#else
  (void)address;
  (void)bytes;
  (void)to;
  return 0;
#endif
}

bool ReadAllocator(AllocatorFigures* figures) {
#if defined(__linux__)
  if (TheAllocator() == Allocator::kJemalloc) return ReadJemalloc(JemallocControl(), figures);
  return TheAllocator() == Allocator::kGlibc && ReadGlibc(figures);
#elif defined(__APPLE__)
  malloc_statistics_t statistics{};
  malloc_zone_statistics(nullptr, &statistics);
  figures->in_use = static_cast<int64_t>(statistics.size_in_use);
  figures->held = static_cast<int64_t>(statistics.size_allocated - statistics.size_in_use);
  return true;
#else
  (void)figures;
  return false;
#endif
}

bool TrimAllocator() {
#if defined(__linux__)
  // 4096 is jemalloc's MALLCTL_ARENAS_ALL.
  if (TheAllocator() == Allocator::kJemalloc) {
    return JemallocControl()("arena.4096.purge", nullptr, nullptr, nullptr, 0) == 0;
  }
#if defined(__GLIBC__)
  if (TheAllocator() != Allocator::kGlibc) return false;
  malloc_trim(0);
  return true;
#else
  return false;
#endif
#elif defined(__APPLE__)
  malloc_zone_pressure_relief(nullptr, 0);
  return true;
#else
  return false;
#endif
}

int64_t ProcessId() {
#if defined(_WIN32)
  return static_cast<int64_t>(GetCurrentProcessId());
#else
  return getpid();
#endif
}

double ThreadCpuTime() {
#if defined(_WIN32)
  FILETIME created{};
  FILETIME exited{};
  FILETIME kernel{};
  FILETIME user{};
  GetThreadTimes(GetCurrentThread(), &created, &exited, &kernel, &user);
  const auto ticks = [](const FILETIME& time) {
    return static_cast<double>((uint64_t{time.dwHighDateTime} << 32) | time.dwLowDateTime);
  };
  return (ticks(kernel) + ticks(user)) / 1e4;
#else
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
#endif
}

bool IsUnmap(uint64_t function) {
#if defined(_WIN32)
  (void)function;
  return false;
#else
  const auto address = reinterpret_cast<void*>(static_cast<uintptr_t>(function));
  // In a program that is not position-independent this is an address of its own.
  if (address == dlsym(RTLD_DEFAULT, "munmap")) return true;
  Dl_info info{};
  return dladdr(address, &info) != 0 && info.dli_saddr == address && info.dli_sname != nullptr &&
         (std::strcmp(info.dli_sname, "munmap") == 0 || std::strcmp(info.dli_sname, "__munmap") == 0);
#endif
}

}  // namespace tally
