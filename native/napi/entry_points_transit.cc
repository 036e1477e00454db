// The entry points for pointers that go from one thread to another.

#include <array>
#include <string_view>
#include <utility>

#include "napi/entry_points.h"
#include "napi/values.h"

namespace tally::entry {

namespace {

// What BoundOnes reads.
Napi::Value ToJavaScript(const Napi::Env& env, const BoundArgument& argument) {
  switch (argument.source) {
    case BoundArgument::Source::kPointer:
      return Napi::String::New(env, "pointer");
    case BoundArgument::Source::kPlace:
      return Napi::String::New(env, "place");
    case BoundArgument::Source::kSize:
      return Napi::String::New(env, "size");
    case BoundArgument::Source::kConstant:
      break;
  }
  return Napi::BigInt::New(env, argument.constant);
}

// A key as JavaScript tells it. Of another string, a text of another length.
class Key {
 public:
  explicit Key(const Napi::Value& value) {
    if (napi_get_value_string_utf8(value.Env(), value, text_.data(), text_.size(), &length_) != napi_ok)
      length_ = 0;
  }
  std::string_view text() const { return {text_.data(), length_}; }

 private:
  std::array<char, Transit::kKey + 2> text_{};  // one more than a key has, and a zero
  size_t length_ = 0;
};

}  // namespace

Napi::Value HandOver(Environment& environment, Napi::Env env, SlotId slot, Napi::Value key, Napi::Value label,
                     bool shared, Napi::Value arguments) {
  const Slot& entry = environment.ledger().at(slot);
  TransferredPointer transferred;
  transferred.address = entry.address;
  transferred.size = entry.size;
  transferred.shared = shared;
  // If not, it stays and is freed when the worker ends, which is at once.
  if (!BoundOnes(arguments, &transferred.arguments)) return env.Undefined();
  Label copy;
  const Text text(label);
  auto answer = Environment::HandedOver::kNoMemory;
  if (text.is_read() && copy.Set(text.text())) {
    answer = environment.HandOver(slot, Key(key).text(), &transferred, std::move(copy));
  }
  return Napi::Number::New(env, static_cast<int>(answer));
}

Napi::Value InTransit(Napi::Env env, Napi::Value key) {
  TransferredPointer transferred;
  Label label;
  const Transit::Found answer = Transit::Instance().Peek(Key(key).text(), &transferred, &label);
  if (answer == Transit::Found::kGone) return env.Undefined();
  if (answer == Transit::Found::kNoMemory) return env.Null();
  Napi::Object found = Napi::Object::New(env);
  Define(found, "address", Napi::BigInt::New(env, transferred.address));
  Put(found, "size", transferred.size);
  Define(found, "label", Napi::String::New(env, label.text().data(), label.text().size()));
  Define(found, "shared", transferred.shared);
  Put(found, "form", static_cast<int>(transferred.form));
  Define(found, "code", Napi::BigInt::New(env, transferred.function));
  Napi::Array args = Napi::Array::New(env);
  const BoundArguments& arguments = transferred.arguments;
  uint32_t count = arguments.count;
  for (uint32_t i = 0; i < count; i++) args.Set(i, ToJavaScript(env, arguments.at[i]));
  if (arguments.ok.has_value()) args.Set(count++, Napi::Number::New(env, *arguments.ok));
  if (arguments.is_bool) args.Set(count++, false);
  if (arguments.retries) args.Set(count++, true);
  // If the last could be set, all are there: a worker that is being terminated may go on for a moment.
  return Define(found, "args", args) ? Napi::Value(found) : env.Undefined();
}

Environment::Taken TakeOver(Environment& environment, Napi::Value key, uint32_t kind) {
  return environment.TakeOver(Key(key).text(), kind);
}

}  // namespace tally::entry
