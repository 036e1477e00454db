#include "books/process_pacer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

namespace tally {
namespace {

constexpr int64_t kMiB = int64_t{1} << 20;

// A thread with its nursery.
struct Thread {
  explicit Thread(ProcessPacer* owner) : pacer(owner), seat(owner->Sit(&waiting, &most)) {}
  ~Thread() { pacer->Leave(seat); }

  ProcessPacer* pacer;
  std::atomic<uint32_t> waiting{0};
  std::atomic<uint32_t> most{256};
  ProcessPacer::Seat* seat;
};

TEST(ProcessPacerTest, OneBorrowsWhatOthersLeaveAndNoneStarves) {
  ProcessPacer pacer;
  std::vector<std::unique_ptr<Thread>> threads;
  for (int i = 0; i < 16; i++) threads.push_back(std::make_unique<Thread>(&pacer));
  for (auto& each : threads) pacer.Came(each->seat, 1);
  EXPECT_EQ(pacer.Borrow(threads[0]->seat, 64 * kMiB, 0, false), 64 * kMiB) << "alone it has all";
  EXPECT_EQ(pacer.Borrow(threads[1]->seat, 64 * kMiB, 60 * kMiB, false), 64 * kMiB);
  EXPECT_EQ(pacer.Borrow(threads[0]->seat, 64 * kMiB, 0, false), 4 * kMiB)
      << "its share, whatever others have";
  EXPECT_EQ(pacer.Borrow(threads[1]->seat, 64 * kMiB, 0, false), 64 * kMiB);
  EXPECT_EQ(pacer.Borrow(threads[0]->seat, 64 * kMiB, 0, false), 64 * kMiB) << "given back";
  // Each tracks until it has what it may: together they have the budget.
  int64_t all = 0;
  std::array<int64_t, 16> grown{};
  for (int round = 0; round < 64; round++) {
    for (size_t i = 0; i < 16; i++) {
      if (grown[i] < pacer.Borrow(threads[i]->seat, 64 * kMiB, grown[i], false)) grown[i] += kMiB;
    }
  }
  for (const int64_t each : grown) all += each;
  EXPECT_LE(all, 64 * kMiB + 16 * kMiB);
  threads.clear();
}

TEST(ProcessPacerTest, WhereCollectionsAreCostlyAThreadHasTheWholeBudgetOrWhatTheLimitLeaves) {
  ProcessPacer pacer;
  std::vector<std::unique_ptr<Thread>> threads;
  for (int i = 0; i < 4; i++) threads.push_back(std::make_unique<Thread>(&pacer));
  for (auto& each : threads) pacer.Came(each->seat, 1);
  ProcessPacer::Seat* const seat = threads[0]->seat;
  pacer.Borrow(threads[1]->seat, 64 * kMiB, 64 * kMiB, false);
  EXPECT_EQ(pacer.Borrow(seat, 64 * kMiB, 0, false), 16 * kMiB);
  EXPECT_EQ(pacer.Borrow(seat, 64 * kMiB, 0, true), 64 * kMiB);
  pacer.set_limit(512 * kMiB);
  pacer.Look(100 * kMiB, 0);
  EXPECT_EQ(pacer.Borrow(seat, 64 * kMiB, 0, true), 64 * kMiB);
  pacer.Look(400 * kMiB, 1000);
  EXPECT_EQ(pacer.Borrow(seat, 64 * kMiB, 0, true), (112 * kMiB - pacer.reserve()) / 4);
  pacer.Look(500 * kMiB, 2000);
  EXPECT_EQ(pacer.Borrow(seat, 64 * kMiB, 0, true), 16 * kMiB) << "never less than without";
}

TEST(ProcessPacerTest, GrowthThatNobodyHasSaidIsCollectedFor) {
  ProcessPacer pacer;
  Thread thread(&pacer);
  int64_t usage = 50 * kMiB;
  int64_t now = 0;
  int64_t peak = 0;
  pacer.Look(usage, now);
  int collections = 0;
  for (int i = 0; i < 1000; i++) {
    pacer.Came(thread.seat, 1);
    usage += 8 * kMiB;
    peak = std::max(peak, usage);
    pacer.Look(usage, now += 8);
    if (pacer.Wanted(thread.seat, 1) == Collection::kNone) continue;
    EXPECT_EQ(thread.most, 0U) << "so that its next pointer comes here";
    collections++;
    usage = 50 * kMiB;
    if (pacer.Collected(thread.seat, 5)) pacer.Conclude(usage);
  }
  EXPECT_GT(collections, 50);
  EXPECT_LE(collections, 250);
  EXPECT_LE(peak, (50 + 80) * kMiB);
  EXPECT_EQ(pacer.Unsaid(thread.seat) / kMiB % 8, 0);
}

// A thread that collects by its own sizes: what it has freed stays in the allocator.
Collection WantedWhenKept(int64_t limit) {
  ProcessPacer pacer;
  pacer.Configure(64 * kMiB, 1);
  pacer.set_limit(limit);
  Thread thread(&pacer);
  pacer.Look(100 * kMiB, 0);
  pacer.Came(thread.seat, 32);
  pacer.Look(132 * kMiB, 8);
  EXPECT_EQ(pacer.Wanted(thread.seat, 32), Collection::kNone);
  pacer.Collected(thread.seat, 30);
  pacer.Keep(thread.seat, 30 * kMiB);
  pacer.Came(thread.seat, 20);
  pacer.Look(152 * kMiB, 16);
  return pacer.Wanted(thread.seat, 20);
}

TEST(ProcessPacerTest, WhatTheAllocatorKeepsHasNotGrown) {
  EXPECT_EQ(WantedWhenKept(ProcessPacer::kNoLimit), Collection::kNone);
  EXPECT_NE(WantedWhenKept(260 * kMiB), Collection::kNone) << "near the limit it counts";
}

TEST(ProcessPacerTest, WhatIsKeptHidesNoGrowth) {
  ProcessPacer pacer;
  pacer.Configure(64 * kMiB, 1);
  Thread thread(&pacer);
  pacer.Look(50 * kMiB, 0);
  pacer.Came(thread.seat, 8);
  pacer.Look(58 * kMiB, 8);
  for (int i = 0; i < 9; i++) pacer.Keep(thread.seat, 1024 * kMiB);  // as where sizes are wrong
  pacer.Came(thread.seat, 79);
  pacer.Look(129 * kMiB, 16);
  EXPECT_EQ(pacer.Wanted(thread.seat, 79), Collection::kNone);
  pacer.Came(thread.seat, 2);
  pacer.Look(131 * kMiB, 24);
  EXPECT_NE(pacer.Wanted(thread.seat, 81), Collection::kNone);
}

// What a program does shall not vary with the memory that it has beside its pointers.
TEST(ProcessPacerTest, BeforeAnythingHasGrownANurseryHoldsWhatItCan) {
  ProcessPacer pacer;
  Thread thread(&pacer);
  int64_t now = 0;
  for (int64_t usage = 50 * kMiB; usage < 70 * kMiB; usage += 2 * kMiB) {
    pacer.Look(usage, now += 8);
    pacer.Came(thread.seat, 1);
    EXPECT_EQ(thread.most, 256U) << usage / kMiB;
    EXPECT_EQ(pacer.Wanted(thread.seat, 1), Collection::kNone);
  }
}

// Nor with how often somebody looks, who may not come to: the machine is busy.
TEST(ProcessPacerTest, BelowALimitANurseryHoldsFewUntilItIsKnownWhatTheyBring) {
  for (const int64_t bytes : {int64_t{100}, 8 * kMiB}) {
    ProcessPacer pacer;
    pacer.set_limit(256 * kMiB);
    Thread thread(&pacer);
    int64_t now = 0;
    pacer.Look(50 * kMiB, now);
    EXPECT_EQ(thread.most, 8U);
    for (int i = 0; i < 60; i++) {
      pacer.Came(thread.seat, 8);
      // Whoever looks comes to it only before a collection.
      pacer.Look(50 * kMiB + 8 * bytes, now += 100);
      EXPECT_LE(thread.most, i < 10 || bytes > 100 ? 8U : 256U);
      if (pacer.Wanted(thread.seat, 8) != Collection::kNone && pacer.Collected(thread.seat, 8))
        pacer.Conclude(50 * kMiB);
      pacer.Look(50 * kMiB, now += 1);
    }
    EXPECT_EQ(thread.most, bytes == 100 ? 256U : 8U);
  }
}

TEST(ProcessPacerTest, ALookThatWasHeldUpChangesNothing) {
  ProcessPacer pacer;
  pacer.set_limit(256 * kMiB);
  Thread thread(&pacer);
  pacer.Look(50 * kMiB, 0);
  pacer.Look(200 * kMiB, 100);
  EXPECT_TRUE(pacer.is_near());
  pacer.Look(60 * kMiB, 40);
  EXPECT_TRUE(pacer.is_near()) << "that was before";
  EXPECT_FALSE(pacer.IsLate(110));
  EXPECT_TRUE(pacer.IsLate(200));
}

TEST(ProcessPacerTest, AJavaScriptHeapThatGrowsIsNotCollectedFor) {
  ProcessPacer pacer;
  Thread thread(&pacer);
  Thread copy(&pacer);  // of the library, in the same thread
  pacer.SetHeap(thread.seat, 20 * kMiB);
  pacer.SetHeap(copy.seat, 20 * kMiB);
  pacer.Look(50 * kMiB, 0);
  pacer.Came(thread.seat, 1);
  pacer.Look(500 * kMiB, 10);
  EXPECT_NE(pacer.Wanted(thread.seat, 1), Collection::kNone) << "it has not been told";
  pacer.SetHeap(thread.seat, 460 * kMiB);
  pacer.Reconsider(500 * kMiB);
  EXPECT_EQ(pacer.Wanted(thread.seat, 1), Collection::kNone);
  EXPECT_TRUE(pacer.is_calm());
  pacer.Look(510 * kMiB, 20);
  EXPECT_EQ(thread.most, 256U);
  EXPECT_EQ(pacer.Wanted(thread.seat, 1), Collection::kNone);
  // What is not of the heap is.
  pacer.Came(thread.seat, 1);
  pacer.Look(700 * kMiB, 30);
  pacer.Reconsider(700 * kMiB);
  EXPECT_NE(pacer.Wanted(thread.seat, 1), Collection::kNone);
  // Who has no room is not told that it is the heap.
  pacer.SetHeap(thread.seat, 650 * kMiB);
  pacer.Ring(copy.seat, Collection::kMajor);
  pacer.Reconsider(700 * kMiB);
  EXPECT_EQ(pacer.Wanted(thread.seat, 1), Collection::kMajor);
}

TEST(ProcessPacerTest, WhatWasBroughtByWhoNeedNotCollectCountsTheNextTime) {
  ProcessPacer pacer;
  Thread busy(&pacer);
  Thread slow(&pacer);
  pacer.Look(50 * kMiB, 0);
  pacer.Came(busy.seat, 5);
  pacer.Came(slow.seat, 1);
  pacer.Look(250 * kMiB, 10);
  EXPECT_EQ(pacer.Wanted(slow.seat, 1), Collection::kNone);
  EXPECT_EQ(pacer.Since(slow.seat), 1);
  EXPECT_NE(pacer.Wanted(busy.seat, 5), Collection::kNone);
  EXPECT_TRUE(pacer.Collected(busy.seat, 5));
  pacer.Conclude(60 * kMiB);
}

TEST(ProcessPacerTest, WhoHasNotAnsweredIsAskedAgainAndItsAnswerIsWaitedFor) {
  ProcessPacer pacer;
  Thread one(&pacer);
  Thread other(&pacer);
  pacer.Look(50 * kMiB, 0);
  for (int64_t round = 1; round <= 2; round++) {
    pacer.Came(one.seat, 5);
    pacer.Came(other.seat, 5);
    pacer.Look((50 + 200 * round) * kMiB, round * 1000);
    EXPECT_NE(pacer.Wanted(one.seat, 5), Collection::kNone);
    EXPECT_FALSE(pacer.Collected(one.seat, 5)) << "the other has not";
  }
  EXPECT_TRUE(pacer.Collected(other.seat, 5));
}

// A thread that is asked for a minor collection, of which most stays.
Collection WantedAfter(Collection answer) {
  ProcessPacer pacer;
  pacer.Configure(64 * kMiB, 1);
  Thread thread(&pacer);
  pacer.Look(50 * kMiB, 0);
  pacer.Came(thread.seat, 50);
  pacer.Look(95 * kMiB, 10);
  EXPECT_EQ(pacer.Wanted(thread.seat, 50), Collection::kMinor);
  EXPECT_TRUE(pacer.Collected(thread.seat, 40, answer));
  pacer.Conclude(92 * kMiB);
  pacer.Came(thread.seat, 25);
  pacer.Look(117 * kMiB, 20);
  return pacer.Wanted(thread.seat, 25);
}

TEST(ProcessPacerTest, WhoAnswersByAMajorOneHasShownWhatIsAlive) {
  EXPECT_EQ(WantedAfter(Collection::kMinor), Collection::kMinor) << "half a step";
  EXPECT_EQ(WantedAfter(Collection::kMajor), Collection::kNone);
}

TEST(ProcessPacerTest, AnAnswerThatComesLateIsToTheLastWish) {
  ProcessPacer pacer;
  pacer.Configure(64 * kMiB, 1);
  Thread thread(&pacer);
  pacer.SetHeap(thread.seat, 20 * kMiB);
  pacer.Look(50 * kMiB, 0);
  pacer.Came(thread.seat, 5);
  pacer.Look(95 * kMiB, 10);
  EXPECT_NE(pacer.Wanted(thread.seat, 5), Collection::kNone);
  pacer.Look(95 * kMiB, 120);  // nobody has answered for so long that it counts no more
  EXPECT_FALSE(pacer.Collected(thread.seat, 5));
  pacer.Came(thread.seat, 5);
  pacer.Look(500 * kMiB, 130);
  EXPECT_NE(pacer.Wanted(thread.seat, 5), Collection::kNone);
  pacer.SetHeap(thread.seat, 425 * kMiB);
  pacer.Reconsider(500 * kMiB);
  EXPECT_EQ(pacer.Wanted(thread.seat, 5), Collection::kNone) << "the heap explains it";
}

TEST(ProcessPacerTest, WhoIsNotAskedAgainAnswersForNobody) {
  ProcessPacer pacer;
  Thread one(&pacer);
  Thread other(&pacer);
  Thread third(&pacer);
  pacer.Look(50 * kMiB, 0);
  pacer.Came(one.seat, 5);
  third.waiting = 5;
  pacer.Look(250 * kMiB, 1000);
  EXPECT_FALSE(pacer.Collected(one.seat, 5));
  third.waiting = 0;  // all of them were disposed of
  pacer.Came(one.seat, 5);
  pacer.Came(other.seat, 5);
  pacer.Look(450 * kMiB, 2000);
  EXPECT_EQ(pacer.Wanted(third.seat, 0), Collection::kNone);
  EXPECT_FALSE(pacer.Collected(one.seat, 5)) << "the other has not";
  EXPECT_TRUE(pacer.Collected(other.seat, 5));
}

TEST(ProcessPacerTest, WhoHasBroughtLittleNeedNotCollect) {
  ProcessPacer pacer;
  Thread busy(&pacer);
  Thread idle(&pacer);
  pacer.Look(50 * kMiB, 0);
  pacer.Came(busy.seat, 99);
  pacer.Came(idle.seat, 1);
  pacer.Look(250 * kMiB, 10);
  EXPECT_EQ(pacer.Wanted(idle.seat, 1), Collection::kNone);
  EXPECT_NE(pacer.Wanted(busy.seat, 1), Collection::kNone);
  EXPECT_NE(pacer.Wanted(busy.seat, 1), Collection::kNone) << "until it has";
  EXPECT_TRUE(pacer.Collected(busy.seat, 99));
  pacer.Conclude(60 * kMiB);
  EXPECT_EQ(pacer.Wanted(busy.seat, 1), Collection::kNone);
}

TEST(ProcessPacerTest, NothingIsAdmittedPastTheLimitAndItsReserve) {
  ProcessPacer pacer;
  Thread one(&pacer);
  Thread other(&pacer);
  const int64_t limit = 512 * kMiB;
  EXPECT_TRUE(pacer.Admits(one.seat, kMiB, INT64_MAX / 2, 0, false)) << "there is none";
  pacer.set_limit(limit);
  const int64_t reserve = pacer.reserve();
  EXPECT_GE(reserve, limit / 16);
  pacer.Look(limit, 0);
  EXPECT_TRUE(pacer.is_near());
  EXPECT_FALSE(pacer.Admits(one.seat, kMiB, limit - reserve - limit / 32, 0, false)) << "it may be any size";
  EXPECT_TRUE(pacer.Admits(one.seat, kMiB, limit - reserve - limit / 16, 0, false));
  for (int64_t now = 1; now <= 100; now++) {
    pacer.Came(one.seat, 1);
    pacer.Look(limit, now);
  }
  EXPECT_FALSE(pacer.Admits(one.seat, kMiB, limit - reserve, 0, false));
  EXPECT_TRUE(pacer.Admits(one.seat, kMiB, limit - reserve, 0, true)) << "into half of the reserve";
  EXPECT_FALSE(pacer.Admits(one.seat, kMiB, limit - kMiB, 0, true));
  EXPECT_TRUE(pacer.Admits(one.seat, int64_t{1} << 40, limit / 2, 0, false)) << "a size may be wrong";
  EXPECT_FALSE(pacer.Admits(other.seat, 0, limit - reserve - kMiB, 1, false)) << "what is in flight counts";
  EXPECT_TRUE(pacer.Admits(other.seat, 0, limit - reserve - kMiB, 200, false));
  pacer.AdmitNext(one.seat);
  EXPECT_TRUE(pacer.Admits(one.seat, kMiB, limit, 0, false));
  EXPECT_FALSE(pacer.Admits(one.seat, kMiB, limit, 0, false)) << "once";
}

TEST(ProcessPacerTest, NobodyIsRefusedForEverForWhatNothingHasShown) {
  for (const bool has_tracked : {false, true}) {
    ProcessPacer pacer;
    pacer.Configure(512 * kMiB, 1);
    pacer.set_limit(512 * kMiB);
    Thread thread(&pacer);
    int64_t now = 0;
    pacer.SetHeap(thread.seat, 300 * kMiB);
    pacer.Look((has_tracked ? 440 : 450) * kMiB, now);
    if (has_tracked) {
      for (int i = 0; i < 1000; i++) {
        pacer.Came(thread.seat, 100);
        pacer.Look(440 * kMiB, now += 10);
      }
      pacer.Came(thread.seat, 1);
      pacer.Look(460 * kMiB, now += 10);  // others have grown, and not by that pointer
    }
    const int64_t usage = (has_tracked ? 460 : 450) * kMiB;
    int refused = 0;
    for (int i = 0; i < 1000; i++) {
      pacer.Look(usage, now += 10);
      if (pacer.Admits(thread.seat, 1024, usage, now, true)) {
        pacer.Came(thread.seat, 1);
      } else {
        refused++;
      }
    }
    EXPECT_LT(refused, 100) << has_tracked;
  }
}

TEST(ProcessPacerTest, CollectionsForAllTakeAQuarterOfTheTime) {
  ProcessPacer pacer;
  pacer.MayCollect(0);
  double spent = 0;
  for (int64_t now = 1; now <= 100000; now++) {
    if (!pacer.MayCollect(now)) continue;
    pacer.Spend(40);
    spent += 40;
  }
  EXPECT_GT(spent, 20000);
  EXPECT_LE(spent, 25000 + 300);
}

TEST(ProcessPacerTest, ThreadsComeAndGoWhileOthersLook) {
  ProcessPacer pacer;
  std::atomic<bool> done{false};
  std::thread watcher([&] {
    for (int64_t now = 0; !done; now++) pacer.Look(now % 2 == 0 ? 50 * kMiB : 300 * kMiB, now);
  });
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; i++) {
    threads.emplace_back([&] {
      for (int round = 0; round < 300; round++) {
        Thread thread(&pacer);
        for (int step = 0; step < 20; step++) {
          pacer.Came(thread.seat, 1);
          pacer.Borrow(thread.seat, 64 * kMiB, step * kMiB, false);
          if (pacer.Wanted(thread.seat, 1) != Collection::kNone && pacer.Collected(thread.seat, 1))
            pacer.Conclude(50 * kMiB);
          pacer.Admits(thread.seat, kMiB, 50 * kMiB, step, false);
        }
      }
    });
  }
  for (std::thread& each : threads) each.join();
  done = true;
  watcher.join();
  EXPECT_EQ(pacer.threads(), 0);
  Thread last(&pacer);
  EXPECT_EQ(pacer.Borrow(last.seat, 64 * kMiB, 0, false), 64 * kMiB) << "nothing is left of them";
}

}  // namespace
}  // namespace tally
