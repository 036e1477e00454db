#include "meters/block_table.h"

#include <atomic>

#include "base/hidden_memory.h"

namespace tally {

namespace {

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
  Locked(BlockTable* table, uint64_t key) : Locked(table, &table->ShardOf(key)) {}
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

void BlockTable::Shard::Remove(size_t place) {
  count--;
  bytes -= entries[place].bytes;
  Close(place);
}

// Moves those behind it up, so that a search never meets a hole that it should not.
void BlockTable::Shard::Close(size_t hole) {
  for (size_t i = (hole + 1) & mask; entries[i].key != 0; i = (i + 1) & mask) {
    if (((i - (Hash(entries[i].key) >> 20)) & mask) < ((i - hole) & mask)) continue;
    entries[hole] = entries[i];
    hole = i;
  }
  entries[hole] = Entry{};
}

// For one more. Returns whether there is some.
bool BlockTable::Shard::MakeRoom() {
  if (count < most) return true;
  const size_t capacity = Capacity();
  return Resize(capacity == 0 ? kLeast : capacity * 2) || count + 1 < capacity;
}

void BlockTable::Shard::Shrink() {
  if (count < least) Resize((mask + 1) / 4);
}

bool BlockTable::Shard::Resize(size_t next) {
  auto* larger = static_cast<Entry*>(HiddenCalloc(next, sizeof(Entry)));  // this shard is locked
  if (larger == nullptr) return false;
  Entry* old = entries;
  const size_t before = Capacity();
  entries = larger;
  mask = next - 1;
  most = next / 2;
  least = next > kLeast ? next / 16 : 0;
  own_bytes.fetch_add(static_cast<int64_t>((next - before) * sizeof(Entry)), std::memory_order_relaxed);
  for (size_t i = 0; i < before; i++) {
    if (old[i].key != 0) entries[Place(old[i].key)] = old[i];
  }
  HiddenFree(old);
  return true;
}

BlockTable::Entry BlockTable::Put(uint64_t key, uint64_t bytes, uint64_t account) {
  if (TryPut(key, bytes, account)) return Entry{};
  const Locked shard(this, key);
  if (!shard->MakeRoom()) return Entry{};
  Entry& entry = shard->entries[shard->Place(key)];
  const Entry before = entry;
  if (before.key == 0) shard->count++;
  shard->bytes += bytes - before.bytes;
  entry = {key, bytes, account};
  return before;
}

BlockTable::Entry BlockTable::Take(uint64_t key) {
  Entry known;
  if (TryTake(key, &known)) return known;
  const Locked shard(this, key);
  if (shard->count == 0) return known;
  const size_t place = shard->Place(key);
  known = shard->entries[place];
  if (known.key == 0) return known;
  shard->Remove(place);
  shard->Shrink();
  return known;
}

BlockTable::Entry BlockTable::Find(uint64_t key) {
  Entry known;
  if (TryFind(key, &known)) return known;
  const Locked shard(this, key);
  return shard->count == 0 ? known : shard->entries[shard->Place(key)];
}

bool BlockTable::Mark(uint64_t key, uint64_t bits) {
  const Locked shard(this, key);
  if (shard->count == 0) return false;
  Entry& entry = shard->entries[shard->Place(key)];
  if (entry.key == 0) return false;
  entry.account |= bits;
  return true;
}

BlockTable::Entry BlockTable::Subtract(uint64_t key, uint64_t bytes) {
  const Locked shard(this, key);
  if (shard->count == 0) return Entry{};
  const size_t place = shard->Place(key);
  Entry& entry = shard->entries[place];
  const Entry known = entry;
  if (known.key == 0) return known;
  if (bytes >= known.bytes) {
    shard->Remove(place);
    shard->Shrink();
  } else {
    entry.bytes -= bytes;
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
    for (size_t i = 0; i < shard->Capacity(); i++) {
      if (shard->entries[i].key != 0) see(shard->entries[i], context);
    }
  }
}

void BlockTable::Clear() {
  for (Shard& each : shards_) {
    const Locked shard(this, &each);
    own_bytes.fetch_sub(static_cast<int64_t>(shard->Capacity() * sizeof(Entry)), std::memory_order_relaxed);
    HiddenFree(shard->entries);
    shard->entries = nullptr;
    shard->mask = shard->count = shard->most = shard->least = 0;
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
