// A prebuilt binary must load on systems older than the one it was built on. glibc 2.34 moved these
// functions into another library and gave them a new version; here the linker is told to take the old one.

#ifndef FFI_TALLY_BASE_OLD_GLIBC_H_
#define FFI_TALLY_BASE_OLD_GLIBC_H_

#if defined(TALLY_PREBUILT) && defined(__linux__)
#include <features.h>  // for __GLIBC__

#if defined(__GLIBC__) && defined(__x86_64__)
#define TALLY_OLD_GLIBC "GLIBC_2.2.5"
#define TALLY_OLD_DLINFO "GLIBC_2.3.3"
#elif defined(__GLIBC__) && defined(__aarch64__)
#define TALLY_OLD_GLIBC "GLIBC_2.17"
#define TALLY_OLD_DLINFO "GLIBC_2.17"
#elif defined(__GLIBC__) && defined(__ARM_EABI__)
#define TALLY_OLD_GLIBC "GLIBC_2.4"
#define TALLY_OLD_DLINFO "GLIBC_2.4"
#endif

#ifdef TALLY_OLD_GLIBC
__asm__(".symver dladdr, dladdr@" TALLY_OLD_GLIBC);
__asm__(".symver dladdr1, dladdr1@" TALLY_OLD_DLINFO);
__asm__(".symver dlclose, dlclose@" TALLY_OLD_GLIBC);
__asm__(".symver dlinfo, dlinfo@" TALLY_OLD_DLINFO);
__asm__(".symver dlopen, dlopen@" TALLY_OLD_GLIBC);
__asm__(".symver dlsym, dlsym@" TALLY_OLD_GLIBC);
__asm__(".symver pthread_create, pthread_create@" TALLY_OLD_GLIBC);
__asm__(".symver pthread_detach, pthread_detach@" TALLY_OLD_GLIBC);
__asm__(".symver pthread_join, pthread_join@" TALLY_OLD_GLIBC);
__asm__(".symver pthread_key_create, pthread_key_create@" TALLY_OLD_GLIBC);
__asm__(".symver pthread_mutex_trylock, pthread_mutex_trylock@" TALLY_OLD_GLIBC);
__asm__(".symver pthread_setspecific, pthread_setspecific@" TALLY_OLD_GLIBC);
__asm__(".symver pthread_sigmask, pthread_sigmask@" TALLY_OLD_GLIBC);
#endif
#endif

#endif  // FFI_TALLY_BASE_OLD_GLIBC_H_
