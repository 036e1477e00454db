// Where the blocks that libraries free stay for a while, in the stress mode: overwritten, and given to
// nobody, so that whoever uses one of them still soon fails.
//
// Process-wide on purpose, as what frees them is. Any thread.

#ifndef FFI_TALLY_METERS_QUARANTINE_H_
#define FFI_TALLY_METERS_QUARANTINE_H_

#include <cstddef>

#include "meters/listeners.h"

namespace tally {

class Quarantine {
 public:
  static constexpr unsigned char kPoison = 0xdb;  // eight of them are no address
  static constexpr size_t kMostBytes = size_t{64} << 20;
  static constexpr size_t kMostBlocks = 4096;

  // Whether blocks that are freed from now on stay. Those that are there leave when others come.
  static void Use(bool on);

  // Frees that block with `release`: now, or after many others. Now if its bytes are not known: 0.
  static void Free(void* block, size_t bytes, void (*release)(void*)) {
    if (!Listeners::Has(Listeners::kQuarantine) || bytes == 0 || bytes > kMostBytes) return release(block);
    Keep(block, bytes, release);
  }

  // Around a fork.
  static void Lock();
  static void Unlock();

 private:
  static void Keep(void* block, size_t bytes, void (*release)(void*));
};

}  // namespace tally

#endif  // FFI_TALLY_METERS_QUARANTINE_H_
