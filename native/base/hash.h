// A number for bytes that no other bytes have, as far as chance goes. Never 0.

#ifndef FFI_TALLY_BASE_HASH_H_
#define FFI_TALLY_BASE_HASH_H_

#include <cstddef>
#include <cstdint>

namespace tally {

inline uint64_t HashOf(const void* bytes, size_t length) {
  uint64_t hash = UINT64_C(0xcbf29ce484222325);
  for (size_t i = 0; i < length; i++) {
    hash = (hash ^ static_cast<const uint8_t*>(bytes)[i]) * UINT64_C(0x100000001b3);
  }
  return hash == 0 ? 1 : hash;
}

}  // namespace tally

#endif  // FFI_TALLY_BASE_HASH_H_
