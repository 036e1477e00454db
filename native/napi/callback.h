// Callback makes of a C++ function what JavaScript can call: it reads the arguments as the function's
// parameters tell, and returns its result as a value. lib/ has validated what arrives.
//
// A parameter that is a reference to the environment or to a part of it takes no argument, nor does a
// Napi::Env. A uint64_t is a bigint, any other number a number; an enumeration is its number. The function
// may be a method of the environment or of a part.

#ifndef FFI_TALLY_NAPI_CALLBACK_H_
#define FFI_TALLY_NAPI_CALLBACK_H_

#include <napi.h>

#include <array>
#include <cstdint>
#include <tuple>
#include <type_traits>

#include "env/check.h"
#include "env/environment.h"

namespace tally::entry {

template <typename T>
constexpr bool kIsArgument = !std::is_lvalue_reference_v<T> && !std::is_same_v<T, Napi::Env>;

template <typename T>
T& PartOf(Environment& environment) {
  if constexpr (std::is_same_v<T, Environment>) {
    return environment;
  } else if constexpr (std::is_same_v<T, Ledger>) {
    return environment.ledger();
  } else if constexpr (std::is_same_v<T, Views>) {
    return environment.views();
  } else if constexpr (std::is_same_v<T, KeptValues>) {
    return environment.kept();
  } else if constexpr (std::is_same_v<T, AsyncContexts>) {
    return environment.contexts();
  } else if constexpr (std::is_same_v<T, Collector>) {
    return environment.collector();
  } else if constexpr (std::is_same_v<T, ProcessWatch>) {
    return ProcessWatch::Instance();
  } else {
    return ProcessWatch::Instance().pacer();
  }
}

// The arguments of one call, read from left to right. One that is missing is undefined.
template <size_t kCount>
class Arguments {
 public:
  Arguments(napi_env env, napi_callback_info info) : env_(env) {
    size_t count = values_.size();
    void* data = nullptr;
    TALLY_CHECK(napi_get_cb_info(env, info, &count, values_.data(), nullptr, &data));
    environment_ = static_cast<Environment*>(data);
  }

  template <typename T>
  T Next() {
    if constexpr (kIsArgument<T>) {
      return Read<T>(values_[next_++]);
    } else if constexpr (std::is_same_v<T, Napi::Env>) {
      return env_;
    } else {
      return PartOf<std::remove_reference_t<T>>(*environment_);
    }
  }

 private:
  template <typename T>
  T Read(napi_value value) {
    if constexpr (std::is_base_of_v<Napi::Value, T>) {
      return T(env_, value);
    } else if constexpr (std::is_same_v<T, napi_value>) {
      return value;
    } else if constexpr (std::is_enum_v<T>) {
      return static_cast<T>(Read<uint32_t>(value));
    } else {
      T result{};
      TALLY_CHECK(Get(value, &result));
      return result;
    }
  }

  napi_status Get(napi_value value, bool* result) const { return napi_get_value_bool(env_, value, result); }
  napi_status Get(napi_value value, double* result) const {
    return napi_get_value_double(env_, value, result);
  }
  napi_status Get(napi_value value, int64_t* result) const {
    return napi_get_value_int64(env_, value, result);
  }
  napi_status Get(napi_value value, uint32_t* result) const {
    return napi_get_value_uint32(env_, value, result);
  }
  napi_status Get(napi_value value, uint64_t* result) const {
    bool lossless = false;
    return napi_get_value_bigint_uint64(env_, value, result, &lossless);
  }

  napi_env env_;
  std::array<napi_value, kCount> values_{};
  size_t next_ = 0;
  Environment* environment_ = nullptr;
};

template <typename T>
napi_value ToValue(napi_env env, T value) {
  napi_value result = nullptr;
  if constexpr (std::is_convertible_v<T, napi_value>) {
    result = value;
  } else if constexpr (std::is_same_v<T, bool>) {
    TALLY_CHECK(napi_get_boolean(env, value, &result));
  } else if constexpr (std::is_same_v<T, uint64_t>) {
    TALLY_CHECK(napi_create_bigint_uint64(env, value, &result));
  } else {
    TALLY_CHECK(napi_create_double(env, static_cast<double>(value), &result));
  }
  return result;
}

template <auto kFunction, typename Result, typename... Parameters>
napi_value Apply(napi_env env, napi_callback_info info) {
  Arguments<(size_t{0} + ... + size_t{kIsArgument<Parameters>})> arguments(env, info);
  std::tuple<Parameters...> read{arguments.template Next<Parameters>()...};
  if constexpr (std::is_void_v<Result>) {
    std::apply(kFunction, read);
    return nullptr;
  } else {
    return ToValue(env, std::apply(kFunction, read));
  }
}

template <auto kFunction>
struct Signature;

template <typename Result, typename... Parameters, Result (*kFunction)(Parameters...)>
struct Signature<kFunction> {
  static constexpr napi_callback kCallback = Apply<kFunction, Result, Parameters...>;
};

template <typename Part, typename Result, typename... Parameters, Result (Part::*kMethod)(Parameters...)>
struct Signature<kMethod> {
  static constexpr napi_callback kCallback = Apply<kMethod, Result, Part&, Parameters...>;
};

template <typename Part, typename Result, typename... Parameters,
          Result (Part::*kMethod)(Parameters...) const>
struct Signature<kMethod> {
  static constexpr napi_callback kCallback = Apply<kMethod, Result, Part&, Parameters...>;
};

template <auto kFunction>
constexpr napi_callback kCallback = Signature<kFunction>::kCallback;

}  // namespace tally::entry

#endif  // FFI_TALLY_NAPI_CALLBACK_H_
