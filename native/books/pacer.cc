#include "books/pacer.h"

#include <algorithm>

namespace tally {

namespace {

// How far V8 is told ahead of what survived the last major GC. V8 adds this to what its heap may grow by, in
// a small heap 8 MiB, before it starts to mark; and while it marks, minor GCs find next to nothing dead.
constexpr int64_t kAhead = int64_t{4} << 20;

// The same right before a major GC: half of V8's own step, so that Buffers, which use the same counter, find
// room too.
constexpr int64_t kAheadBeforeMajor = int64_t{32} << 20;

// Smaller increases wait: telling V8 costs more than they are worth.
constexpr int64_t kReportGrain = int64_t{1} << 20;

}  // namespace

int64_t Pacer::FirstStep() const { return std::max(std::min(budget_, allowance_) / 2, allowance_ / 8); }

// A step that was not doubled follows.
void Pacer::Allow() {
  const bool is_first = step_ == FirstStep();
  const auto grown = static_cast<int64_t>(options_.growth * static_cast<double>(alive_));
  allowance_ = std::min(std::max(budget_, grown), most_);
  step_ = is_first ? FirstStep() : std::min(step_, allowance_);
}

void Pacer::Configure(const Options& options) {
  options_ = options;
  budget_ = options.budget;
  alive_ = base_ + heap_;
  Allow();
  step_ = FirstStep();
}

void Pacer::SetBudget(int64_t budget) {
  if (budget == budget_) return;
  const bool is_first = step_ == FirstStep();
  budget_ = budget;
  Allow();
  if (is_first) step_ = FirstStep();
}

void Pacer::SetMost(int64_t most) {
  if (most == most_) return;
  most_ = most;
  Allow();
}

Collection Pacer::Advise(int64_t live) {
  base_ = std::min(base_, live);
  floor_ = std::min(floor_, live);
  const int64_t grown = live - floor_;
  // A minor GC after which nothing was allocated would be asked for again and again. What the last one has
  // left is mostly dead by now, so half a step more will do where that makes a whole one.
  const bool minors_pay = options_.can_minor && step_ < allowance_ && grown > 0;
  if (minors_pay && (grown >= step_ || (grown >= step_ / 2 && live - base_ >= step_)))
    return Collection::kMinor;
  return options_.can_major && live - base_ >= allowance_ ? Collection::kMajor : Collection::kNone;
}

void Pacer::Collected(Collection collection, int64_t before, int64_t after, int64_t heap, bool asked) {
  const int64_t grown = std::max(before - floor_, int64_t{1});
  const int64_t returned = before - after;
  floor_ = after;
  if (collection == Collection::kMajor) {
    base_ = after;
    mark_ = reported_;
    heap_ = heap;
    alive_ = after + heap;
    Allow();
    step_ = FirstStep();
    if (asked) {
      asked_major_++;
      returned_major_ += returned;
    }
    return;
  }
  base_ = std::min(base_, after);
  if (!asked) return;
  asked_minor_++;
  returned_minor_ += returned;
  if (returned < grown / 4) {
    step_ = std::min(step_ * 2, allowance_);
  } else {
    step_ = std::max(step_ / 2, FirstStep());
  }
}

int64_t Pacer::Report(int64_t live, bool before_major) {
  const int64_t ahead = before_major ? kAheadBeforeMajor : kAhead;
  const int64_t target = options_.can_major ? std::min(live, std::max(mark_ + ahead, reported_)) : live;
  const int64_t delta = target - reported_;
  if (delta >= 0 && delta < kReportGrain && target != 0) return 0;
  reported_ = target;
  mark_ = std::min(mark_, reported_);
  return delta;
}

}  // namespace tally
