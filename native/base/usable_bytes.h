// The bytes that a block from malloc really has.

#ifndef FFI_TALLY_BASE_USABLE_BYTES_H_
#define FFI_TALLY_BASE_USABLE_BYTES_H_

#include <cstddef>
#include <cstdint>

#if defined(__APPLE__)
#include <malloc/malloc.h>
#elif defined(_WIN32) || defined(__linux__)
#include <malloc.h>
#endif

namespace tally {

// -1 where the platform cannot tell, as of a block of another heap. REQUIRES: `block` came from an allocator
// of C and is not freed.
inline int64_t UsableBytes(void* block) {
#if defined(__APPLE__)
  const size_t bytes = malloc_size(block);
  return bytes == 0 ? -1 : static_cast<int64_t>(bytes);
#elif defined(_WIN32)
  return static_cast<int64_t>(_msize(block));  // SIZE_MAX where it cannot tell
#elif defined(__linux__)
  return static_cast<int64_t>(malloc_usable_size(block));
#else
  (void)block;
  return -1;
#endif
}

// The same for sums: 0 where the platform cannot tell.
inline size_t CountableBytes(void* block) {
  const int64_t bytes = UsableBytes(block);
  return bytes < 0 ? 0 : static_cast<size_t>(bytes);
}

}  // namespace tally

#endif  // FFI_TALLY_BASE_USABLE_BYTES_H_
