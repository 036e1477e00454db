// What the environment does with its nursery.

#include "nursery.h"

#include <array>
#include <cassert>

#include "check.h"
#include "environment.h"

namespace tally {

uint32_t Environment::Flush(napi_value objects, SlotId parent, bool forced) {
  const uint32_t count = nursery_.count();
  int64_t bytes = 0;
  for (uint32_t i = 0; i < count; i++) {
    if (!nursery_.holds(i)) continue;
    if (!ledger_.CanCharge(bytes + nursery_.size(i))) return kTooMuch;
    bytes += nursery_.size(i);
  }
  if (!forced && bytes > limit_ - live()) return kOverLimit;
  if (!ledger_.Reserve(count) || !collector_.Reserve(count)) return kNoMemory;

  // Reading an element fails when the stack is full or the worker is being terminated, so all are read
  // before anything changes.
  Napi::HandleScope scope(env_);
  std::array<napi_value, Nursery::kCapacity> values{};
  for (uint32_t i = 0; i < count; i++) {
    if (nursery_.holds(i) && napi_get_element(env_, objects, i, &values[i]) != napi_ok) return kStopped;
  }

  for (uint32_t i = 0; i < count; i++) {
    if (!nursery_.holds(i)) continue;
    const uint32_t kind = nursery_.kind(i);
    if (ledger_.live_of(kind) == 0) destructors_[kind].Pin();
    const SlotId slot =
        ledger_.Add(kind, nursery_.address(i), nursery_.size(i), i + 1 == count ? parent : kNoSlot);
    napi_valuetype type = napi_undefined;
    TALLY_CHECK(napi_typeof(env_, values[i], &type));
    const bool given = nursery_.slot(i) == Nursery::kGiven;
    nursery_.slot(i) = slot;
    if (type == napi_object) {
      collector_.Watch(slot, values[i]);
      if (given) ledger_.Give(slot);
    } else if (given) {
      ledger_.GiveAway(slot, Reason::kReleased);
    } else {
      ledger_.End(slot, Reason::kDisposed);  // dispose() was cut short, by a stack overflow say
    }
  }
  nursery_.count() = 0;
  Tell();
  return Advise();
}

void Environment::LeaveNursery(uint32_t index) {
  assert(nursery_.holds(index));
  nursery_.slot(index) = Nursery::kGone;
  if (index + 1 == nursery_.count()) nursery_.count() = index;
}

void Environment::DisposeYoung(uint32_t index) {
  const uint32_t kind = nursery_.kind(index);
  const int64_t size = nursery_.size(index);
  const uint64_t address = nursery_.address(index);
  LeaveNursery(index);
  ledger_.Pass(kind, size, Reason::kDisposed);
  Free(kind, address, size);
}

void Environment::ReleaseYoung(uint32_t index, Reason reason) {
  ledger_.Pass(nursery_.kind(index), nursery_.size(index), reason);
  LeaveNursery(index);
}

}  // namespace tally
