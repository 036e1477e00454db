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

int64_t Pacer::step() const {
  const int64_t first = std::max(std::min(budget_, allowance_) / 2, allowance_ / 8);
  return std::min(first << doublings_, allowance_);
}

void Pacer::Allow() {
  const auto grown = static_cast<int64_t>(options_.growth * static_cast<double>(alive_));
  allowance_ = std::min(std::max(budget_, grown), most_);
}

void Pacer::Configure(const Options& options) {
  options_ = options;
  budget_ = options.budget;
  alive_ = base_ + heap_;
  doublings_ = 0;
  Allow();
}

void Pacer::SetBudget(int64_t budget) {
  if (budget == budget_) return;
  budget_ = budget;
  Allow();
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
  const int64_t step = this->step();
  const bool minors_pay = options_.can_minor && step < allowance_ && grown > 0;
  if (minors_pay && (grown >= step || (grown >= step / 2 && live - base_ >= step))) return Collection::kMinor;
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
    doublings_ = 0;
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
    if (step() < allowance_) doublings_++;
  } else if (doublings_ > 0) {
    doublings_--;
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
