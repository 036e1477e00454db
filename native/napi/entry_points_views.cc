// The entry points of views.

#include <algorithm>

#include "env/check.h"
#include "napi/entry_points.h"
#include "napi/values.h"

namespace tally::entry {

napi_value View(Environment& environment, Napi::Env env, SlotId slot, Napi::Value length) {
  if (!environment.views().Reserve(slot)) return Napi::Boolean::New(env, false);
  int64_t bytes = environment.ledger().at(slot).size;
  if (!length.IsUndefined()) TALLY_CHECK(napi_get_value_int64(env, length, &bytes));
  napi_value buffer = nullptr;
  const napi_status status = environment.View(slot, static_cast<size_t>(bytes), &buffer);
  if (status == napi_ok) return buffer;
  if (env.IsExceptionPending()) env.GetAndClearPendingException();
  return status == napi_no_external_buffers_allowed ? env.Undefined() : env.Null();
}

void CopyBytes(uint64_t address, Napi::Uint8Array buffer) {
  const auto* memory = reinterpret_cast<const uint8_t*>(static_cast<uintptr_t>(address));
  std::copy_n(memory, buffer.ByteLength(), buffer.Data());
}

bool EmptyViews(Environment& environment, SlotId slot, int64_t length) {
  const bool emptied = environment.views().Empty(slot, length);
  environment.Report();
  return emptied;
}

}  // namespace tally::entry
