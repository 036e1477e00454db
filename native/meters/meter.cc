#include "meters/meter.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <utility>

#include "base/usable_bytes.h"
#include "meters/checked_blocks.h"

#ifdef __MINGW32__
#include "base/windows_api.h"
#endif

namespace tally {

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

// Written by one thread at a time, so it needs no atomic addition; read by any.
void Count(std::atomic<uint64_t>* counter, uint64_t delta) {
  counter->store(counter->load(kRelaxed) + delta, std::memory_order_release);
}

void Raise(std::atomic<int64_t>* most, int64_t value) {
  int64_t known = most->load(kRelaxed);
  while (known < value && !most->compare_exchange_weak(known, value, kRelaxed)) {
  }
}

}  // namespace

// A cache line of its own. `pending` and `high` are the thread's alone.
struct alignas(64) Meter::Counters {
  std::atomic<uint64_t> allocated_bytes{0};
  std::atomic<uint64_t> freed_bytes{0};
  std::atomic<uint64_t> allocations{0};
  std::atomic<uint64_t> frees{0};
  int64_t pending = 0;  // bytes that level_ does not have
  int64_t high = 0;     // the most that pending was
};

struct Meter::Shard {
  Counters of[kMeters];
  Shard* next = nullptr;
  std::atomic<bool> taken{true};
};

Meter Meter::all_[kMeters];
// For threads that have none of their own: they are ending, or there was no memory. With atomic additions.
Meter::Shard Meter::shared_;
std::atomic<Meter::Shard*> Meter::shards_{&Meter::shared_};

namespace {

// Without a constructor, so that reading it needs no guard.
thread_local void* current = nullptr;

}  // namespace

// Lets go of a thread's shard when the thread ends.
struct ThreadShard {
  Meter::Shard* shard = nullptr;
  ~ThreadShard() {
    if (shard != nullptr) Meter::Leave(shard);
  }
};

inline Meter::Shard* Meter::Mine() {
  auto* shard = static_cast<Shard*>(current);
  return shard != nullptr ? shard : Enter();
}

Meter::Shard* Meter::Enter() {
  // Set first: what follows may allocate, and may have been hooked.
  current = &shared_;
  Shard* shard = shards_.load(std::memory_order_acquire);
  for (; shard != &shared_; shard = shard->next) {
    bool taken = false;
    if (!shard->taken.load(kRelaxed) && shard->taken.compare_exchange_strong(taken, true)) break;
  }
  if (shard == &shared_) {
    shard = new (std::nothrow) Shard;
    if (shard == nullptr) return &shared_;
    shard->next = shards_.load(kRelaxed);
    while (!shards_.compare_exchange_weak(shard->next, shard)) {
    }
  }
#ifdef __MINGW32__
  // Its thread_local objects are freed before their destructors run:
  // https://gcc.gnu.org/bugzilla/show_bug.cgi?id=80816
  static const DWORD key = FlsAlloc([](void* ending) { Leave(static_cast<Shard*>(ending)); });
  FlsSetValue(key, shard);
#else
  thread_local ThreadShard holder;
  holder.shard = shard;
#endif
  current = shard;
  return shard;
}

void Meter::Leave(Shard* shard) {
  current = &shared_;
  for (int i = 0; i < kMeters; i++) all_[i].Flush(&shard->of[i]);
  shard->taken.store(false, std::memory_order_release);
}

void Meter::Flush(Counters* counters) {
  if (counters->pending == 0 && counters->high == 0) return;
  const int64_t before = level_.fetch_add(counters->pending, kRelaxed);
  Raise(&peak_, before + counters->high);
  counters->pending = 0;
  counters->high = 0;
}

void Meter::AddShared(size_t bytes) {
  Counters& shared = shared_.of[index_];
  shared.allocations.fetch_add(1, std::memory_order_release);
  shared.allocated_bytes.fetch_add(bytes, std::memory_order_release);
  Raise(&peak_, level_.fetch_add(static_cast<int64_t>(bytes), kRelaxed) + static_cast<int64_t>(bytes));
}

void Meter::SubtractShared(size_t bytes) {
  Counters& shared = shared_.of[index_];
  shared.frees.fetch_add(1, std::memory_order_release);
  shared.freed_bytes.fetch_add(bytes, std::memory_order_release);
  level_.fetch_sub(static_cast<int64_t>(bytes), kRelaxed);
}

inline void Meter::Add(size_t bytes) {
  Shard* shard = Mine();
  if (shard == &shared_) return AddShared(bytes);
  Counters& mine = shard->of[index_];
  Count(&mine.allocations, 1);
  Count(&mine.allocated_bytes, bytes);
  mine.pending += static_cast<int64_t>(bytes);
  if (mine.pending > mine.high) mine.high = mine.pending;
  if (mine.pending >= kGrain) Flush(&mine);
}

inline void Meter::Subtract(size_t bytes) {
  Shard* shard = Mine();
  if (shard == &shared_) return SubtractShared(bytes);
  Counters& mine = shard->of[index_];
  Count(&mine.frees, 1);
  Count(&mine.freed_bytes, bytes);
  mine.pending -= static_cast<int64_t>(bytes);
  if (mine.pending <= -kGrain) Flush(&mine);
}

// NOLINTBEGIN(*-no-malloc): this is an allocator

bool Meter::CanCount() {
  void* block = std::malloc(1);
  const bool can = block != nullptr && UsableBytes(block) > 0;
  std::free(block);
  return can;
}

size_t Meter::SizeOf(void* block) { return block == nullptr ? 0 : CountableBytes(block); }

inline void* Meter::Adopt(void* block) {
  if (block == nullptr) return nullptr;
  if (checked_ && !CheckedBlocks::Add(block, this)) {
    std::free(block);
    return nullptr;
  }
  Add(CountableBytes(block));
  return block;
}

void* Meter::Allocate(size_t bytes) { return Adopt(std::malloc(bytes)); }

void* Meter::AllocateZeroed(size_t count, size_t size) { return Adopt(std::calloc(count, size)); }

// Returns whether `block` may be freed, and who had allocated it.
bool Meter::Disown(void* block, Meter** owner) {
  *owner = this;
  if (!checked_) return true;
  const auto found = CheckedBlocks::Take(block, this, owner);
  if (found != CheckedBlocks::Found::kOwn) foreign_.fetch_add(1, kRelaxed);
  return found == CheckedBlocks::Found::kOwn || found == CheckedBlocks::Found::kOther;
}

void Meter::Free(void* block) {
  Meter* owner = nullptr;
  if (block == nullptr || !Disown(block, &owner)) return;
  owner->Subtract(CountableBytes(block));
  std::free(block);
}

void* Meter::Reallocate(void* block, size_t bytes) {
  if (block == nullptr) return Allocate(bytes);
  if (bytes == 0) {
    Free(block);
    return nullptr;
  }
  if (checked_) return Move(block, bytes);
  const auto before = CountableBytes(block);
  void* moved = std::realloc(block, bytes);
  if (moved == nullptr) return nullptr;
  Subtract(before);
  return Adopt(moved);
}

// Without realloc(): where the new block cannot be noted, the caller still has the old one.
void* Meter::Move(void* block, size_t bytes) {
  void* moved = Allocate(bytes);
  if (moved == nullptr) return nullptr;
  Meter* owner = nullptr;
  if (!Disown(block, &owner)) {
    Free(moved);
    return nullptr;
  }
  const auto before = CountableBytes(block);
  std::memcpy(moved, block, std::min(before, bytes));
  owner->Subtract(before);
  std::free(block);
  return moved;
}

// NOLINTEND(*-no-malloc)

MeterFigures Meter::Read() {
  auto* own = static_cast<Shard*>(current);
  if (own != nullptr && own != &shared_) Flush(&own->of[index_]);

  struct Sum {
    uint64_t blocks = 0;
    uint64_t bytes = 0;
  };
  const auto frees = [this] {
    Sum sum;
    for (const Shard* shard = shards_.load(std::memory_order_acquire); shard != nullptr;
         shard = shard->next) {
      sum.blocks += shard->of[index_].frees.load(std::memory_order_acquire);
      sum.bytes += shard->of[index_].freed_bytes.load(std::memory_order_acquire);
    }
    return sum;
  };
  const auto allocations = [this] {
    Sum sum;
    for (const Shard* shard = shards_.load(std::memory_order_acquire); shard != nullptr;
         shard = shard->next) {
      sum.blocks += shard->of[index_].allocations.load(std::memory_order_acquire);
      sum.bytes += shard->of[index_].allocated_bytes.load(std::memory_order_acquire);
    }
    return sum;
  };

  // Frees first, so that none is seen without its allocation. A block that comes and goes between the two
  // sums looks as if it were there, and while this thread waits for a processor it may be gigabytes: the
  // least of some readings is nearest.
  int64_t blocks = INT64_MAX;
  int64_t bytes = INT64_MAX;
  Sum allocated;
  Sum freed = frees();
  for (int readings = 0; readings < 3; readings++) {
    allocated = allocations();
    blocks = std::min(blocks, static_cast<int64_t>(allocated.blocks - freed.blocks));
    bytes = std::min(bytes, static_cast<int64_t>(allocated.bytes - freed.bytes));
    const Sum before = std::exchange(freed, frees());
    if (freed.blocks == before.blocks && freed.bytes == before.bytes) break;
  }
  // So if there are more frees, they were of blocks that we never counted.
  Raise(&excess_blocks_, -blocks);
  Raise(&excess_bytes_, -bytes);

  MeterFigures figures;
  figures.blocks = blocks + excess_blocks_.load(kRelaxed);
  figures.bytes = bytes + excess_bytes_.load(kRelaxed);
  // Not kept: what was freed while we read may be in it.
  figures.peak_bytes = std::max(peak_.load(kRelaxed), figures.bytes);
  figures.allocations = static_cast<int64_t>(allocated.blocks);
  figures.allocated_bytes = static_cast<int64_t>(allocated.bytes);
  figures.foreign = foreign_.load(kRelaxed) + excess_blocks_.load(kRelaxed);
  return figures;
}

int64_t Meter::OwnNet() const {
  auto* own = static_cast<Shard*>(current);
  if (own == nullptr || own == &shared_) return 0;
  const Counters& mine = own->of[index_];
  return static_cast<int64_t>(mine.allocated_bytes.load(kRelaxed) - mine.freed_bytes.load(kRelaxed));
}

int64_t Meter::OwnAllocations() const {
  auto* own = static_cast<Shard*>(current);
  return own == nullptr ? 0 : static_cast<int64_t>(own->of[index_].allocations.load(kRelaxed));
}

bool Meter::Claim(const void* environment) {
  const void* owner = nullptr;
  return owner_.compare_exchange_strong(owner, environment, kRelaxed) || owner == environment;
}

void Meter::LetGo(const void* environment) {
  const void* owner = environment;
  owner_.compare_exchange_strong(owner, nullptr, kRelaxed);
}

Meter* Meter::For(const char* label, bool checked, bool* known) {
  static std::mutex& mutex = *new std::mutex;
  const std::lock_guard<std::mutex> lock(mutex);
  for (Meter& meter : all_) {
    *known = meter.label_ != nullptr;
    if (*known && std::strcmp(meter.label_, label) != 0) continue;
    if (*known) return meter.checked_ == checked ? &meter : nullptr;
    if (checked && !CheckedBlocks::Begin()) return nullptr;
    const size_t length = std::strlen(label) + 1;
    auto* copy = new (std::nothrow) char[length];
    if (copy == nullptr) return nullptr;
    std::memcpy(copy, label, length);
    meter.index_ = static_cast<int>(&meter - all_);
    meter.checked_ = checked;
    meter.label_ = copy;
    return &meter;
  }
  *known = false;
  return nullptr;
}

}  // namespace tally
