// Which of some pointers stand in the memory of other blocks: what C keeps, it may free itself.
//
// Of a large block only the beginning is read, and of all together so much that an audit can look several
// times a second. One thread; others may free and make blocks meanwhile, except in Add() and Look().

#ifndef FFI_TALLY_METERS_HELD_POINTERS_H_
#define FFI_TALLY_METERS_HELD_POINTERS_H_

#include <cstddef>
#include <cstdint>

#include "meters/block_table.h"

namespace tally {

class HeldPointers {
 public:
  static constexpr uint64_t kMostOfBlock = uint64_t{64} << 10;  // that is read, from its beginning on

  struct Block {
    uint64_t address = 0;
    uint64_t bytes = 0;
    uint64_t call = 0;          // that has made it; larger for later ones
    bool is_of_makers = false;  // made by the functions that have returned the pointers
  };

  // `blocks` are all that live.
  explicit HeldPointers(BlockTable* blocks) : blocks_(blocks) {}

  // C has returned a pointer to that block, or to as much as `reach` bytes behind its beginning. Some are
  // enough, and the others are left out.
  void Add(const Block& block, uint64_t reach);

  // Looks for them in that block. What the same call has made is part of the same object, and no holder.
  void Look(const Block& block);

  size_t count() const { return count_; }
  // Those that something holds that is older, or of the same makers, or that the object does not lead to:
  // what hangs on the object itself is part of it, too, and points back.
  size_t CountHeld() const;
  // Those whose block holds a pointer to another block that lives, which free() would leave.
  size_t CountLeading() const;

 private:
  static constexpr size_t kMostPointers = 16;
  static constexpr size_t kMostHolders = 8;

  struct Pointer {
    Block block;
    bool is_held = false;
    size_t count = 0;
    uint64_t younger[kMostHolders] = {};
  };

  bool Reaches(uint64_t from, uint64_t to) const;

  BlockTable* blocks_;
  Pointer pointers_[kMostPointers];
  size_t count_ = 0;
  uint64_t lowest_ = UINT64_MAX;
  uint64_t highest_ = 0;
  uint64_t reach_ = 0;
  uint64_t read_ = 0;  // bytes
};

}  // namespace tally

#endif  // FFI_TALLY_METERS_HELD_POINTERS_H_
