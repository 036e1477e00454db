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

namespace {

Destructor ToDestructor(Destructor::Form form, const Napi::Value& function, const Napi::Value& arguments) {
  switch (form) {
    case Destructor::Form::kJavaScript:
      return Destructor::JavaScript();
    case Destructor::Form::kDirect:
      return Destructor::Direct(Address(function));
    case Destructor::Form::kBound: {
      BoundArguments bound;
      if (!BoundOnes(arguments, &bound)) break;
      return Destructor::Bound(Address(function), bound);
    }
    case Destructor::Form::kNone:
      break;
  }
  return {};
}

// Whether C has freed the pointer or only taken it.
Reason Given(bool freed) { return freed ? Reason::kDisposed : Reason::kReleased; }

}  // namespace

double AddKind(Environment& environment, Napi::Value label, Destructor::Form form, Napi::Value function,
               Napi::Value arguments) {
  Destructor destructor = ToDestructor(form, function, arguments);
  if (destructor.form() != form) return -1;
  const Text text(label);
  if (!text.is_read()) return -1;
  return environment.AddKind(text.text(), std::move(destructor));
}

void FreeOnce(Destructor::Form form, uint64_t function, Napi::Value arguments, uint64_t address,
              int64_t size) {
  const LibraryPin pin(function);  // it may call back, and JavaScript unload the library
  if (form == Destructor::Form::kBound) {
    BoundArguments bound;
    if (BoundOnes(arguments, &bound)) Destructor::RunBound(function, bound, address, size);
  } else if (form == Destructor::Form::kDirect) {
    Destructor::Direct(function).Run(address, size);
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

void ReleaseYoung(Environment& environment, uint32_t index, bool freed) {
  environment.ReleaseYoung(index, Given(freed));
}

bool Release(Environment& environment, SlotId slot, bool freed) {
  return environment.Release(slot, Given(freed));
}

uint32_t HoldsOf(Environment& environment, SlotId slot) { return environment.ledger().at(slot).holds; }

int64_t SizeOf(Environment& environment, SlotId slot) { return environment.ledger().at(slot).size; }

uint64_t AddressOf(Environment& environment, SlotId slot) { return environment.ledger().at(slot).address; }

uint32_t KindOf(Environment& environment, SlotId slot) { return environment.ledger().at(slot).kind; }

bool AddParent(Environment& environment, SlotId slot, SlotId parent) {
  return environment.ledger().AddParent(slot, parent);
}

void RemoveParent(Environment& environment, SlotId slot, SlotId parent) {
  environment.ledger().RemoveParent(slot, parent);
}

bool DependsOn(Environment& environment, SlotId slot, SlotId other) {
  return environment.ledger().DependsOn(slot, other);
}

bool Keep(Environment& environment, SlotId slot, napi_value value) {
  return environment.kept().Keep(slot, value);
}

napi_value Kept(Environment& environment, SlotId slot) { return environment.kept().Of(slot); }

bool HasParent(Environment& environment, SlotId slot) { return environment.ledger().HasParent(slot); }

bool HasEndedParent(Environment& environment, SlotId slot) {
  return environment.ledger().HasEndedParent(slot);
}

bool Owns(Environment& environment, SlotId slot, uint64_t address) {
  return environment.ledger().Owns(slot, address);
}

Napi::Value RunNative(Environment& environment, Napi::Env env, SlotId slot) {
  std::optional<int32_t> failure;
  const bool threw = !environment.RunNative(slot, &failure);
  return failure.has_value() ? Napi::Value::From(env, *failure) : Napi::Value::From(env, !threw);
}

void NoteFailure(Environment& environment, uint32_t kind) { environment.ledger().NoteFailure(kind); }

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

bool HasUrgent(Environment& environment) { return environment.ledger().NextUrgent() != kNoSlot; }

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
