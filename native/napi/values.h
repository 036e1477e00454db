// Node-API values to C++ and back, for the entry points. lib/ has validated what arrives.

#ifndef FFI_TALLY_NAPI_VALUES_H_
#define FFI_TALLY_NAPI_VALUES_H_

#include <napi.h>

#include <cassert>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/fallible_vector.h"
#include "env/check.h"
#include "env/destructor.h"

namespace tally::entry {

inline uint64_t Address(const Napi::Value& value) {
  bool lossless = false;
  return value.As<Napi::BigInt>().Uint64Value(&lossless);
}

// A bound argument arrives as a bigint (a constant) or as the string 'pointer', 'place' or 'size'.
inline BoundArgument Bound(const Napi::Value& value) {
  BoundArgument argument;
  if (value.IsBigInt()) {
    argument.constant = Address(value);
    return argument;
  }
  const std::string name = value.As<Napi::String>().Utf8Value();
  argument.source = name == "size"    ? BoundArgument::Source::kSize
                    : name == "place" ? BoundArgument::Source::kPlace
                                      : BoundArgument::Source::kPointer;
  return argument;
}

// After the arguments there may be a number, the result by which the function says that it has freed, then
// `false`, where that result is a bool, and `true`, where what it has not freed is still there. Returns false
// where JavaScript cannot be touched: the worker is being terminated. An array has no length then, and C must
// not be called with no arguments.
inline bool BoundOnes(const Napi::Value& values, BoundArguments* arguments) {
  uint32_t length = 0;
  if (napi_get_array_length(values.Env(), values, &length) != napi_ok) return false;
  arguments->count = 0;
  for (uint32_t i = 0; i < length; i++) {
    napi_value element = nullptr;
    if (napi_get_element(values.Env(), values, i, &element) != napi_ok) return false;
    const Napi::Value value(values.Env(), element);
    if (value.IsNumber()) {
      arguments->ok = value.As<Napi::Number>().Int32Value();
    } else if (value.IsBoolean()) {
      (value.As<Napi::Boolean>() ? arguments->retries : arguments->is_bool) = true;
    } else {
      assert(arguments->count < BoundArguments::kMost);
      arguments->at[arguments->count++] = Bound(value);
    }
  }
  return true;
}

// The text of a string, as UTF-8.
class Text {
 public:
  explicit Text(const Napi::Value& value) {
    TALLY_CHECK(napi_get_value_string_utf8(value.Env(), value, nullptr, 0, &length_));
    if (!text_.Reserve(length_ + 1)) return;
    TALLY_CHECK(napi_get_value_string_utf8(value.Env(), value, text_.begin(), length_ + 1, &length_));
  }

  // False without memory.
  bool is_read() const { return text_.begin() != nullptr; }
  std::string_view text() const { return {text_.begin(), length_}; }

 private:
  FallibleVector<char> text_;
  size_t length_ = 0;
};

// To assign a property would call a setter that a program has put on Object.prototype. Returns false where
// JavaScript cannot be touched.
template <typename T>
bool Define(Napi::Object object, const char* name, const T& value) {
  napi_property_descriptor property{};
  property.utf8name = name;
  property.value = Napi::Value::From(object.Env(), value);
  property.attributes = napi_default_jsproperty;
  return napi_define_properties(object.Env(), object, 1, &property) == napi_ok;
}

template <typename T>
void Put(Napi::Object object, const char* name, T value) {
  Define(object, name, static_cast<double>(value));
}

}  // namespace tally::entry

#endif  // FFI_TALLY_NAPI_VALUES_H_
