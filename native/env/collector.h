// The Collector learns which tracked objects V8 has collected, from stable Node-API alone and without
// running anything inside the GC: each object is held by a weak reference, and a reference that has
// become empty is a dead object.
//
// Asking every reference would cost time for all the living, so references have generations like V8's
// own. One weakly held throwaway object (the probe) shows that some GC has run; another that was first
// kept until it is old (the sentinel) shows that it was a major one. After a minor GC the young
// are polled; after a major one the old, too.
//
// A weak reference costs more than all the rest of a small pointer, and small pointers mostly die before the
// next GC. So those that come in bulk form a batch: an array holds their objects, only they themselves reach
// the array, and one weak reference to it tells whether all are dead. A batch that survives a GC is split:
// each object gets a reference of its own. The dead among them are then found a GC later than they could have
// been, so where most batches survive, none are made for a while.
//
// Holds no native pointer and frees none. Not thread-safe: use on the thread of its environment only.

#ifndef FFI_TALLY_ENV_COLLECTOR_H_
#define FFI_TALLY_ENV_COLLECTOR_H_

#include <napi.h>

#include <chrono>
#include <memory>

#include "base/fallible_vector.h"
#include "books/ledger.h"

namespace tally {

class Collector {
 public:
  using Clock = std::chrono::steady_clock;

  Collector(napi_env env, Ledger* ledger) : env_(env), ledger_(ledger) {}
  Collector(const Collector&) = delete;
  Collector& operator=(const Collector&) = delete;

  // Arms the probe and the sentinel.
  void Start();

  // Makes room to watch `count` more objects; false without memory.
  bool Reserve(uint32_t count) { return young_.Reserve(count); }

  // Watches `object` on behalf of `slot`. REQUIRES: room by Reserve; slot is live.
  void Watch(SlotId slot, napi_value object) { Watch(slot, object, Generation::kYoung); }

  // `slots[i]` is the slot of the object at index i of an array, or kNoSlot.
  struct Batch {
    static constexpr uint32_t kCapacity = 256;
    napi_ref objects = nullptr;
    uint64_t since = 0;  // GCs seen before
    uint32_t count = 0;
    SlotId slots[kCapacity];

    void Push(SlotId slot) { slots[count++] = slot; }
  };

  // Whether batches pay: of late most have died whole.
  bool WantsBatches() const { return seen_ >= resume_; }

  // An empty batch; null without memory, or without room to watch it.
  std::unique_ptr<Batch> MakeBatch();

  // Watches a batch from MakeBatch. REQUIRES: its slots are live or given; whatever reaches one of the
  // objects reaches `objects`, and nothing else does for long.
  void WatchBatch(std::unique_ptr<Batch> batch, napi_value objects);

  // Splits all batches, as far as there is memory: the next GC then tells of each object. Whether it could.
  bool WatchEach();

  // The object of `slot`; null if it is gone, which ends the slot as if it was disposed of. REQUIRES: slot is
  // live.
  napi_value ObjectOrEnd(SlotId slot);

  // Stops watching. REQUIRES: slot is watched.
  void Forget(SlotId slot);

  // Whether a GC has run since the last call; notes what there is to sweep. A handful of reads.
  bool Observe();

  // Somebody who knows says that a major GC has just run.
  void NoteMajor();

  // Whether the GC that Observe noticed was, for certain, a major one.
  bool saw_major() const { return sweep_old_ && cursor_old_ == 0; }
  // How many GCs Observe has noticed.
  uint64_t seen() const { return seen_; }
  bool HasWork() const { return sweep_young_ || sweep_old_; }
  bool HasOldWork() const { return sweep_old_; }

  // Ends every watched pointer whose object is gone, in the generations that the GCs seen may have
  // emptied. Stops at `deadline` with HasWork() still true.
  void Sweep(Clock::time_point deadline);

  // Drops the collector's own references. The watched ones stay until Forget.
  void Stop();

 private:
  // Pointers polled between two readings of the clock.
  static constexpr uint32_t kBatch = 256;
  // GCs that an object must survive to be in V8's old generation for certain.
  static constexpr int kSurvivalsToOld = 2;
  // GCs for which no batches are made.
  static constexpr uint64_t kShortestPause = 8;
  static constexpr uint64_t kLongestPause = 64;

  napi_ref Reference(bool weak);
  void Watch(SlotId slot, napi_value object, Generation generation);
  bool IsWatchedBy(SlotId slot, const Batch& batch) const;
  void End(SlotId slot, bool given);
  void EndBatch(const Batch& batch);
  bool SplitBatch(const Batch& batch, napi_value objects, Generation generation);
  bool Resolve(Batch* batch, Generation generation);
  bool SweepBatches(Clock::time_point deadline);
  void AdaptBatching();
  bool IsEmpty(napi_ref reference);
  void Drop(napi_ref* reference);
  bool Poll(SlotId slot);
  bool SweepYoung(Clock::time_point deadline);
  bool RecheckSurvivors(Clock::time_point deadline);
  bool SweepOld(Clock::time_point deadline);

  napi_env env_;
  Ledger* ledger_;
  napi_ref probe_ = nullptr;
  napi_ref sentinel_ = nullptr;
  int sentinel_age_ = 0;
  bool sentinel_weak_ = false;
  uint64_t seen_ = 0;  // GCs
  bool sweep_young_ = false;
  bool sweep_old_ = false;
  size_t cursor_middle_ = 0;
  size_t cursor_young_ = 0;
  size_t kept_young_ = 0;  // survivors moved to the front of the young
  size_t again_ = 0;  // so many of these may have died since, in a GC that came before the sweep was done
  size_t cursor_again_ = 0;
  SlotId cursor_old_ = 0;
  uint64_t pause_ = 0;   // GCs, the last time
  uint64_t resume_ = 0;  // the GC from which on there are batches again
  size_t died_ = 0;      // batches in this sweep
  size_t split_ = 0;
  size_t cursor_batches_ = 0;
  FallibleVector<SlotId> young_;
  FallibleVector<SlotId> middle_;
  FallibleVector<std::unique_ptr<Batch>> batches_;  // by `since`; null for what is settled
};

}  // namespace tally

#endif  // FFI_TALLY_ENV_COLLECTOR_H_
