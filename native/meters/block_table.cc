#include "meters/block_table.h"

#include <atomic>

#include "base/hidden_memory.h"

namespace tally {

namespace {

// The upper six bits choose the shard, those in the middle the place there.
uint64_t Hash(uint64_t key) { return (key >> 4 ^ key << 60) * UINT64_C(0x9e3779b97f4a7c15); }
size_t PlaceOf(uint64_t key, size_t capacity) { return Hash(key) >> 20 & (capacity - 1); }

constexpr size_t kLeast = 64;

std::atomic<int64_t> own_bytes{0};

// Whether some thread holds every lock, because it forks, and whether this one does: what is called meanwhile
// may allocate.
std::atomic<bool> someone_forks{false};
thread_local bool this_one_forks = false;

bool HoldsAll() { return someone_forks.load(std::memory_order_relaxed) && this_one_forks; }

}  // namespace

class BlockTable::Locked {
 public:
  Locked(BlockTable* table, uint64_t key) : Locked(table, &table->shards_[Hash(key) >> 58]) {}
  Locked(BlockTable* table, Shard* shard)
      : shard_(shard), sole_(table->sole_.Enter() ? &table->sole_ : nullptr) {
    if (sole_ != nullptr) return;
    is_held_ = HoldsAll();
    if (!is_held_) shard_->lock.lock();
  }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;
  ~Locked() {
    if (sole_ != nullptr) {
      sole_->Leave();
    } else if (!is_held_) {
      shard_->lock.unlock();
    }
  }
  Shard* operator->() const { return shard_; }

 private:
  Shard* shard_;
  SoleThread* sole_;  // that has entered, if any
  bool is_held_ = false;
};

// The entry of that key, or the empty one where it would go. REQUIRES: there is an empty one.
BlockTable::Entry* BlockTable::Shard::Place(uint64_t key) const {
  size_t i = PlaceOf(key, capacity);
  while (entries[i].key != 0 && entries[i].key != key) i = (i + 1) & (capacity - 1);
  return &entries[i];
}

bool BlockTable::Shard::Resize(size_t next) {
  auto* larger = static_cast<Entry*>(HiddenCalloc(next, sizeof(Entry)));  // this shard is locked
  if (larger == nullptr) return false;
  Entry* old = entries;
  const size_t old_capacity = capacity;
  entries = larger;
  capacity = next;
  own_bytes.fetch_add(static_cast<int64_t>((next - old_capacity) * sizeof(Entry)), std::memory_order_relaxed);
  for (size_t i = 0; i < old_capacity; i++) {
    if (old[i].key != 0) *Place(old[i].key) = old[i];
  }
  HiddenFree(old);
  return true;
}

// Moves those behind it up, so that a search never meets a hole that it should not.
void BlockTable::Shard::Remove(Entry* entry) {
  count--;
  bytes -= entry->bytes;
  const size_t mask = capacity - 1;
  auto hole = static_cast<size_t>(entry - entries);
  for (size_t i = (hole + 1) & mask; entries[i].key != 0; i = (i + 1) & mask) {
    if (((i - PlaceOf(entries[i].key, capacity)) & mask) < ((i - hole) & mask)) continue;
    entries[hole] = entries[i];
    hole = i;
  }
  entries[hole] = Entry{};
  if (count < capacity / 16 && capacity > kLeast) Resize(capacity / 4);
}

BlockTable::Entry BlockTable::Put(uint64_t key, uint64_t bytes, uint64_t account) {
  const Locked shard(this, key);
  if (shard->count + 1 > shard->capacity / 2 &&
      !shard->Resize(shard->capacity == 0 ? kLeast : shard->capacity * 2) &&
      shard->count + 1 >= shard->capacity) {
    return Entry{};
  }
  Entry* entry = shard->Place(key);
  const Entry before = *entry;
  if (before.key == 0) shard->count++;
  shard->bytes += bytes - before.bytes;
  *entry = {key, bytes, account};
  return before;
}

BlockTable::Entry BlockTable::Take(uint64_t key) {
  const Locked shard(this, key);
  if (shard->count == 0) return Entry{};
  Entry* entry = shard->Place(key);
  const Entry known = *entry;
  if (known.key != 0) shard->Remove(entry);
  return known;
}

BlockTable::Entry BlockTable::Find(uint64_t key) {
  const Locked shard(this, key);
  return shard->count == 0 ? Entry{} : *shard->Place(key);
}

BlockTable::Entry BlockTable::Subtract(uint64_t key, uint64_t bytes) {
  const Locked shard(this, key);
  if (shard->count == 0) return Entry{};
  Entry* entry = shard->Place(key);
  const Entry known = *entry;
  if (known.key == 0) return known;
  if (bytes >= known.bytes) {
    shard->Remove(entry);
  } else {
    entry->bytes -= bytes;
    shard->bytes -= bytes;
  }
  return known;
}

int64_t BlockTable::OwnBytes() { return own_bytes.load(std::memory_order_relaxed); }

BlockTable::Totals BlockTable::Sum() {
  Totals sum;
  for (Shard& each : shards_) {
    const Locked shard(this, &each);
    sum.blocks += shard->count;
    sum.bytes += shard->bytes;
  }
  return sum;
}

void BlockTable::Each(void (*see)(const Entry& entry, void* context), void* context) {
  for (Shard& each : shards_) {
    const Locked shard(this, &each);
    for (size_t i = 0; i < shard->capacity; i++) {
      if (shard->entries[i].key != 0) see(shard->entries[i], context);
    }
  }
}

void BlockTable::Clear() {
  for (Shard& each : shards_) {
    const Locked shard(this, &each);
    own_bytes.fetch_sub(static_cast<int64_t>(shard->capacity * sizeof(Entry)), std::memory_order_relaxed);
    HiddenFree(shard->entries);
    shard->entries = nullptr;
    shard->capacity = 0;
    shard->count = 0;
    shard->bytes = 0;
  }
}

void BlockTable::LockAll() {
  sole_.Lock();
  for (Shard& shard : shards_) shard.lock.lock();
  this_one_forks = true;
  someone_forks.store(true, std::memory_order_relaxed);
}

void BlockTable::UnlockAll() {
  someone_forks.store(false, std::memory_order_relaxed);
  this_one_forks = false;
  for (Shard& shard : shards_) shard.lock.unlock();
  sole_.Unlock();
}

}  // namespace tally
