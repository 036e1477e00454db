// What each environment carries, where the whole process can read it: the allocator and the kernel know
// processes only. A Share is written by the thread of its environment and read by any.

#ifndef FFI_TALLY_SHARE_H_
#define FFI_TALLY_SHARE_H_

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

namespace tally {

class Share {
 public:
  Share() {
    Everyone& everyone = Everybody();
    const std::lock_guard<std::mutex> lock(everyone.mutex);
    everyone.shares.push_back(this);
  }
  ~Share() {
    Everyone& everyone = Everybody();
    const std::lock_guard<std::mutex> lock(everyone.mutex);
    everyone.shares.erase(std::find(everyone.shares.begin(), everyone.shares.end(), this));
  }
  Share(const Share&) = delete;
  Share& operator=(const Share&) = delete;

  // Costs a store.
  void Set(int64_t bytes) { bytes_.store(bytes, std::memory_order_relaxed); }

  // The sum over all environments.
  static int64_t Total() {
    Everyone& everyone = Everybody();
    const std::lock_guard<std::mutex> lock(everyone.mutex);
    int64_t total = 0;
    for (const Share* share : everyone.shares) total += share->bytes_.load(std::memory_order_relaxed);
    return total;
  }

 private:
  struct Everyone {
    std::mutex mutex;
    std::vector<Share*> shares;
  };

  // Process-wide on purpose, and never destroyed: a worker may end while the process does.
  static Everyone& Everybody() {
    static Everyone& everyone = *new Everyone;
    return everyone;
  }

  std::atomic<int64_t> bytes_{0};
};

}  // namespace tally

#endif  // FFI_TALLY_SHARE_H_
