#include "napi/entry_points.h"

#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "base/library_pin.h"
#include "napi/values.h"

#if defined(_MSC_VER)
#include <intrin.h>
#endif

namespace tally::entry {

double AddKind(Environment& environment, Napi::Value label, Destructor::Form form, uint64_t function,
               Napi::Value arguments, bool is_memory, bool is_background) {
  BoundArguments bound;
  if (form == Destructor::Form::kBound && !BoundOnes(arguments, &bound)) return -1;
  Destructor destructor = Destructor::Of(form, function, bound);
  destructor.set_is_memory(is_memory);
  destructor.set_is_background(is_background);
  if (destructor.form() != form) return -1;
  const Text text(label);
  if (!text.is_read()) return -1;
  return environment.AddKind(text.text(), std::move(destructor));
}

void FreeOnce(Destructor::Form form, uint64_t function, Napi::Value arguments, uint64_t address,
              int64_t size) {
  const LibraryPin pin(function);  // it may call back, and JavaScript unload the library
  BoundArguments bound;
  if (form == Destructor::Form::kDirect) {
    Destructor::Of(form, function, bound).Run(address, size);
  } else if (form == Destructor::Form::kBound && BoundOnes(arguments, &bound)) {
    Destructor::RunBound(function, bound, address, size);
  }
}

Napi::Value Dependents(Environment& environment, Napi::Env env, SlotId slot) {
  Napi::Array objects = Napi::Array::New(env);
  uint32_t count = 0;
  const auto add = [&](napi_value object) {
    Define(objects, std::to_string(count++).c_str(), Napi::Value(env, object));
  };
  if (!environment.EachDependent(slot, add)) return env.Undefined();
  return objects;
}

Napi::Value DependentSlots(Environment& environment, Napi::Env env, SlotId slot) {
  FallibleVector<SlotId> found;
  if (!environment.ledger().FindDependents(slot, &found)) return env.Undefined();
  Napi::Array slots = Napi::Array::New(env);
  for (size_t i = 0; i < found.size(); i++) {
    Define(slots, std::to_string(i).c_str(), Napi::Number::New(env, found[i]));
  }
  return slots;
}

Napi::Value RunNative(Environment& environment, Napi::Env env, SlotId slot) {
  std::optional<int32_t> failure;
  const bool threw = !environment.RunNative(slot, &failure);
  return failure.has_value() ? Napi::Value::From(env, *failure) : Napi::Value::From(env, !threw);
}

Napi::Value DescribeFailure(Environment& environment, Napi::Env env, SlotId slot) {
  const Destructor& destructor = environment.destructor_of(slot);
  Ledger& ledger = environment.ledger();
  const std::string_view label = ledger.account_of(ledger.at(slot).kind).label.text();
  Napi::Object found = Napi::Object::New(env);
  Define(found, "label", Napi::String::New(env, label.data(), label.size()));
  Put(found, "ok", destructor.ok().value_or(0));
  Define(found, "retries", destructor.retries());
  return found;
}

bool IsAlive(Napi::Env env) {
  const Napi::Object object = Napi::Object::New(env);
  bool has = false;
  return napi_has_property(env, object, object, &has) == napi_ok;
}

napi_value RunAlone(Napi::Function run) {
  // Of the process on purpose, and never destroyed. What runs may be a user's, who comes back here.
  static auto& mutex = *new std::recursive_mutex;
  const std::lock_guard<std::recursive_mutex> lock(mutex);
  // Who has just slept is not sent to wait before his slice is over.
  std::this_thread::sleep_for(std::chrono::microseconds(200));
  return run.Call({});
}

double StackPosition() {
#if defined(_MSC_VER)
  void* const here = _AddressOfReturnAddress();
#else
  void* const here = __builtin_frame_address(0);
#endif
  return static_cast<double>(reinterpret_cast<uintptr_t>(here));
}

}  // namespace tally::entry
