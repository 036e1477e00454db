// The blocks that tracked pointers own, in the checked mode: what a library frees of them is noted, and their
// destructors leave it alone.
//
// Process-wide on purpose, as what frees them is. Any thread.

#ifndef FFI_TALLY_METERS_OWNED_BLOCKS_H_
#define FFI_TALLY_METERS_OWNED_BLOCKS_H_

#include <cstdint>

#include "meters/listeners.h"

namespace tally {

class OwnedBlocks {
 public:
  // A block that was freed while `owner` had it, by the code at `from`.
  struct Loss {
    uint64_t address = 0;
    uint64_t from = 0;
    uint64_t owner = 0;
  };

  static void Own(uint64_t address, uint64_t owner);

  // Its owner is about to free it or give it away. Returns false if it is freed already.
  static bool Disown(uint64_t address);

  // A library has freed it. REQUIRES: `from` is the address of code. Returns whether it has an owner.
  static bool Freed(uint64_t address, uint64_t from) { return IsInUse() && Lose(address, from); }

  // Whether there has been an owner.
  static bool IsInUse() { return Listeners::Has(Listeners::kOwners); }

  // The next loss of that owner, oldest first; false if there is none. Of very many, only the first are kept.
  static bool NextLoss(uint64_t owner, Loss* loss);

  // Around a fork, as in BlockTable.
  static void LockAll();
  static void UnlockAll();

 private:
  static bool Lose(uint64_t address, uint64_t from);
};

}  // namespace tally

#endif  // FFI_TALLY_METERS_OWNED_BLOCKS_H_
