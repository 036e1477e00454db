// Who is told of blocks, beside the accounts that have them: in one number, so that a hook that has nobody to
// tell looks only once.
//
// Process-wide on purpose, as hooks are. Any thread.

#ifndef FFI_TALLY_METERS_LISTENERS_H_
#define FFI_TALLY_METERS_LISTENERS_H_

#include <atomic>
#include <cstdint>

namespace tally {

class Listeners {
 public:
  enum Listener : uint8_t { kAudit = 1, kSamples = 2, kOwners = 4, kQuarantine = 8 };

  static uint8_t All() { return all_.load(std::memory_order_relaxed); }
  static bool Has(Listener listener) { return (All() & listener) != 0; }
  static void Add(Listener listener) { all_.fetch_or(listener, std::memory_order_relaxed); }
  static void Remove(Listener listener) {
    all_.fetch_and(static_cast<uint8_t>(~listener), std::memory_order_relaxed);
  }

 private:
  static inline std::atomic<uint8_t> all_{0};
};

}  // namespace tally

#endif  // FFI_TALLY_METERS_LISTENERS_H_
