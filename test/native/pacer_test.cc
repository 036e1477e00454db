#include "books/pacer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "pacer_simulation.h"

namespace tally {
namespace {

TEST(PacerTest, GarbageThatDiesYoungCostsMinorCollectionsOnly) {
  Simulation simulation;
  for (int i = 0; i < 10000; i++) simulation.AllocateAndDrop(8 * kMiB);
  EXPECT_LE(simulation.peak_garbage(), kBudget / 2 + 8 * kMiB);
  EXPECT_LE(simulation.majors(), 1U);
  // 80 GB, and at least a quarter of the budget's worth of garbage in each.
  EXPECT_LE(simulation.minors(), 10000U * 8 / 16);
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

TEST(PacerTest, WhatMinorOnesHaveShownOutlastsAChangeOfBudget) {
  Pacer pacer;
  pacer.Configure({});
  pacer.SetBudget(16 * kMiB);
  EXPECT_EQ(pacer.step(), 8 * kMiB);
  pacer.SetBudget(64 * kMiB);
  EXPECT_EQ(pacer.step(), 32 * kMiB);
  pacer.SetBudget(16 * kMiB);
  pacer.Collected(Collection::kMinor, 8 * kMiB, 8 * kMiB, 0, true);  // which has returned nothing
  EXPECT_EQ(pacer.step(), 16 * kMiB);
  pacer.SetBudget(64 * kMiB);
  EXPECT_EQ(pacer.step(), 64 * kMiB);
  EXPECT_EQ(pacer.Advise(71 * kMiB), Collection::kMajor) << "only a major one helps";
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
  EXPECT_EQ(pacer.Report(1000 * kMiB), 3 * kMiB);
  EXPECT_EQ(pacer.reported(), 4 * kMiB);
  EXPECT_EQ(pacer.Report(2000 * kMiB), 0);
  pacer.Collected(Collection::kMinor, 2000 * kMiB, 2000 * kMiB, 0, true);
  EXPECT_EQ(pacer.Report(2000 * kMiB), 0) << "a minor GC resets nothing in V8";
  EXPECT_EQ(pacer.Report(2000 * kMiB, true), 28 * kMiB) << "before a major GC it may be more";
  EXPECT_EQ(pacer.Report(2000 * kMiB), 0) << "and is not taken back after it";
  pacer.Collected(Collection::kMajor, 2000 * kMiB, 2000 * kMiB, 0, true);
  EXPECT_EQ(pacer.Report(2000 * kMiB), 4 * kMiB);
  EXPECT_EQ(pacer.Report(1), 1 - 36 * kMiB) << "a decrease does not wait";
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

// Too small for a step: what a minor GC has left behind is no reason for another.
TEST(PacerTest, TheSmallestBudgetsComeToAnEnd) {
  for (int64_t budget = 1; budget <= 8; budget++) {
    Pacer::Options options;
    options.budget = budget;
    Pacer pacer;  // without a simulation: before the first major GC it knows nothing of the heap
    pacer.Configure(options);
    int64_t live = 0;
    for (int i = 0; i < 100; i++) {
      live += 1000;
      int rounds = 0;
      for (Collection advice = pacer.Advise(live); advice != Collection::kNone; advice = pacer.Advise(live)) {
        ASSERT_LT(rounds++, 4) << "budget " << budget;
        pacer.Collected(advice, live, live, 0, true);
        if (advice == Collection::kMajor) break;
      }
    }
  }
}

TEST(PacerTest, RandomPrograms) {
  for (uint32_t seed = 1; seed <= 200; seed++) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    RunRandomProgram(
        [&random](int64_t limit) { return static_cast<int64_t>(random() % static_cast<uint64_t>(limit)); }, 6,
        300);
    if (::testing::Test::HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace tally
