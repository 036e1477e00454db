#include "process_memory.h"

#include <cstdlib>

#if defined(__APPLE__)
#include <malloc/malloc.h>
#elif defined(_WIN32) || defined(__linux__)
#include <malloc.h>
#endif

#if defined(__GLIBC__)
#include <dlfcn.h>

#include "old_glibc.h"
#endif

namespace tally {

int64_t UsableBytes(void* block) {
#if defined(__APPLE__)
  return static_cast<int64_t>(malloc_size(block));
#elif defined(_WIN32)
  return static_cast<int64_t>(_msize(block));
#elif defined(__linux__)
  return static_cast<int64_t>(malloc_usable_size(block));
#else
  (void)block;
  return -1;
#endif
}

uintptr_t AllocateBlock(size_t bytes) {
  return reinterpret_cast<uintptr_t>(std::calloc(bytes == 0 ? 1 : bytes, 1));  // NOLINT(*-no-malloc)
}

uintptr_t FreeBlockAddress() {
  void (*free_block)(void*) = [](void* block) { std::free(block); };  // NOLINT(*-no-malloc)
  return reinterpret_cast<uintptr_t>(free_block);
}

uintptr_t NothingAddress() {
  void (*nothing)() = [] {};
  return reinterpret_cast<uintptr_t>(nothing);
}

void SettleAllocator() {
#if defined(__GLIBC__)
  // Requests of at least 1024 bytes merge the blocks of the fastbins first.
  void* volatile block = std::malloc(2048);  // NOLINT(*-no-malloc)
  std::free(block);                          // NOLINT(*-no-malloc)
#endif
}

#if defined(__GLIBC__)
// As in <malloc.h> of glibc 2.33, which may be newer than the one we are built with, or run on.
struct MallInfo2 {
  size_t arena, ordblks, smblks, hblks, hblkhd, usmblks, fsmblks, uordblks, fordblks, keepcost;
};
#endif

bool ReadAllocator(AllocatorFigures* figures) {
#if defined(__GLIBC__)
  static const auto read = reinterpret_cast<MallInfo2 (*)()>(dlsym(RTLD_DEFAULT, "mallinfo2"));
  if (read == nullptr) return false;
  const MallInfo2 info = read();
  figures->in_use = static_cast<int64_t>(info.uordblks + info.hblkhd);
  figures->held = static_cast<int64_t>(info.fordblks);
  return true;
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

}  // namespace tally
