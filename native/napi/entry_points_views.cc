// The entry points of views.

#include <algorithm>

#include "env/check.h"
#include "napi/entry_points.h"
#include "napi/values.h"

namespace tally::entry {

Napi::Value View(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const SlotId slot = Unsigned(info[0]);
  const int64_t length = info[1].IsUndefined() ? Of(info).ledger().at(slot).size : Signed(info[1]);
  if (!Of(info).views().Reserve(slot)) return Boolean(info, false);
  napi_value buffer = nullptr;
  const napi_status status = Of(info).View(slot, static_cast<size_t>(length), &buffer);
  if (status == napi_ok) return Napi::Value(env, buffer);
  if (env.IsExceptionPending()) env.GetAndClearPendingException();
  return status == napi_no_external_buffers_allowed ? env.Undefined() : env.Null();
}

Napi::Value CopyMemory(const Napi::CallbackInfo& info) {
  const auto* memory = reinterpret_cast<const uint8_t*>(static_cast<uintptr_t>(Address(info[0])));
  auto buffer = info[1].As<Napi::Uint8Array>();
  std::copy_n(memory, buffer.ByteLength(), buffer.Data());
  return info.Env().Undefined();
}

Napi::Value EmptyViews(const Napi::CallbackInfo& info) {
  const bool emptied = Of(info).views().Empty(Unsigned(info[0]), Signed(info[1]));
  Of(info).Report();
  return Boolean(info, emptied);
}

Napi::Value DetachViewsBy(const Napi::CallbackInfo& info) {
  Of(info).views().DetachBy(info[0]);
  return info.Env().Undefined();
}

Napi::Value AdviseForViews(const Napi::CallbackInfo& info) { return Number(info, Of(info).AdviseForViews()); }

Napi::Value HasViews(const Napi::CallbackInfo& info) { return Boolean(info, !Of(info).views().empty()); }

Napi::Value OthersOf(const Napi::CallbackInfo& info) {
  const Slot& slot = Of(info).ledger().at(Unsigned(info[0]));
  return Number(info, slot.holds - (slot.viewed ? 1 : 0));
}

Napi::Value BeginCollection(const Napi::CallbackInfo& info) {
  Of(info).views().BeginCollection(info[0].As<Napi::Boolean>());
  return info.Env().Undefined();
}

Napi::Value EndCollection(const Napi::CallbackInfo& info) {
  return Boolean(info, Of(info).EndCollection(info[0].As<Napi::Boolean>()));
}

Napi::Value WeakenViews(const Napi::CallbackInfo& info) {
  Of(info).views().Weaken();
  return info.Env().Undefined();
}

Napi::Value OnDead(const Napi::CallbackInfo& info) {
  Of(info).views().NotifyBy(info[0]);
  return info.Env().Undefined();
}

}  // namespace tally::entry
