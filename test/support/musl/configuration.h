// Before all else that is compiled for musl: the headers of Debian's C++ library are configured for glibc.

#define __GLIBC_PREREQ(major, minor) 0
#define __locale_t locale_t
#ifdef __cplusplus
#include <bits/c++config.h>
#undef _GLIBCXX_USE_PTHREAD_COND_CLOCKWAIT
#undef _GLIBCXX_USE_PTHREAD_MUTEX_CLOCKLOCK
#undef _GLIBCXX_USE_PTHREAD_RWLOCK_CLOCKLOCK
enum {  // of its <ctype.h>
  _ISupper = 0x100,
  _ISlower = 0x200,
  _ISalpha = 0x400,
  _ISdigit = 0x800,
  _ISxdigit = 0x1000,
  _ISspace = 0x2000,
  _ISprint = 0x4000,
  _ISblank = 1,
  _IScntrl = 2,
  _ISpunct = 4,
};
#endif
