#include "pacer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace tally {
namespace {

constexpr int64_t kMiB = int64_t{1} << 20;
constexpr int64_t kBudget = 64 * kMiB;
constexpr int64_t kReportStep = 32 * kMiB;

// A program, its objects and a collector with two generations, around a pacer. Does what lib/reclaim.js does
// with an advice, and checks the promises of pacer.h after every step against its own figures.
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

  void Tell() {
    least_live_ = std::min(least_live_, live_);
    const int64_t before = pacer_.reported();
    const int64_t delta = pacer_.Report(live_);
    Expect(pacer_.reported() == before + delta, "reported is not the sum of what was told");
    Expect(pacer_.reported() >= 0, "reported below zero");
    Expect(pacer_.reported() <= live_, "reported more than there is");
    least_reported_ = std::min(least_reported_, pacer_.reported());
    if (options_.can_major) {
      Expect(pacer_.reported() - least_reported_ <= kReportStep, "reported too much since the last major GC");
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

TEST(PacerTest, GarbageThatDiesYoungCostsMinorCollectionsOnly) {
  Simulation simulation;
  for (int i = 0; i < 10000; i++) simulation.AllocateAndDrop(8 * kMiB);
  EXPECT_LE(simulation.peak_garbage(), kBudget);
  EXPECT_LE(simulation.majors(), 1U);
  // 80 GB, and at least half the budget's worth of garbage in each.
  EXPECT_LE(simulation.minors(), 10000U * 8 / 32);
}

TEST(PacerTest, LargeOnesThatDieYoungCostMinorCollectionsToo) {
  Simulation simulation;
  for (int i = 0; i < 1000; i++) simulation.AllocateAndDrop(200 * kMiB);
  EXPECT_LE(simulation.majors(), 1U) << "one alone passes the allowance, and a minor GC is enough";
}

TEST(PacerTest, WhatWasDisposedMakesNoRoomForGarbage) {
  Simulation simulation;
  for (int i = 0; i < 1024; i++) simulation.Allocate(kMiB);
  simulation.CollectUnasked(Collection::kMajor);
  for (size_t i = simulation.objects(); i-- > 0;) simulation.Dispose(i);
  EXPECT_EQ(simulation.live(), 0);
  for (int i = 0; i < 4096; i++) simulation.Allocate(kMiB);
  EXPECT_GE(simulation.majors(), 2U);
}

TEST(PacerTest, GarbageStaysBelowTheAllowanceAndAStep) {
  for (const int64_t size : {int64_t{16}, int64_t{4096}, kMiB, 8 * kMiB, 63 * kMiB, 200 * kMiB}) {
    SCOPED_TRACE(size);
    Simulation simulation;
    const int64_t count = std::min<int64_t>(20000, std::max<int64_t>(100, 4096 * kMiB / size));
    for (int64_t i = 0; i < count; i++) simulation.AllocateAndDrop(size);
    EXPECT_LE(simulation.peak_garbage(), kBudget + simulation.pacer().step() + size);
  }
}

TEST(PacerTest, LegitimateGrowthCostsMajorsByItsLogarithm) {
  Simulation simulation;
  for (int64_t i = 0; i < 64 * 1024; i++) simulation.Allocate(kMiB);
  // From 64 MiB to 64 GiB in doublings: 10, and some at the start.
  EXPECT_LE(simulation.majors(), 13U);
  EXPECT_GE(simulation.majors(), 8U);
  EXPECT_LE(simulation.minors(), 4 * simulation.majors());
}

TEST(PacerTest, GrowthIsTheFactor) {
  Pacer::Options eager;
  eager.growth = 0.25;
  Pacer::Options lazy;
  lazy.growth = 4;
  Simulation often(eager);
  Simulation seldom(lazy);
  for (int i = 0; i < 8 * 1024; i++) {
    often.Allocate(kMiB);
    seldom.Allocate(kMiB);
  }
  EXPECT_GT(often.majors(), 3 * seldom.majors());
}

TEST(PacerTest, ALargeHeapIsNotMarkedForLittle) {
  Simulation simulation({}, 2048 * kMiB);
  for (int i = 0; i < 1000; i++) simulation.Allocate(kMiB);
  EXPECT_EQ(simulation.majors(), 0U);
}

TEST(PacerTest, WhatIsDisposedNeedsNoCollection) {
  Simulation simulation;
  std::vector<size_t> window;
  for (int i = 0; i < 100000; i++) {
    const size_t index = simulation.Allocate(kMiB);
    if (i % 20 != 0) simulation.Dispose(index);
    if (i % 400 == 399) {
      for (size_t j = simulation.objects(); j-- > 0;) simulation.Dispose(j);
    }
  }
  EXPECT_EQ(simulation.minors() + simulation.majors(), 0U);
}

TEST(PacerTest, BacksOffWhenMinorCollectionsReturnNothing) {
  // Everything lives long enough to be old, then dies: only majors help.
  Simulation simulation;
  const size_t window = 200;
  for (int i = 0; i < 20000; i++) {
    simulation.Allocate(kMiB);
    int64_t alive = simulation.live() - simulation.garbage();
    for (size_t j = 0; j < simulation.objects() && alive > static_cast<int64_t>(window) * kMiB; j++) {
      const int64_t before = simulation.garbage();
      simulation.Drop(j);
      alive -= simulation.garbage() - before;
    }
  }
  EXPECT_GT(simulation.majors(), 10U);
  EXPECT_LE(simulation.minors(), 4 * simulation.majors());
  EXPECT_LE(simulation.peak_garbage(), 2 * 2 * 200 * kMiB);
}

TEST(PacerTest, RecoversAfterAChangeOfPhase) {
  Simulation simulation;
  for (int i = 0; i < 2048; i++) simulation.Allocate(kMiB);  // minors are useless
  simulation.DropAll();
  for (int i = 0; i < 4096; i++) simulation.AllocateAndDrop(kMiB);  // time to notice
  simulation.ForgetCounts();
  for (int i = 0; i < 20000; i++) simulation.AllocateAndDrop(kMiB);
  EXPECT_LE(simulation.peak_garbage(), 2 * kBudget) << "the old days are forgotten";
  EXPECT_LE(simulation.majors(), 2U) << "minors do";
  EXPECT_GT(simulation.minors(), 100U);
}

TEST(PacerTest, AMinorThatReturnsLittleIsTriedLessOften) {
  Pacer pacer;
  pacer.Configure({});
  pacer.Collected(Collection::kMajor, 0, 1000 * kMiB, 0, true);
  const int64_t first = pacer.step();
  EXPECT_LE(first, pacer.allowance() / 4 + 48 * kMiB);
  int64_t live = 1000 * kMiB + first;
  ASSERT_EQ(pacer.Advise(live), Collection::kMinor);
  pacer.Collected(Collection::kMinor, live, live, 0, true);
  EXPECT_EQ(pacer.step(), std::min(2 * first, pacer.allowance()));
  EXPECT_EQ(pacer.Advise(live), Collection::kNone);
  live += pacer.step();
  ASSERT_EQ(pacer.Advise(live), Collection::kMinor);
  pacer.Collected(Collection::kMinor, live, 1000 * kMiB + first, 0, true);
  EXPECT_EQ(pacer.step(), first);
}

TEST(PacerTest, WithoutMinorCollections) {
  Pacer::Options options;
  options.can_minor = false;
  Simulation simulation(options);
  for (int i = 0; i < 10000; i++) simulation.AllocateAndDrop(kMiB);
  EXPECT_EQ(simulation.minors(), 0U);
  EXPECT_LE(simulation.majors(), 10000U / 60);
  EXPECT_LE(simulation.peak_garbage(), kBudget);
}

TEST(PacerTest, WithoutAnyV8IsToldAllAtOnce) {
  Pacer::Options options;
  options.can_minor = false;
  options.can_major = false;
  Simulation simulation(options);
  for (int i = 0; i < 1000; i++) simulation.Allocate(3 * kMiB);
  EXPECT_EQ(simulation.pacer().reported(), 3000 * kMiB);
  EXPECT_EQ(simulation.minors() + simulation.majors(), 0U);
  simulation.DropAll();
  simulation.CollectUnasked(Collection::kMajor);
  EXPECT_EQ(simulation.pacer().reported(), 0);
}

TEST(PacerTest, CollectionsThatV8DoesByItselfAreNotCounted) {
  Simulation simulation;
  for (int i = 0; i < 1000; i++) {
    simulation.AllocateAndDrop(30 * kMiB);
    simulation.CollectUnasked(i % 2 == 0 ? Collection::kMinor : Collection::kMajor);
  }
  EXPECT_EQ(simulation.pacer().asked_minor() + simulation.pacer().asked_major(), 0U);
  EXPECT_EQ(simulation.pacer().returned_minor() + simulation.pacer().returned_major(), 0);
}

TEST(PacerTest, WhatAskedCollectionsReturnedIsCounted) {
  Simulation simulation;
  for (int i = 0; i < 1000; i++) simulation.AllocateAndDrop(kMiB);
  const Pacer& pacer = simulation.pacer();
  EXPECT_EQ(pacer.asked_minor(), simulation.minors());
  EXPECT_EQ(pacer.asked_major(), simulation.majors());
  EXPECT_EQ(pacer.returned_minor() + pacer.returned_major(), 1000 * kMiB - simulation.live());
}

TEST(PacerTest, ReportsInStepsThatDoNotWakeV8) {
  Pacer pacer;
  pacer.Configure({});
  EXPECT_EQ(pacer.Report(kMiB / 2), 0) << "small news waits for company";
  EXPECT_EQ(pacer.Report(kMiB), kMiB);
  EXPECT_EQ(pacer.Report(1000 * kMiB), 31 * kMiB);
  EXPECT_EQ(pacer.reported(), 32 * kMiB);
  EXPECT_EQ(pacer.Report(2000 * kMiB), 0);
  pacer.Collected(Collection::kMinor, 2000 * kMiB, 2000 * kMiB, 0, true);
  EXPECT_EQ(pacer.Report(2000 * kMiB), 0) << "a minor GC resets nothing in V8";
  pacer.Collected(Collection::kMajor, 2000 * kMiB, 2000 * kMiB, 0, true);
  EXPECT_EQ(pacer.Report(2000 * kMiB), 4 * kMiB) << "history comes in small instalments";
  EXPECT_EQ(pacer.Report(2010 * kMiB), 10 * kMiB) << "growth comes as it is";
  EXPECT_EQ(pacer.Report(3000 * kMiB), 18 * kMiB) << "up to the step";
  EXPECT_EQ(pacer.Report(1), 1 - 64 * kMiB) << "a decrease does not wait";
  EXPECT_EQ(pacer.Report(0), -1);
  EXPECT_EQ(pacer.reported(), 0);
}

TEST(PacerTest, TheSameTraceGivesTheSameDecisions) {
  const auto trace = [](uint32_t seed) {
    Pacer pacer;
    std::mt19937 random(seed);
    std::vector<int> decisions;
    int64_t live = 0;
    for (int i = 0; i < 10000; i++) {
      live += static_cast<int64_t>(random() % (4 * kMiB));
      const Collection advice = pacer.Advise(live);
      decisions.push_back(static_cast<int>(advice));
      if (advice == Collection::kNone) continue;
      const int64_t before = live;
      live = live / 4 * static_cast<int64_t>(random() % 5);
      pacer.Collected(advice, before, live, 10 * kMiB, true);
    }
    return decisions;
  };
  EXPECT_EQ(trace(1), trace(1));
  EXPECT_NE(trace(1), trace(2));
}

// ---- Anything at all; the simulation checks every step ----

TEST(PacerTest, RandomPrograms) {
  for (uint32_t seed = 1; seed <= 200; seed++) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    const auto below = [&random](uint64_t limit) { return static_cast<int64_t>(random() % limit); };
    Pacer::Options options;
    options.budget = int64_t{1} << below(31);
    options.growth = 0.01 * static_cast<double>(1 + below(400));
    options.can_minor = below(4) != 0;
    options.can_major = below(8) != 0;
    if (!options.can_major) options.can_minor = false;
    Simulation simulation(options, below(512) * kMiB);
    for (int phase = 0; phase < 6; phase++) {
      // Each phase has its own mix of sizes, deaths and disposals.
      const int size_bits = 1 + static_cast<int>(below(26));
      const int64_t drops = below(100);
      const int64_t disposals = below(100);
      simulation.set_heap(below(1024) * kMiB);
      for (int i = 0; i < 300; i++) {
        const int64_t size = below(uint64_t{1} << size_bits);
        if (below(100) < drops) {
          simulation.AllocateAndDrop(size);
        } else {
          simulation.Allocate(size);
        }
        if (below(100) < disposals && simulation.objects() > 0) {
          const auto index = static_cast<size_t>(below(simulation.objects()));
          if (below(2) == 0) {
            simulation.Drop(index);
          } else {
            simulation.Dispose(index);
          }
        }
        if (below(200) == 0) simulation.CollectUnasked(Collection::kMinor);
        if (below(500) == 0) simulation.CollectUnasked(Collection::kMajor);
        if (::testing::Test::HasFatalFailure()) return;
      }
    }
    simulation.DropAll();
    simulation.CollectUnasked(Collection::kMajor);
    ASSERT_EQ(simulation.live(), 0);
    ASSERT_EQ(simulation.pacer().reported(), 0);
  }
}

}  // namespace
}  // namespace tally
