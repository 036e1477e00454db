#include "napi/entry_points.h"

#include <cassert>
#include <chrono>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <thread>
#include <utility>

#include "base/library_pin.h"
#include "env/check.h"
#include "napi/values.h"

#if defined(_MSC_VER)
#include <intrin.h>
#endif

namespace tally::entry {

namespace {

// Whether C has freed the pointer or only taken it.
Reason Given(const Napi::Value& freed) {
  return freed.As<Napi::Boolean>() ? Reason::kDisposed : Reason::kReleased;
}

Destructor::Form FormOf(const Napi::Value& value) { return static_cast<Destructor::Form>(Unsigned(value)); }

Destructor ToDestructor(Destructor::Form form, const Napi::Value& address, const Napi::Value& arguments) {
  switch (form) {
    case Destructor::Form::kJavaScript:
      return Destructor::JavaScript();
    case Destructor::Form::kDirect:
      return Destructor::Direct(Address(address));
    case Destructor::Form::kBound: {
      BoundArguments bound;
      if (!BoundOnes(arguments, &bound)) break;
      return Destructor::Bound(Address(address), bound);
    }
    case Destructor::Form::kNone:
      break;
  }
  return {};
}

}  // namespace

Napi::Value AddKind(const Napi::CallbackInfo& info) {
  const Destructor::Form form = FormOf(info[1]);
  Destructor destructor = ToDestructor(form, info[2], info[3]);
  if (destructor.form() != form) return Number(info, -1);
  const Text label(info[0]);
  if (!label.is_read()) return Number(info, -1);
  return Number(info, Of(info).AddKind(label.text(), std::move(destructor)));
}

Napi::Value DropKind(const Napi::CallbackInfo& info) {
  Of(info).DropKind(Unsigned(info[0]));
  return info.Env().Undefined();
}

Napi::Value RemoveUnusedKinds(const Napi::CallbackInfo& info) {
  Of(info).RemoveUnusedKinds();
  return info.Env().Undefined();
}

Napi::Value FreeOnce(const Napi::CallbackInfo& info) {
  const Destructor::Form form = FormOf(info[0]);
  const LibraryPin pin(Address(info[1]));  // it may call back, and JavaScript unload the library
  if (form == Destructor::Form::kBound) {
    BoundArguments bound;
    if (BoundOnes(info[2], &bound)) {
      Destructor::RunBound(Address(info[1]), bound, Address(info[3]), Signed(info[4]));
    }
  } else {
    ToDestructor(form, info[1], info[2]).Run(Address(info[3]), Signed(info[4]));
  }
  return info.Env().Undefined();
}

Napi::Value Pin(const Napi::CallbackInfo& info) {
  Of(info).Pin(Unsigned(info[0]));
  return info.Env().Undefined();
}

Napi::Value PinRunning(const Napi::CallbackInfo& info) {
  Of(info).PinRunning();
  return info.Env().Undefined();
}

Napi::Value UnpinIdle(const Napi::CallbackInfo& info) {
  Of(info).UnpinIdle();
  return info.Env().Undefined();
}

Napi::Value Flush(const Napi::CallbackInfo& info) {
  return Number(info, Of(info).Flush(info[0], Unsigned(info[1]), info[2].As<Napi::Boolean>()));
}

Napi::Value Free(const Napi::CallbackInfo& info) {
  Of(info).Free(Unsigned(info[0]), Address(info[1]), Signed(info[2]));
  return info.Env().Undefined();
}

napi_value DisposeYoung(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument = nullptr;
  void* data = nullptr;
  uint32_t index = 0;
  TALLY_CHECK(napi_get_cb_info(env, info, &count, &argument, nullptr, &data));
  TALLY_CHECK(napi_get_value_uint32(env, argument, &index));
  static_cast<Environment*>(data)->DisposeYoung(index);
  return nullptr;
}

napi_value ReleaseYoung(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value arguments[2] = {};
  void* data = nullptr;
  uint32_t index = 0;
  bool freed = false;
  TALLY_CHECK(napi_get_cb_info(env, info, &count, arguments, nullptr, &data));
  TALLY_CHECK(napi_get_value_uint32(env, arguments[0], &index));
  TALLY_CHECK(napi_get_value_bool(env, arguments[1], &freed));
  static_cast<Environment*>(data)->ReleaseYoung(index, freed ? Reason::kDisposed : Reason::kReleased);
  return nullptr;
}

Napi::Value End(const Napi::CallbackInfo& info) {
  Of(info).End(Unsigned(info[0]));
  return info.Env().Undefined();
}

napi_value Dispose(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument = nullptr;
  napi_value result = nullptr;
  void* data = nullptr;
  uint32_t slot = 0;
  TALLY_CHECK(napi_get_cb_info(env, info, &count, &argument, nullptr, &data));
  TALLY_CHECK(napi_get_value_uint32(env, argument, &slot));
  const bool more = static_cast<Environment*>(data)->Dispose(slot);
  TALLY_CHECK(napi_get_boolean(env, more, &result));
  return result;
}

Napi::Value DisposeAlone(const Napi::CallbackInfo& info) {
  return Number(info, Of(info).DisposeAlone(Unsigned(info[0])));
}

Napi::Value Give(const Napi::CallbackInfo& info) { return Number(info, Of(info).Give(Unsigned(info[0]))); }

Napi::Value TakeBack(const Napi::CallbackInfo& info) {
  Of(info).TakeBack(Unsigned(info[0]));
  return info.Env().Undefined();
}

Napi::Value Release(const Napi::CallbackInfo& info) {
  return Boolean(info, Of(info).Release(Unsigned(info[0]), Given(info[1])));
}

Napi::Value Hold(const Napi::CallbackInfo& info) {
  Of(info).Hold(Unsigned(info[0]));
  return info.Env().Undefined();
}

Napi::Value Unhold(const Napi::CallbackInfo& info) {
  Of(info).Unhold(Unsigned(info[0]));
  return info.Env().Undefined();
}

Napi::Value HoldsOf(const Napi::CallbackInfo& info) {
  return Number(info, Of(info).ledger().at(Unsigned(info[0])).holds);
}

Napi::Value Resize(const Napi::CallbackInfo& info) {
  return Boolean(info, Of(info).Resize(Unsigned(info[0]), Signed(info[1])));
}

Napi::Value SizeOf(const Napi::CallbackInfo& info) {
  return Number(info, Of(info).ledger().at(Unsigned(info[0])).size);
}

Napi::Value AddressOf(const Napi::CallbackInfo& info) {
  return Napi::BigInt::New(info.Env(), Of(info).ledger().at(Unsigned(info[0])).address);
}

Napi::Value KindOf(const Napi::CallbackInfo& info) {
  return Number(info, Of(info).ledger().at(Unsigned(info[0])).kind);
}

Napi::Value HasParent(const Napi::CallbackInfo& info) {
  return Boolean(info, Of(info).ledger().at(Unsigned(info[0])).parent != kNoSlot);
}

Napi::Value HasEndedParent(const Napi::CallbackInfo& info) {
  return Boolean(info, Of(info).ledger().HasEndedParent(Unsigned(info[0])));
}

Napi::Value Owns(const Napi::CallbackInfo& info) {
  return Boolean(info, Of(info).ledger().Owns(Unsigned(info[0]), Address(info[1])));
}

Napi::Value Drain(const Napi::CallbackInfo& info) { return Number(info, Of(info).Drain(Double(info[0]))); }

Napi::Value Settle(const Napi::CallbackInfo& info) {
  return Boolean(info, Of(info).Settle(Unsigned(info[0]), info[1].As<Napi::Boolean>()));
}

Napi::Value CaptureContext(const Napi::CallbackInfo& info) {
  Of(info).CaptureContext(Unsigned(info[0]));
  return info.Env().Undefined();
}

Napi::Value RunScript(const Napi::CallbackInfo& info) {
  Of(info).RunScript(Unsigned(info[0]), info[1], info[2]);
  return info.Env().Undefined();
}

// Node-API refuses whatever could run JavaScript from the moment when a worker is told to end, which is
// before its JavaScript stops.

Napi::Value IsAlive(const Napi::CallbackInfo& info) {
  const Napi::Object object = Napi::Object::New(info.Env());
  bool has = false;
  return Boolean(info, napi_has_property(info.Env(), object, object, &has) == napi_ok);
}

Napi::Value NoteThrow(const Napi::CallbackInfo& info) {
  Of(info).NoteThrow();
  return info.Env().Undefined();
}

Napi::Value AnnounceMajor(const Napi::CallbackInfo& info) {
  Of(info).AnnounceMajor();
  return info.Env().Undefined();
}

Napi::Value WatchEach(const Napi::CallbackInfo& info) {
  Of(info).WatchEach();
  return info.Env().Undefined();
}

Napi::Value Sweep(const Napi::CallbackInfo& info) { return Boolean(info, Of(info).Sweep(Double(info[0]))); }

Napi::Value HasUrgent(const Napi::CallbackInfo& info) {
  return Boolean(info, Of(info).ledger().NextUrgent() != kNoSlot);
}

Napi::Value OwesAssist(const Napi::CallbackInfo& info) { return Boolean(info, Of(info).owes_assist()); }

Napi::Value Observe(const Napi::CallbackInfo& info) { return Boolean(info, Of(info).Observe()); }

Napi::Value NoteMajor(const Napi::CallbackInfo& info) {
  Of(info).NoteMajor();
  return info.Env().Undefined();
}

Napi::Value Root(const Napi::CallbackInfo& info) {
  Of(info).Root(info[0]);
  return info.Env().Undefined();
}

Napi::Value FreeAtProcessExit(const Napi::CallbackInfo& info) {
  Of(info).FreeAtProcessExit();
  return info.Env().Undefined();
}

Napi::Value RunAlone(const Napi::CallbackInfo& info) {
  // Of the process on purpose, and never destroyed. What runs may be a user's, who comes back here.
  static auto& mutex = *new std::recursive_mutex;
  const std::lock_guard<std::recursive_mutex> lock(mutex);
  // Who has just slept is not sent to wait before his slice is over.
  std::this_thread::sleep_for(std::chrono::microseconds(200));
  return info[0].As<Napi::Function>().Call({});
}

Napi::Value StackPosition(const Napi::CallbackInfo& info) {
#if defined(_MSC_VER)
  void* const here = _AddressOfReturnAddress();
#else
  void* const here = __builtin_frame_address(0);
#endif
  return Number(info, reinterpret_cast<uintptr_t>(here));
}

Napi::Value Advise(const Napi::CallbackInfo& info) { return Number(info, Of(info).Advise()); }

Napi::Value Collected(const Napi::CallbackInfo& info) {
  const auto asked = static_cast<Collection>(Unsigned(info[0]));
  return Number(info, Of(info).Collected(asked, Signed(info[1])));
}

}  // namespace tally::entry
