// Numbers by number, for many threads: the blocks of memory that are counted, by address, each with the bytes
// that were asked for and the account that carries them. Sharded, each shard under a spin lock that is held
// for some nanoseconds; the first thread needs none until there is a second one. Never destroyed: C frees
// until the very end.
//
// Without memory for a larger shard a block is not taken in.

#ifndef FFI_TALLY_METERS_BLOCK_TABLE_H_
#define FFI_TALLY_METERS_BLOCK_TABLE_H_

#include <cstddef>
#include <cstdint>

#include "base/sole_thread.h"
#include "base/spin_lock.h"

namespace tally {

class BlockTable {
 public:
  struct Entry {
    uint64_t key = 0;  // 0: there is none
    uint64_t bytes = 0;
    uint64_t account = 0;
  };

  struct Totals {
    uint64_t blocks = 0;
    uint64_t bytes = 0;
  };

  constexpr BlockTable() = default;

  // Returns what was known of `key` before: the block was freed by somebody who did not say so. REQUIRES: key
  // is not 0.
  Entry Put(uint64_t key, uint64_t bytes, uint64_t account);

  // Removes `key` and returns what was known of it.
  Entry Take(uint64_t key);

  Entry Find(uint64_t key);

  // Takes `bytes` off what is known of `key`, and removes it when nothing is left. Returns what was known.
  Entry Subtract(uint64_t key, uint64_t bytes);

  Totals Sum();

  // Calls `see` for each. Meanwhile nobody can free that block. REQUIRES: `see` allocates nothing.
  void Each(void (*see)(const Entry& entry, void* context), void* context);

  // What the tables themselves take, all of them.
  static int64_t OwnBytes();

  // Forgets all.
  void Clear();

  // Around a fork, so that the child finds no lock that nobody will release. The thread that holds all of
  // them may call the other functions.
  void LockAll();
  void UnlockAll();

 private:
  static constexpr size_t kShards = 64;

  struct alignas(64) Shard {
    SpinLock lock;
    Entry* entries = nullptr;
    size_t capacity = 0;  // a power of two, or 0
    size_t count = 0;
    uint64_t bytes = 0;

    Entry* Place(uint64_t key) const;
    bool Resize(size_t next);
    void Remove(Entry* entry);
  };

  class Locked;

  SoleThread sole_;
  Shard shards_[kShards];
};

}  // namespace tally

#endif  // FFI_TALLY_METERS_BLOCK_TABLE_H_
