// TALLY_CHECK ends the process, naming the place, when a Node-API call fails that cannot fail in a
// sound program: going on would lose or free twice a pointer that somebody owns.

#ifndef FFI_TALLY_ENV_CHECK_H_
#define FFI_TALLY_ENV_CHECK_H_

#include <napi.h>

#define TALLY_CHECK(call)                                                               \
  do {                                                                                  \
    if ((call) != napi_ok) Napi::Error::Fatal(__func__, "ffi-tally: " #call " failed"); \
  } while (false)

#endif  // FFI_TALLY_ENV_CHECK_H_
