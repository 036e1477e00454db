// A Meter counts the memory that C libraries allocate through the functions of
// native/meters/meter_functions.h: bytes and blocks, from any thread, exactly and without a lock. Bytes are
// what the C allocator really gave, so blocks need no header: one that some other code frees with plain
// free() is freed, and stays counted.
//
// Meters are process-wide on purpose, as the hooks of C libraries are, and there is one for each label. They
// are never destroyed: whoever has got the functions of one may call them until the process ends, from
// threads of any age. Counting is sharded: each thread has counters of its own, which the next thread takes
// over.
//
// Knows nothing of Node. Any thread, if not said otherwise.

#ifndef FFI_TALLY_METERS_METER_H_
#define FFI_TALLY_METERS_METER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace tally {

struct MeterFigures {
  int64_t bytes = 0;   // in blocks that are not freed yet
  int64_t blocks = 0;  // these
  int64_t peak_bytes = 0;
  int64_t allocated_bytes = 0;  // ever
  int64_t allocations = 0;      // ever, those of realloc among them
  int64_t foreign = 0;          // frees of what the meter had not allocated, as far as they can be told
};

class Meter {
 public:
  static constexpr int kMeters = 32;

  // Whether the allocator tells how large a block is.
  static bool CanCount();

  // The meter of that label, new or known. nullptr if there are too many, or if a known one is not checked as
  // demanded; then `*known` tells which.
  static Meter* For(const char* label, bool checked, bool* known);

  // What C calls, by way of meter_functions. As malloc, calloc, realloc and free of C, but realloc to 0
  // frees.
  void* Allocate(size_t bytes);
  void* AllocateZeroed(size_t count, size_t size);
  void* Reallocate(void* block, size_t bytes);
  void Free(void* block);
  static size_t SizeOf(void* block);

  // The peak is exact where one thread allocates, and is otherwise off by at most kGrain for each thread.
  MeterFigures Read();

  // Bytes that this thread has allocated and not freed, or below zero freed of what others allocated.
  int64_t OwnNet() const;
  int64_t OwnAllocations() const;

  // An environment that asks for the charge gets it unless another one has it. Let go, the next one that asks
  // gets it.
  bool Claim(const void* environment);
  void LetGo(const void* environment);

  // Bytes among `bytes` that pointers carry in the books of some environment.
  void Attribute(int64_t delta) { attributed_.fetch_add(delta, std::memory_order_relaxed); }
  int64_t attributed() const { return attributed_.load(std::memory_order_relaxed); }

  const char* label() const { return label_; }
  bool checked() const { return checked_; }
  int index() const { return index_; }

  // The meter at that place, whoever asked for it, if anybody has.
  static constexpr Meter* At(int index) { return &all_[index]; }

  // What a thread carries until it shows in the peak.
  static constexpr int64_t kGrain = int64_t{64} * 1024;

 private:
  struct Counters;
  struct Shard;
  friend struct ThreadShard;

  static Shard* Mine();
  static Shard* Enter();
  static void Leave(Shard* shard);

  void* Adopt(void* block);
  bool Disown(void* block, Meter** owner);
  void* Move(void* block, size_t bytes);
  void Add(size_t bytes);
  void Subtract(size_t bytes);
  void AddShared(size_t bytes);
  void SubtractShared(size_t bytes);
  void Flush(Counters* counters);

  const char* label_ = nullptr;
  bool checked_ = false;
  int index_ = 0;
  std::atomic<const void*> owner_{nullptr};
  std::atomic<int64_t> attributed_{0};
  std::atomic<int64_t> level_{0};  // bytes, without what threads still carry
  std::atomic<int64_t> peak_{0};
  std::atomic<int64_t> foreign_{0};  // noticed by checks
  // By what frees have exceeded allocations: blocks that were never counted.
  std::atomic<int64_t> excess_bytes_{0};
  std::atomic<int64_t> excess_blocks_{0};

  static Meter all_[kMeters];
  static Shard shared_;
  static std::atomic<Shard*> shards_;
};

}  // namespace tally

#endif  // FFI_TALLY_METERS_METER_H_
