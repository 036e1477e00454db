// The entry points for pointers that go from one thread to another.

#include <string>

#include "entry_points.h"
#include "values.h"

namespace tally::entry {

namespace {

// What BoundOnes reads.
Napi::Value ToValue(const Napi::Env& env, const BoundArgument& argument) {
  switch (argument.source) {
    case BoundArgument::Source::kPointer:
      return Napi::String::New(env, "pointer");
    case BoundArgument::Source::kSize:
      return Napi::String::New(env, "size");
    case BoundArgument::Source::kConstant:
      break;
  }
  return Napi::BigInt::New(env, argument.constant);
}

}  // namespace

Napi::Value HandOver(const Napi::CallbackInfo& info) {
  const SlotId slot = Unsigned(info[0]);
  const Slot& entry = Of(info).ledger().at(slot);
  Traveller traveller;
  traveller.address = entry.address;
  traveller.size = entry.size;
  traveller.label = info[2].As<Napi::String>().Utf8Value();
  traveller.shared = info[3].As<Napi::Boolean>();
  traveller.form = static_cast<Destructor::Form>(Unsigned(info[4]));
  traveller.function = Address(info[5]);
  // If not, it stays and is freed when the worker ends, which is at once.
  if (!BoundOnes(info[6], &traveller.arguments)) return info.Env().Undefined();
  Of(info).HandOver(slot, info[1].As<Napi::String>().Utf8Value(), &traveller);
  return info.Env().Undefined();
}

Napi::Value InTransit(const Napi::CallbackInfo& info) {
  Traveller traveller;
  if (!Transit::Instance().Look(info[0].As<Napi::String>().Utf8Value(), &traveller))
    return info.Env().Undefined();
  Napi::Object found = Napi::Object::New(info.Env());
  found.Set("address", Napi::BigInt::New(info.Env(), traveller.address));
  Put(found, "size", traveller.size);
  found.Set("label", traveller.label);
  found.Set("shared", traveller.shared);
  Put(found, "form", static_cast<int>(traveller.form));
  found.Set("code", Napi::BigInt::New(info.Env(), traveller.function));
  Napi::Array args = Napi::Array::New(info.Env());
  for (uint32_t i = 0; i < traveller.arguments.count; i++) {
    args.Set(i, ToValue(info.Env(), traveller.arguments.at[i]));
  }
  // If the last could be set, all are there: a worker that is being terminated may go on for a moment.
  return found.Set("args", args) ? Napi::Value(found) : info.Env().Undefined();
}

Napi::Value TakeOver(const Napi::CallbackInfo& info) {
  const auto taken = Of(info).TakeOver(info[0].As<Napi::String>().Utf8Value(), Unsigned(info[1]));
  return Number(info, static_cast<int>(taken));
}

}  // namespace tally::entry
