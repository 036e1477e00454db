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

#include "base/inline.h"
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

  // Adds `bits` to the account of `key`. Returns whether that is known.
  bool Mark(uint64_t key, uint64_t bits);

  // The same where a few instructions do it. Otherwise nothing is done, and false: where it takes waiting or
  // memory, or if that key is known.
  TALLY_INLINE bool TryPut(uint64_t key, uint64_t bytes, uint64_t account) {
    return Try(key, [&](Shard& shard) { return shard.TryPut(key, bytes, account); });
  }
  // Writes what is known to `*known`, if anything is.
  TALLY_INLINE bool TryTake(uint64_t key, Entry* known) {
    return Try(key, [&](Shard& shard) { return shard.TryTake(key, known); });
  }
  TALLY_INLINE bool TryFind(uint64_t key, Entry* known) {
    return Try(key, [&](Shard& shard) {
      if (shard.count != 0) *known = shard.entries[shard.Place(key)];
      return true;
    });
  }

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

  // The upper six bits choose the shard, those in the middle the place there.
  static uint64_t Hash(uint64_t key) { return (key >> 4 | key << 60) * UINT64_C(0x9e3779b97f4a7c15); }

  struct alignas(64) Shard {
    SpinLock lock;
    Entry* entries = nullptr;
    size_t mask = 0;  // one less than there are entries, of which there are a power of two
    size_t count = 0;
    size_t most = 0;   // with as many it grows
    size_t least = 0;  // with fewer it shrinks
    uint64_t bytes = 0;

    size_t Capacity() const { return entries == nullptr ? 0 : mask + 1; }
    // Of that key, or of the empty entry where it would go. REQUIRES: there is an empty one.
    TALLY_INLINE size_t Place(uint64_t key) const {
      const Entry* const all = entries;
      const size_t around = mask;
      size_t i = Hash(key) >> 20 & around;
      while (all[i].key != key && all[i].key != 0) i = (i + 1) & around;
      return i;
    }
    void Remove(size_t place);
    void Close(size_t hole);
    bool MakeRoom();
    void Shrink();
    bool Resize(size_t next);

    TALLY_INLINE bool TryPut(uint64_t key, uint64_t more, uint64_t account);
    TALLY_INLINE bool TryTake(uint64_t key, Entry* known);
  };

  Shard& ShardOf(uint64_t key) { return shards_[Hash(key) >> 58]; }

  // Returns what `change` does, which neither waits nor allocates; false if the shard of that key is not to
  // be had at once.
  template <typename F>
  TALLY_INLINE bool Try(uint64_t key, F&& change) {
    Shard& shard = ShardOf(key);
    if (sole_.TryEnter()) {
      const bool is_done = change(shard);
      sole_.Leave();
      return is_done;
    }
    if (!sole_.IsOver() || !shard.lock.try_lock()) return false;
    const bool is_done = change(shard);
    shard.lock.unlock();
    return is_done;
  }

  class Locked;

  Shard shards_[kShards];
  SoleThread sole_;
};

bool BlockTable::Shard::TryPut(uint64_t key, uint64_t more, uint64_t account) {
  const size_t before = count;
  if (before >= most) return false;
  Entry& entry = entries[Place(key)];
  if (entry.key != 0) return false;
  count = before + 1;
  bytes += more;
  entry = {key, more, account};
  return true;
}

bool BlockTable::Shard::TryTake(uint64_t key, Entry* known) {
  const size_t before = count;
  if (before <= least) return before == 0;
  const size_t place = Place(key);
  Entry& entry = entries[place];
  if (entry.key == 0) return true;
  // One by one: 16 bytes that were written as 2 x 8 are not read at once before they are in the cache.
  const uint64_t less = entry.bytes;
  *known = {key, less, entry.account};
  count = before - 1;
  bytes -= less;
  entry = Entry{};
  if (entries[(place + 1) & mask].key != 0) Close(place);
  return true;
}

}  // namespace tally

#endif  // FFI_TALLY_METERS_BLOCK_TABLE_H_
