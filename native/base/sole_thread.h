// Spares the first thread that asks the cost of a lock, as long as no other one asks: it enters with plain
// stores. The second thread to ask ends that for good, by a barrier that the kernel puts into all threads of
// the process; where the kernel has none, nobody is spared.
//
// REQUIRES: who has entered leaves before he enters again. Any thread. Never destroyed.

#ifndef FFI_TALLY_BASE_SOLE_THREAD_H_
#define FFI_TALLY_BASE_SOLE_THREAD_H_

#include <atomic>
#include <cstdint>

#ifdef __linux__
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <mutex>
#include <thread>

#include "base/spin_lock.h"

#ifdef __has_builtin
#if __has_builtin(__builtin_thread_pointer)
#define TALLY_HAS_THREAD_POINTER
#endif
#endif
#elif defined(_WIN32)
#include "base/windows_api.h"
#define TALLY_HAS_THREAD_POINTER
#endif

namespace tally {

class SoleThread {
 public:
#ifdef __linux__
  // What no other thread has that lives.
  static uintptr_t Self() {
#ifdef TALLY_HAS_THREAD_POINTER
    return reinterpret_cast<uintptr_t>(__builtin_thread_pointer());
#else
    return static_cast<uintptr_t>(pthread_self());
#endif
  }

  // Returns whether this thread is the only one inside until it leaves. If not, it needs a lock, and whoever
  // needed none has left.
  bool Enter() {
    const uintptr_t self = Self();
    return TryEnter(self) || (sole_.load(std::memory_order_acquire) != kNone && Ask(self));
  }
  // The same where it is known already, without waiting: false where Enter() would have to ask, or where it
  // needs a lock.
  bool TryEnter() { return TryEnter(Self()); }
  // Whether everybody needs a lock, for good.
  bool IsOver() const { return sole_.load(std::memory_order_acquire) == kNone; }
  void Leave() { inside_.store(false, std::memory_order_release); }

  // Around a fork. In between, this thread may enter, and no other one is inside without a lock.
  void Lock() {
    changing_.lock();
    Change(Self());
  }
  void Unlock() { changing_.unlock(); }

 private:
  static constexpr uintptr_t kNobodyYet = 0;
  static constexpr uintptr_t kChanging = 1;
  static constexpr uintptr_t kNone = 2;

  // As in <linux/membarrier.h>, which a compiler for musl does not bring.
  static constexpr int kQuery = 0;
  static constexpr int kPrivateExpedited = 1 << 3;
  static constexpr int kRegisterPrivateExpedited = 1 << 4;

  // Whoever calls free() keeps the errno that he has.
  static int64_t Barrier(int command) {
    const int before = errno;
    const int64_t result = syscall(SYS_membarrier, command, 0);
    errno = before;
    return result;
  }

  bool TryEnter(uintptr_t self) {
    if (sole_.load(std::memory_order_relaxed) != self) return false;
    inside_.store(true, std::memory_order_relaxed);
    // The other half of this fence is the kernel's barrier: either this thread sees that another one asks, or
    // that one sees that it is inside.
    std::atomic_signal_fence(std::memory_order_seq_cst);
    if (sole_.load(std::memory_order_relaxed) == self) return true;
    Leave();
    return false;
  }

  [[gnu::noinline]] bool Ask(uintptr_t self) {
    {
      const std::lock_guard<SpinLock> lock(changing_);
      Change(self);
    }
    if (TryEnter(self)) return true;
    const std::lock_guard<SpinLock> lock(changing_);  // while another thread asks
    return false;
  }

  // This thread is the first one, or there is no such thread any more.
  void Change(uintptr_t self) {
    const uintptr_t sole = sole_.load(std::memory_order_relaxed);
    if (sole == self || sole == kNone) return;
    if (sole == kNobodyYet) {
      const int64_t commands = Barrier(kQuery);
      const bool can_ask = commands > 0 && (commands & kPrivateExpedited) != 0;
      return sole_.store(can_ask ? self : kNone, std::memory_order_release);
    }
    // Not before it is needed: the first time takes some milliseconds.
    (void)Barrier(kRegisterPrivateExpedited);
    sole_.store(kChanging, std::memory_order_seq_cst);
    // Where it has been forbidden meanwhile, a processor still writes soon what it has to write.
    if (Barrier(kPrivateExpedited) != 0) (void)usleep(1000);
    while (inside_.load(std::memory_order_acquire)) std::this_thread::yield();
    sole_.store(kNone, std::memory_order_release);
  }

  SpinLock changing_;
  std::atomic<uintptr_t> sole_{kNobodyYet};
  std::atomic<bool> inside_{false};
#else
#ifdef _WIN32
  static uintptr_t Self() { return GetCurrentThreadId(); }
#endif
  bool Enter() { return false; }
  bool TryEnter() { return false; }
  bool IsOver() const { return true; }
  void Leave() {}
  void Lock() {}
  void Unlock() {}
#endif
};

}  // namespace tally

#endif  // FFI_TALLY_BASE_SOLE_THREAD_H_
