// <windows.h> without min(), max() and half of its contents.

#ifndef FFI_TALLY_BASE_WINDOWS_API_H_
#define FFI_TALLY_BASE_WINDOWS_API_H_

#ifndef NOMINMAX
#define NOMINMAX
#endif
#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif
#include <windows.h>

#endif  // FFI_TALLY_BASE_WINDOWS_API_H_
