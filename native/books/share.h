// The figures of each environment where the whole process can read them: they are changed by the thread of
// their environment, without a lock and at no extra cost, and read by any.

#ifndef FFI_TALLY_BOOKS_SHARE_H_
#define FFI_TALLY_BOOKS_SHARE_H_

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

namespace tally {

enum class Reason : uint8_t { kDisposed, kCollected, kReleased, kTornDown };
constexpr int kReasons = 4;

// An integer that one thread changes and any thread reads.
class Figure {
 public:
  operator int64_t() const { return value_.load(std::memory_order_relaxed); }
  void operator+=(int64_t delta) { value_.store(*this + delta, std::memory_order_relaxed); }
  void operator-=(int64_t delta) { *this += -delta; }
  void operator++(int) { *this += 1; }
  void operator--(int) { *this -= 1; }

 private:
  static_assert(std::atomic<int64_t>::is_always_lock_free);

  std::atomic<int64_t> value_{0};
};

// What is now, and what ever was. `Integer` is a Figure, or what a sum of these is.
template <typename Integer>
struct FiguresOf {
  Integer bytes{};
  Integer pointers{};
  Integer manual{};
  Integer outside{};
  Integer dead_bytes{};
  Integer dead_pointers{};
  Integer tracked{};
  Integer ended[kReasons]{};
  Integer failed{};  // destructors that threw

  template <typename Other>
  void AddNow(const FiguresOf<Other>& other) {
    Add(&bytes, other.bytes);
    Add(&pointers, other.pointers);
    Add(&manual, other.manual);
    Add(&outside, other.outside);
    Add(&dead_bytes, other.dead_bytes);
    Add(&dead_pointers, other.dead_pointers);
  }

  template <typename Other>
  void AddEver(const FiguresOf<Other>& other) {
    Add(&tracked, other.tracked);
    for (int i = 0; i < kReasons; i++) Add(&ended[i], other.ended[i]);
    Add(&failed, other.failed);
  }

 private:
  // A thousand environments could carry more than an integer holds: then it stays there.
  static void Add(int64_t* sum, int64_t more) { *sum = std::min(*sum, INT64_MAX - more) + more; }
};

using Figures = FiguresOf<Figure>;

class Share {
 public:
  // REQUIRES: `figures` outlives the share.
  explicit Share(const Figures* figures) : figures_(figures) {
    Registry& registry = TheRegistry();
    const std::lock_guard<std::mutex> lock(registry.mutex);
    registry.shares.push_back(this);
  }
  // What ever was stays in the sum.
  ~Share() {
    Registry& registry = TheRegistry();
    const std::lock_guard<std::mutex> lock(registry.mutex);
    registry.shares.erase(std::find(registry.shares.begin(), registry.shares.end(), this));
    registry.retired_totals.AddEver(*figures_);
  }
  Share(const Share&) = delete;
  Share& operator=(const Share&) = delete;

  struct Sum : FiguresOf<int64_t> {
    int64_t environments = 0;
  };

  // The sum over all environments. Each figure is right for itself; one that is read later is of later.
  static Sum Total() {
    Registry& registry = TheRegistry();
    const std::lock_guard<std::mutex> lock(registry.mutex);
    Sum sum = registry.retired_totals;
    for (const Share* share : registry.shares) {
      sum.AddNow(*share->figures_);
      sum.AddEver(*share->figures_);
      sum.environments++;
    }
    return sum;
  }

 private:
  struct Registry {
    std::mutex mutex;  // of those who come, go and read; not of those who count
    std::vector<Share*> shares;
    Sum retired_totals;
  };

  // Process-wide on purpose, and never destroyed: a worker may end while the process does.
  static Registry& TheRegistry() {
    static Registry& registry = *new Registry;
    return registry;
  }

  const Figures* figures_;
};

}  // namespace tally

#endif  // FFI_TALLY_BOOKS_SHARE_H_
