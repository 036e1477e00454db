// Of the time that passes, collections may take a quarter. What is not spent is saved up, to a limit. Not
// thread-safe.

#ifndef FFI_TALLY_BOOKS_TIME_SHARE_H_
#define FFI_TALLY_BOOKS_TIME_SHARE_H_

#include <algorithm>
#include <cstdint>

namespace tally {

class TimeShare {
 public:
  // Milliseconds, as everywhere here.
  explicit TimeShare(double most_saved) : most_saved_(most_saved) {}

  void Spend(double time) { saved_ -= time; }
  // Whether something is left at `now`; so many threads run.
  bool HasLeft(int64_t now, int running = 1) {
    const auto passed = static_cast<double>(now - at_);
    saved_ = std::min(saved_ + passed * kShare * running, most_saved_);
    at_ = now;
    return saved_ > 0;
  }

 private:
  static constexpr double kShare = 0.25;

  double most_saved_;
  double saved_ = 0;
  int64_t at_ = 0;
};

}  // namespace tally

#endif  // FFI_TALLY_BOOKS_TIME_SHARE_H_
