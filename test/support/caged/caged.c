// To be preloaded: Electron's restriction, for a copy of the addon in which the name of the function that
// makes buffers over native memory is changed to this one. The program's own would be found first.

typedef int napi_status;

#define NAPI_NO_EXTERNAL_BUFFERS_ALLOWED 22

napi_status napi_caged_external_arraybuffer(void* env, void* data, unsigned long bytes, void* finalize,
                                            void* hint, void** result);

napi_status napi_caged_external_arraybuffer(void* env, void* data, unsigned long bytes, void* finalize,
                                            void* hint, void** result) {
  (void)env;
  (void)data;
  (void)bytes;
  (void)finalize;
  (void)hint;
  (void)result;
  return NAPI_NO_EXTERNAL_BUFFERS_ALLOWED;
}
