// The threads that libraries have started during calls which were made for accounts. While such a call runs,
// what its threads allocate is the account's. Afterwards a thread that lives on works for whoever asks it,
// and books to nobody, until somebody uses the account's object again.
//
// Process-wide on purpose, as import slots are. Any thread, if not said otherwise.

#ifndef FFI_TALLY_METERS_CALL_THREADS_H_
#define FFI_TALLY_METERS_CALL_THREADS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include "base/spin_lock.h"

namespace tally {

class CallThread {
 public:
  struct Left {
    uint64_t account = 0;
    int64_t bytes = 0;
  };

  // One more, of a call for that account. nullptr without memory.
  static CallThread* Add(uint64_t account);
  // It has ended, or never began. Returns what nobody has taken.
  static Left Remove(CallThread* thread);

  // Whose call runs; 0 for nobody's.
  uint64_t account() const { return running_.load(std::memory_order_relaxed); }
  // `bytes` more for the account. By the thread itself.
  void Count(int64_t bytes) {
    net_.store(net_.load(std::memory_order_relaxed) + bytes, std::memory_order_relaxed);
  }

  struct Found {
    size_t threads = 0;   // how many there are
    size_t in_calls = 0;  // how many of them work for accounts that were asked for
  };

  // Calls `see(account, bytes)` for each of `count` accounts from `first` on, with what has not been taken
  // yet. The call for `ended` has returned.
  template <typename F>
  static Found Take(uint64_t first, uint64_t count, uint64_t ended, F&& see) {
    return Each([&](CallThread& thread) {
      if (thread.account_ - first >= count) return false;
      if (thread.account_ == ended) thread.running_.store(0, std::memory_order_relaxed);
      if (const int64_t bytes = thread.TakeNet(); bytes != 0) see(thread.account_, bytes);
      return thread.account() != 0;
    });
  }

  // Another call for that account begins.
  static Found Resume(uint64_t account) {
    return Each([account](CallThread& thread) {
      if (thread.account_ == account) thread.running_.store(account, std::memory_order_relaxed);
      return thread.account_ == account;
    });
  }

  // In the child of a fork: whoever had it is not here.
  static void UnlockInChild() { lock_.unlock(); }

 private:
  template <typename F>
  static Found Each(F&& is_in_call) {
    const std::lock_guard<SpinLock> lock(lock_);
    Found found;
    for (CallThread* thread = all_; thread != nullptr; thread = thread->next_) {
      found.threads++;
      if (is_in_call(*thread)) found.in_calls++;
    }
    return found;
  }

  // REQUIRES: the lock.
  int64_t TakeNet() {
    const int64_t net = net_.load(std::memory_order_relaxed);
    const int64_t before = taken_;
    taken_ = net;
    return net - before;
  }

  static SpinLock lock_;
  static CallThread* all_;  // under the lock; a fork may find any state of it

  std::atomic<uint64_t> running_{0};
  std::atomic<int64_t> net_{0};
  uint64_t account_ = 0;
  int64_t taken_ = 0;  // under the lock
  CallThread* next_ = nullptr;
};

}  // namespace tally

#endif  // FFI_TALLY_METERS_CALL_THREADS_H_
