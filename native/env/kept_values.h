// KeptValues holds, for each pointer that needs it, a JavaScript value: what keeps alive the memory of
// JavaScript that C reads by way of that pointer, until the pointer's destructor has run.
//
// Not thread-safe: use on the thread of its environment only.

#ifndef FFI_TALLY_ENV_KEPT_VALUES_H_
#define FFI_TALLY_ENV_KEPT_VALUES_H_

#include <napi.h>

#include "base/fallible_vector.h"
#include "books/ledger.h"

namespace tally {

class KeptValues {
 public:
  explicit KeptValues(napi_env env) : env_(env) {}
  KeptValues(const KeptValues&) = delete;
  KeptValues& operator=(const KeptValues&) = delete;

  // Keeps the object `value` for `slot`, which has none. Returns false without memory, and while JavaScript
  // is being terminated.
  bool Keep(SlotId slot, napi_value value);

  // What is kept for `slot`; null for nothing.
  napi_value Of(SlotId slot) const;

  // Lets go of what is kept for `slot`, if anything is.
  void Drop(SlotId slot) {
    if (slot < by_slot_.size() && by_slot_[slot] != nullptr) DropOne(slot);
  }
  void DropAll() {
    for (SlotId slot = 0; slot < by_slot_.size(); slot++) Drop(slot);
  }

 private:
  void DropOne(SlotId slot);

  napi_env env_;
  FallibleVector<napi_ref> by_slot_;  // null for none
};

}  // namespace tally

#endif  // FFI_TALLY_ENV_KEPT_VALUES_H_
