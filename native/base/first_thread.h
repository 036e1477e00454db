// Whether this is the thread that the process began with. False where that cannot be told.

#ifndef FFI_TALLY_BASE_FIRST_THREAD_H_
#define FFI_TALLY_BASE_FIRST_THREAD_H_

#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#elif defined(__APPLE__)
#include <pthread.h>
#endif

namespace tally {

inline bool IsFirstThread() {
#if defined(__linux__)
  return syscall(SYS_gettid) == getpid();
#elif defined(__APPLE__)
  return pthread_main_np() == 1;
#else
  return false;
#endif
}

}  // namespace tally

#endif  // FFI_TALLY_BASE_FIRST_THREAD_H_
