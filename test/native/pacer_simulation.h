// A program, its objects and a collector, around a pacer, which checks the pacer's promises at every step.
// What the program does is chosen by pacer_test.cc, and by libFuzzer in fuzz/pacer_fuzz.cc.

#ifndef FFI_TALLY_TEST_PACER_SIMULATION_H_
#define FFI_TALLY_TEST_PACER_SIMULATION_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "books/pacer.h"

namespace tally {

constexpr int64_t kMiB = int64_t{1} << 20;
constexpr int64_t kBudget = 64 * kMiB;
constexpr int64_t kAhead = 4 * kMiB;
constexpr int64_t kAheadBeforeMajor = 32 * kMiB;

// A program, its objects and a collector with two generations, around a pacer. Does what
// lib/reclaim/reclaim.js does with an advice, and checks the promises of pacer.h after every step against its
// own figures.
class Simulation {
 public:
  explicit Simulation(Pacer::Options options = {}, int64_t heap = 4 * kMiB) : options_(options), heap_(heap) {
    pacer_.Configure(options);
    // The first major GC, before which the pacer knows nothing of the heap.
    Collect(Collection::kMajor, false);
  }

  size_t Allocate(int64_t size) {
    objects_.push_back({size, 0, false});
    live_ += size;
    Tell();
    Relieve(size);
    return objects_.size() - 1;
  }

  // The program lets go of it; only a collection will tell. Indices are valid until the next Allocate.
  void Drop(size_t index) {
    garbage_ += objects_[index].dead ? 0 : objects_[index].size;
    objects_[index].dead = true;
  }

  void AllocateAndDrop(int64_t size) {
    // Dead by the time the next one is allocated.
    objects_.push_back({size, 0, true});
    live_ += size;
    garbage_ += size;
    Tell();
    Relieve(size);
  }

  void Dispose(size_t index) {
    Object& object = objects_[index];
    live_ -= object.size;
    if (object.dead) garbage_ -= object.size;
    object = {};
    Tell();
    Expect(pacer_.Advise(live_) == Collection::kNone, "an advice after dispose()");
  }

  // V8 collects by itself.
  void CollectUnasked(Collection collection) { Collect(collection, false); }

  void DropAll() {
    for (size_t i = 0; i < objects_.size(); i++) Drop(i);
  }

  void Configure(const Pacer::Options& options) {
    options_ = options;
    pacer_.Configure(options);
    Tell();
  }

  void set_heap(int64_t heap) { heap_ = heap; }
  int64_t live() const { return live_; }
  int64_t garbage() const { return garbage_; }
  int64_t peak_garbage() const { return peak_garbage_; }
  uint64_t minors() const { return minors_; }
  uint64_t majors() const { return majors_; }
  size_t objects() const { return objects_.size(); }
  const Pacer& pacer() const { return pacer_; }

  void ForgetCounts() {
    minors_ = 0;
    majors_ = 0;
    peak_garbage_ = garbage_;
  }

 private:
  struct Object {
    int64_t size = 0;
    int age = 0;
    bool dead = false;
  };

  static void Expect(bool condition, const std::string& what) { ASSERT_TRUE(condition) << what; }

  void Relieve(int64_t size) {
    Collection advice = pacer_.Advise(live_);
    for (int rounds = 0; advice != Collection::kNone; rounds++) {
      Expect(rounds < 4, "one allocation asked for collections again and again");
      Expect(advice != Collection::kMinor || options_.can_minor, "a minor GC that cannot be had");
      Expect(advice != Collection::kMajor || options_.can_major, "a major GC that cannot be had");
      Collect(advice, true);
      if (advice == Collection::kMajor) break;
      advice = pacer_.Advise(live_);
    }
    peak_garbage_ = std::max(peak_garbage_, garbage_);
    if (options_.can_major) {
      Expect(live_ - least_live_ <= allowance_ + size,
             "grew by " + std::to_string((live_ - least_live_) / kMiB) +
                 " MiB since the last major GC, allowed " + std::to_string(allowance_ / kMiB));
    }
  }

  void Collect(Collection collection, bool asked) {
    if (asked && collection == Collection::kMajor) Tell(true);
    const int64_t before = live_;
    std::vector<Object> kept;
    for (Object& object : objects_) {
      const bool looked_at = collection == Collection::kMajor || object.age < 2;
      if (object.dead && looked_at) {
        live_ -= object.size;
        garbage_ -= object.size;
      } else if (object.size > 0) {
        object.age++;
        kept.push_back(object);
      }
    }
    objects_.swap(kept);
    pacer_.Collected(collection, before, live_, heap_, asked);
    if (collection == Collection::kMajor) {
      least_live_ = live_;
      least_reported_ = pacer_.reported();
      allowance_ = std::max(options_.budget,
                            static_cast<int64_t>(options_.growth * static_cast<double>(live_ + heap_)));
    }
    if (asked) (collection == Collection::kMajor ? majors_ : minors_)++;
    Tell();
  }

  void Tell(bool before_major = false) {
    least_live_ = std::min(least_live_, live_);
    const int64_t before = pacer_.reported();
    const int64_t delta = pacer_.Report(live_, before_major);
    Expect(pacer_.reported() == before + delta, "reported is not the sum of what was told");
    Expect(pacer_.reported() >= 0, "reported below zero");
    Expect(pacer_.reported() <= live_, "reported more than there is");
    least_reported_ = std::min(least_reported_, pacer_.reported());
    if (options_.can_major) {
      Expect(pacer_.reported() - least_reported_ <= (before_major ? kAheadBeforeMajor : kAhead),
             "reported too much since the last major GC");
    } else {
      Expect(live_ - pacer_.reported() < 2 * kMiB, "V8, on its own, must know all");
    }
    Expect(live_ != 0 || pacer_.reported() == 0, "nothing is there, and something is reported");
  }

  Pacer pacer_;
  Pacer::Options options_;
  std::vector<Object> objects_;
  int64_t heap_;
  int64_t live_ = 0;
  int64_t garbage_ = 0;
  int64_t peak_garbage_ = 0;
  int64_t least_live_ = 0;
  int64_t least_reported_ = 0;
  int64_t allowance_ = kBudget;
  uint64_t minors_ = 0;
  uint64_t majors_ = 0;
};

// Anything at all, in phases that each have their own mix of sizes, deaths and disposals. `choose` returns a
// number from zero to less than the one it is given.
inline void RunRandomProgram(const std::function<int64_t(int64_t)>& choose, int phases, int steps) {
  Pacer::Options options;
  options.budget = int64_t{1} << choose(31);
  options.growth = 0.01 * static_cast<double>(1 + choose(400));
  options.can_minor = choose(4) != 0;
  options.can_major = choose(8) != 0;
  if (!options.can_major) options.can_minor = false;
  Simulation simulation(options, choose(512) * kMiB);
  for (int phase = 0; phase < phases; phase++) {
    const int64_t size_bits = 1 + choose(26);
    const int64_t drops = choose(100);
    const int64_t disposals = choose(100);
    simulation.set_heap(choose(1024) * kMiB);
    for (int i = 0; i < steps; i++) {
      const int64_t size = choose(int64_t{1} << size_bits);
      if (choose(100) < drops) {
        simulation.AllocateAndDrop(size);
      } else {
        simulation.Allocate(size);
      }
      if (choose(100) < disposals && simulation.objects() > 0) {
        const auto index = static_cast<size_t>(choose(static_cast<int64_t>(simulation.objects())));
        if (choose(2) == 0) {
          simulation.Drop(index);
        } else {
          simulation.Dispose(index);
        }
      }
      if (choose(200) == 0) simulation.CollectUnasked(Collection::kMinor);
      if (choose(500) == 0) simulation.CollectUnasked(Collection::kMajor);
      if (::testing::Test::HasFatalFailure()) return;
    }
  }
  simulation.DropAll();
  simulation.CollectUnasked(Collection::kMajor);
  ASSERT_EQ(simulation.live(), 0);
  ASSERT_EQ(simulation.pacer().reported(), 0);
}

}  // namespace tally

#endif  // FFI_TALLY_TEST_PACER_SIMULATION_H_
