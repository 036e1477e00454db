#include "env/kept_values.h"

#include "env/check.h"

namespace tally {

bool KeptValues::Keep(SlotId slot, napi_value value) {
  if (!by_slot_.Extend(size_t{slot} + 1)) return false;
  napi_ref reference = nullptr;
  if (napi_create_reference(env_, value, 1, &reference) != napi_ok) return false;
  by_slot_[slot] = reference;
  return true;
}

napi_value KeptValues::Of(SlotId slot) const {
  if (slot >= by_slot_.size() || by_slot_[slot] == nullptr) return nullptr;
  napi_value value = nullptr;
  TALLY_CHECK(napi_get_reference_value(env_, by_slot_[slot], &value));
  return value;
}

void KeptValues::DropOne(SlotId slot) {
  TALLY_CHECK(napi_delete_reference(env_, by_slot_[slot]));
  by_slot_[slot] = nullptr;
}

}  // namespace tally
