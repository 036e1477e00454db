// The Collector learns which tracked objects V8 has collected, from stable Node-API alone and without
// running anything inside the GC: each object is held by a weak reference, and a reference that has
// become empty is a dead object.
//
// Asking every reference would cost time for all the living, so references have generations like V8's
// own. One weakly held throwaway object (the probe) shows that some GC has run; another that was first
// kept until it is old (the sentinel) shows that it was a major one. A minor GC is followed by a look at
// the young only; the old are looked at after a major one.
//
// Holds no native pointer and frees none. Not thread-safe: use on the thread of its environment only.

#ifndef FFI_TALLY_COLLECTOR_H_
#define FFI_TALLY_COLLECTOR_H_

#include <napi.h>

#include <chrono>

#include "ledger.h"
#include "pile.h"

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
  void Watch(SlotId slot, napi_value object);

  // Stops watching. REQUIRES: slot is watched.
  void Forget(SlotId slot);

  // Whether a GC has run since the last call; notes what there is to sweep. A handful of reads.
  bool Observe();

  // Somebody who knows says that a major GC has just run.
  void NoteMajor();

  // Whether the GC that Observe noticed was, for certain, a major one.
  bool saw_major() const { return sweep_old_ && cursor_old_ == 0; }
  bool HasWork() const { return sweep_young_ || sweep_old_; }

  // Ends every watched pointer whose object is gone, in the generations that the GCs seen may have
  // emptied. Stops at `deadline` with HasWork() still true.
  void Sweep(Clock::time_point deadline);

  // Drops the collector's own references. The watched ones stay until Forget.
  void Stop();

 private:
  // Pointers looked at between two looks at the clock.
  static constexpr uint32_t kBatch = 256;
  // GCs that an object must survive to be in V8's old generation for certain.
  static constexpr int kAdult = 2;

  napi_ref Reference(bool weak);
  bool IsEmpty(napi_ref reference);
  void Drop(napi_ref* reference);
  bool Look(SlotId slot);
  bool SweepYoung(Clock::time_point deadline);
  bool SweepOld(Clock::time_point deadline);

  napi_env env_;
  Ledger* ledger_;
  napi_ref probe_ = nullptr;
  napi_ref sentinel_ = nullptr;
  int sentinel_age_ = 0;
  bool sentinel_weak_ = false;
  bool sweep_young_ = false;
  bool sweep_old_ = false;
  size_t cursor_middle_ = 0;
  size_t cursor_young_ = 0;
  size_t kept_young_ = 0;  // survivors moved to the front of the young
  SlotId cursor_old_ = 0;
  Pile<SlotId> young_;
  Pile<SlotId> middle_;
};

}  // namespace tally

#endif  // FFI_TALLY_COLLECTOR_H_
