// The bytes that a block from malloc really has.

#ifndef FFI_TALLY_BASE_USABLE_BYTES_H_
#define FFI_TALLY_BASE_USABLE_BYTES_H_

#include <cstdint>

#if defined(__APPLE__)
#include <malloc/malloc.h>
#elif defined(_WIN32) || defined(__linux__)
#include <malloc.h>
#endif

namespace tally {

// -1 where the platform cannot tell. REQUIRES: `block` came from the C allocator and is not freed.
inline int64_t UsableBytes(void* block) {
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

}  // namespace tally

#endif  // FFI_TALLY_BASE_USABLE_BYTES_H_
