// What the environment does with its nursery.

#include "env/nursery.h"

#include <array>
#include <cassert>
#include <memory>
#include <utility>

#include "env/check.h"
#include "env/environment.h"

namespace tally {

uint32_t Environment::Flush(napi_value objects, SlotId parent, bool forced) {
  const Refusal refusal = AssignSlots(objects, parent, forced);
  nursery_.set_refusal(refusal);
  return refusal == Refusal::kNone ? Advise() : 0;
}

Refusal Environment::AssignSlots(napi_value objects, SlotId parent, bool forced) {
  Observe();  // the GCs until now say nothing of these pointers
  const uint32_t count = nursery_.count();
  assert(count <= Nursery::kCapacity);
  const uint32_t batched = forced ? count : count - 1;  // from here on each has a reference of its own
  uint32_t waiting = 0;
  int64_t bytes = 0;
  for (uint32_t i = 0; i < count; i++) {
    if (!nursery_.holds(i)) continue;
    if (!ledger_.CanCharge(bytes + nursery_.size(i))) return Refusal::kTooMuch;
    bytes += nursery_.size(i);
    if (i < batched) waiting++;
  }
  if (!forced && bytes > limit_ - live()) return Refusal::kOverLimit;
  if (!forced && !ProcessAdmits(nursery_.size(count - 1), false)) return Refusal::kProcessFull;
  if (!ledger_.Reserve(count) || !collector_.Reserve(count)) return Refusal::kNoMemory;
  // An array that has survived a GC may be old, and no minor GC would tell that it is dead.
  const bool is_young = collector_.seen() == objects_since_;
  std::unique_ptr<Collector::Batch> batch;
  if (is_young && waiting >= Nursery::kSmallestBatch && collector_.WantsBatches() &&
      (batch = collector_.MakeBatch()) == nullptr)
    return Refusal::kNoMemory;

  // Reading an element fails when the stack is full or the worker is being terminated, so all are read
  // before anything changes.
  Napi::HandleScope scope(env_);
  std::array<napi_value, Nursery::kCapacity> values{};
  for (uint32_t i = batch == nullptr ? 0 : batched; i < count; i++) {
    if (nursery_.holds(i) && napi_get_element(env_, objects, i, &values[i]) != napi_ok)
      return Refusal::kStopped;
  }

  SetTime();
  for (uint32_t i = 0; i < count; i++) {
    if (!nursery_.holds(i)) {
      if (batch != nullptr && i < batched) batch->Push(kNoSlot);
      continue;
    }
    const uint32_t kind = nursery_.kind(i);
    if (ledger_.live_of(kind) == 0) Pin(kind);
    const SlotId slot =
        ledger_.Add(kind, nursery_.address(i), nursery_.size(i), i + 1 == count ? parent : kNoSlot);
    kept_.Drop(slot);  // of the last pointer there, where a call that took that was cut off
    const bool given = nursery_.slot(i) == Nursery::kGiven;
    nursery_.slot(i) = slot;
    if (batch != nullptr && i < batched) {
      batch->Push(slot);
      if (given) ledger_.Give(slot);
    } else {
      WatchOne(slot, values[i], given);
    }
  }
  nursery_.batched() = batch == nullptr ? 0 : batched;
  nursery_.renew() = batch != nullptr || !is_young ? 1 : 0;
  if (nursery_.renew() != 0) objects_since_ = collector_.seen();
  if (batch != nullptr) collector_.WatchBatch(std::move(batch), objects);
  nursery_.count() = 0;
  KeepRoot(true);
  watch_.pacer().Came(seat_, count);
  NoteChange(bytes);
  assist_debt_ = (is_backlogged() ? assist_debt_ : 0) + 2 * bytes;
  ReadMeters();
  Report();
  return Refusal::kNone;
}

void Environment::WatchOne(SlotId slot, napi_value object, bool given) {
  napi_valuetype type = napi_undefined;
  TALLY_CHECK(napi_typeof(env_, object, &type));
  if (type == napi_object) {
    collector_.Watch(slot, object);
    if (given) ledger_.Give(slot);
  } else if (given) {
    ledger_.GiveAway(slot, Reason::kReleased);
  } else {
    ledger_.End(slot, Reason::kDisposed);  // dispose() was cut short, by a stack overflow say
  }
}

void Environment::FreeInHand() {
  if (nursery_.has_in_hand()) Free(nursery_.kind(Nursery::kHand), nursery_.address(Nursery::kHand), 0);
}

void Environment::ReleaseYoung(uint32_t index, bool freed) {
  ledger_.Pass(nursery_.kind(index), nursery_.size(index), Given(freed));
  LeaveNursery(index);
}

}  // namespace tally
