#include "env/async_contexts.h"

#include "env/check.h"

namespace tally {

void AsyncContexts::Capture(SlotId slot) {
  Drop(slot);
  if (!by_slot_.Extend(size_t{slot} + 1)) return;
  napi_value name = nullptr;
  napi_async_context context = nullptr;
  if (napi_create_string_utf8(env_, "FFI_TALLY_DESTRUCTOR", NAPI_AUTO_LENGTH, &name) != napi_ok) return;
  if (napi_async_init(env_, nullptr, name, &context) == napi_ok) by_slot_[slot] = context;
}

void AsyncContexts::Run(SlotId slot, napi_value function, napi_value argument) {
  napi_value global = nullptr;
  TALLY_CHECK(napi_get_global(env_, &global));
  napi_async_context context = slot < by_slot_.size() ? by_slot_[slot] : nullptr;
  if (context == nullptr) {
    napi_call_function(env_, global, function, 1, &argument, nullptr);
  } else {
    napi_make_callback(env_, context, global, function, 1, &argument, nullptr);
  }
}

void AsyncContexts::Drop(SlotId slot) {
  if (slot >= by_slot_.size() || by_slot_[slot] == nullptr) return;
  napi_async_destroy(env_, by_slot_[slot]);
  by_slot_[slot] = nullptr;
}

void AsyncContexts::DropAll() {
  for (size_t slot = 0; slot < by_slot_.size(); slot++) Drop(static_cast<SlotId>(slot));
}

}  // namespace tally
