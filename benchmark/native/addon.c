// The addon that articles on native memory in Node.js end up with, reduced to what it costs:
//   attach(object, address, bytes, free)   frees `address` when `object` has been collected
//   report(object, address, bytes, free)   the same, and tells V8 of the bytes, then and now
//   adjust(delta)                          tells V8
// Address and size travel as the finalizer's data and hint: no allocation of its own.

#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef void (*Free)(void*);

// One free() for all, as an addon around one library has.
static Free free_block;

static bool check(napi_env env, napi_status status) {
  if (status == napi_ok) return true;
  napi_throw_error(env, NULL, "a Node-API call of the benchmark's addon failed");
  return false;
}

static void finalize(napi_env env, void* data, void* hint) {
  (void)env;
  (void)hint;
  free_block(data);
}

static void finalize_reported(napi_env env, void* data, void* hint) {
  int64_t total;
  free_block(data);
  napi_adjust_external_memory(env, -(int64_t)(intptr_t)hint, &total);
}

static napi_value attach_with(napi_env env, napi_callback_info info, bool reports) {
  size_t argc = 4;
  napi_value argv[4];
  uint64_t address, function;
  int64_t bytes, total;
  bool lossless;
  if (!check(env, napi_get_cb_info(env, info, &argc, argv, NULL, NULL)) ||
      !check(env, napi_get_value_bigint_uint64(env, argv[1], &address, &lossless)) ||
      !check(env, napi_get_value_int64(env, argv[2], &bytes)))
    return NULL;
  if (free_block == NULL) {
    if (!check(env, napi_get_value_bigint_uint64(env, argv[3], &function, &lossless))) return NULL;
    free_block = (Free)(uintptr_t)function;
  }
  if (check(env, napi_add_finalizer(env, argv[0], (void*)(uintptr_t)address,
                                    reports ? finalize_reported : finalize, (void*)(intptr_t)bytes, NULL)) &&
      reports)
    check(env, napi_adjust_external_memory(env, bytes, &total));
  return NULL;
}

static napi_value attach(napi_env env, napi_callback_info info) { return attach_with(env, info, false); }

static napi_value report(napi_env env, napi_callback_info info) { return attach_with(env, info, true); }

static napi_value adjust(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value argument;
  int64_t delta, total;
  if (check(env, napi_get_cb_info(env, info, &argc, &argument, NULL, NULL)) &&
      check(env, napi_get_value_int64(env, argument, &delta)))
    check(env, napi_adjust_external_memory(env, delta, &total));
  return NULL;
}

NAPI_MODULE_INIT() {
  const struct {
    const char* name;
    napi_callback callback;
  } functions[] = {{"attach", attach}, {"report", report}, {"adjust", adjust}};
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    napi_value function;
    if (!check(env, napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].callback,
                                         NULL, &function)) ||
        !check(env, napi_set_named_property(env, exports, functions[i].name, function)))
      return NULL;
  }
  return exports;
}
