// The addon of the usual recipe: one function, adjustExternalMemory(delta).

#include <node_api.h>

static napi_value adjust_external_memory(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value argument, result = NULL;
  int64_t delta, total;
  if (napi_get_cb_info(env, info, &argc, &argument, NULL, NULL) == napi_ok &&
      napi_get_value_int64(env, argument, &delta) == napi_ok &&
      napi_adjust_external_memory(env, delta, &total) == napi_ok)
    napi_create_int64(env, total, &result);
  else
    napi_throw_type_error(env, NULL, "expected a number of bytes");
  return result;
}

NAPI_MODULE_INIT() {
  napi_value function;
  if (napi_create_function(env, "adjustExternalMemory", NAPI_AUTO_LENGTH, adjust_external_memory, NULL,
                           &function) == napi_ok)
    napi_set_named_property(env, exports, "adjustExternalMemory", function);
  return exports;
}
