// A lock for what takes some nanoseconds, where one of the system would cost more than what it guards. With
// std::lock_guard.

#ifndef FFI_TALLY_BASE_SPIN_LOCK_H_
#define FFI_TALLY_BASE_SPIN_LOCK_H_

#include <atomic>
#include <thread>

namespace tally {

class SpinLock {
 public:
  void lock() {
    for (int tries = 0; taken_.exchange(true, std::memory_order_acquire);) {
      while (taken_.load(std::memory_order_relaxed)) {
        if (++tries > 100) std::this_thread::yield();  // whoever holds it may have no processor
      }
    }
  }
  bool try_lock() { return !taken_.exchange(true, std::memory_order_acquire); }
  void unlock() { taken_.store(false, std::memory_order_release); }

 private:
  std::atomic<bool> taken_{false};
};

}  // namespace tally

#endif  // FFI_TALLY_BASE_SPIN_LOCK_H_
