// Memory for what counts memory: no slot that leads to the counting is on the way to it. On Windows those of
// the C runtime are, and that through which calloc() of musl asks malloc(); elsewhere this addon's own are
// not.

#ifndef FFI_TALLY_BASE_HIDDEN_MEMORY_H_
#define FFI_TALLY_BASE_HIDDEN_MEMORY_H_

#include <cstddef>
#include <cstdlib>
#include <cstring>

#ifdef _WIN32
#include "base/windows_api.h"
#endif

namespace tally {

// NOLINTBEGIN(*-no-malloc): not with operator new, which goes through slots of the C++ runtime

// As calloc(); nullptr without memory. REQUIRES: the product does not overflow.
inline void* HiddenCalloc(size_t count, size_t size) {
#ifdef _WIN32
  return HeapAlloc(GetProcessHeap(), HEAP_ZERO_MEMORY, count * size);
#elif defined(__linux__) && !defined(__GLIBC__)
  void* volatile block = std::malloc(count * size);  // volatile: a compiler would make it calloc()
  return block == nullptr ? nullptr : std::memset(block, 0, count * size);
#else
  return std::calloc(count, size);
#endif
}

// As free().
inline void HiddenFree(void* block) {
#ifdef _WIN32
  HeapFree(GetProcessHeap(), 0, block);
#else
  std::free(block);
#endif
}

// NOLINTEND(*-no-malloc)

}  // namespace tally

#endif  // FFI_TALLY_BASE_HIDDEN_MEMORY_H_
