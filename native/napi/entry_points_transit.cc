// The entry points for pointers that go from one thread to another.

#include <array>
#include <string_view>
#include <utility>

#include "napi/entry_points.h"
#include "napi/values.h"

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

Napi::Value HandOver(const Napi::CallbackInfo& info) {
  const SlotId slot = Unsigned(info[0]);
  const Slot& entry = Of(info).ledger().at(slot);
  TransferredPointer transferred;
  transferred.address = entry.address;
  transferred.size = entry.size;
  transferred.shared = info[3].As<Napi::Boolean>();
  // If not, it stays and is freed when the worker ends, which is at once.
  if (!BoundOnes(info[4], &transferred.arguments)) return info.Env().Undefined();
  Label label;
  const Key key(info[1]);
  const Text text(info[2]);
  auto answer = Environment::HandedOver::kNoMemory;
  if (text.is_read() && label.Set(text.text())) {
    answer = Of(info).HandOver(slot, key.text(), &transferred, std::move(label));
  }
  return Number(info, static_cast<int>(answer));
}

Napi::Value InTransit(const Napi::CallbackInfo& info) {
  TransferredPointer transferred;
  Label label;
  const Key key(info[0]);
  const Transit::Found answer = Transit::Instance().Peek(key.text(), &transferred, &label);
  if (answer == Transit::Found::kGone) return info.Env().Undefined();
  if (answer == Transit::Found::kNoMemory) return info.Env().Null();
  Napi::Object found = Napi::Object::New(info.Env());
  found.Set("address", Napi::BigInt::New(info.Env(), transferred.address));
  Put(found, "size", transferred.size);
  found.Set("label", Napi::String::New(info.Env(), label.text().data(), label.text().size()));
  found.Set("shared", transferred.shared);
  Put(found, "form", static_cast<int>(transferred.form));
  found.Set("code", Napi::BigInt::New(info.Env(), transferred.function));
  Napi::Array args = Napi::Array::New(info.Env());
  for (uint32_t i = 0; i < transferred.arguments.count; i++) {
    args.Set(i, ToValue(info.Env(), transferred.arguments.at[i]));
  }
  // If the last could be set, all are there: a worker that is being terminated may go on for a moment.
  return found.Set("args", args) ? Napi::Value(found) : info.Env().Undefined();
}

Napi::Value TakeOver(const Napi::CallbackInfo& info) {
  const auto taken = Of(info).TakeOver(Key(info[0]).text(), Unsigned(info[1]));
  return Number(info, static_cast<int>(taken));
}

}  // namespace tally::entry
