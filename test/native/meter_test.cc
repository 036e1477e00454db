// Meters against what is known to be allocated, from many threads at a time.

#include "meters/meter.h"

#include <gtest/gtest.h>
#ifndef _WIN32
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "env/outside.h"
#include "meter_model.h"
#include "meters/checked_blocks.h"
#include "meters/meter_functions.h"
#include "scarce_memory.h"

namespace tally {
namespace {

Meter& MeterOf(const std::string& label, bool checked = false) {
  bool known = false;
  Meter* meter = Meter::For(label.c_str(), checked, &known);
  EXPECT_NE(meter, nullptr);
  return *meter;
}

TEST(Meter, IsOneForEachLabel) {
  bool known = true;
  Meter* meter = Meter::For("one", false, &known);
  EXPECT_FALSE(known);
  EXPECT_EQ(Meter::For("one", false, &known), meter);
  EXPECT_TRUE(known);
  EXPECT_EQ(Meter::For("one", true, &known), nullptr);
  EXPECT_TRUE(known);
  EXPECT_NE(&MeterOf("other"), meter);
  EXPECT_STREQ(meter->label(), "one");
}

TEST(Meter, CheckedReallocThatFailsLeavesTheBlock) {
  Meter& meter = MeterOf("checked without memory", true);
  const MeterFunctions& f = FunctionsOf(meter);
  void* block = f.malloc(100);
  ASSERT_NE(block, nullptr);
  std::memset(block, 7, 100);
  allocations_left = 0;
  for (size_t i = 1;; i++) {
    void* moved = f.realloc(block, 100 + i % 64 * 1000);
    if (moved == nullptr) break;
    block = moved;
  }
  allocations_left = -1;
  EXPECT_EQ(meter.Read().blocks, 1);
  EXPECT_EQ(meter.Read().bytes, static_cast<int64_t>(Meter::SizeOf(block)));
  EXPECT_EQ(static_cast<char*>(block)[99], 7);
  f.free(block);
  EXPECT_EQ(meter.Read().bytes, 0);
  EXPECT_EQ(meter.Read().foreign, 0);
}

TEST(Meter, EveryShapeBalances) {
  Meter& meter = MeterOf("shapes");
  const MeterFunctions& f = FunctionsOf(meter);
  std::vector<void*> blocks{f.malloc(10), f.calloc(3, 7), f.realloc(nullptr, 5), f.strdup("text"),
                            f.sized_realloc(f.malloc(100), 100, 200)};
  for (void* block : blocks) ASSERT_NE(block, nullptr);
  EXPECT_STREQ(static_cast<char*>(blocks[3]), "text");
  EXPECT_EQ(static_cast<char*>(blocks[1])[20], 0);
  EXPECT_EQ(meter.Read().blocks, 5);
  f.free(blocks[0]);
  f.sized_free(blocks[1], 21);
  EXPECT_EQ(f.realloc(blocks[2], 0), nullptr);
  EXPECT_EQ(f.single(nullptr, blocks[3], 5, 0), nullptr);
  f.context_free(nullptr, blocks[4]);
  EXPECT_EQ(meter.Read().bytes, 0);

  void* context = f.context_malloc(&meter, 10);
  context = f.context_realloc(&meter, context, 1000);
  context = f.context_sized_realloc(&meter, 1000, 2000, context);
  EXPECT_EQ(meter.Read().bytes, static_cast<int64_t>(Meter::SizeOf(context)));
  f.context_free(&meter, context);
  f.context_free(&meter, f.context_calloc(&meter, 10, 10));
  f.context_free(&meter, f.single(&meter, f.single(&meter, nullptr, 0, 10), 10, 20));

  void* block = f.sqlite.allocate(100);
  block = f.sqlite.reallocate(block, 200);
  EXPECT_GE(f.sqlite.size(block), 200);
  EXPECT_EQ(f.sqlite.size(block), meter.Read().bytes);
  EXPECT_EQ(f.sqlite.round_up(9), 16);
  EXPECT_EQ(f.sqlite.init(nullptr), 0);
  f.sqlite.free(block);
  f.expat.free(f.expat.realloc(f.expat.malloc(1), 2));
  const MeterFigures end = meter.Read();
  EXPECT_EQ(end.bytes, 0);
  EXPECT_EQ(end.blocks, 0);
  EXPECT_EQ(end.foreign, 0);
}

TEST(Meter, PeakOfOneThreadIsExact) {
  Meter& meter = MeterOf("peak");
  std::mt19937 random(1);  // NOLINT(cert-msc51-cpp): the same each time
  std::vector<void*> blocks;
  int64_t bytes = 0;
  int64_t most = 0;
  for (int i = 0; i < 20000; i++) {
    if (random() % 3 != 0 || blocks.empty()) {
      blocks.push_back(meter.Allocate(random() % (i % 100 == 0 ? 300000 : 300)));
      bytes += static_cast<int64_t>(Meter::SizeOf(blocks.back()));
      most = std::max(most, bytes);
    } else {
      std::swap(blocks[random() % blocks.size()], blocks.back());
      bytes -= static_cast<int64_t>(Meter::SizeOf(blocks.back()));
      meter.Free(blocks.back());
      blocks.pop_back();
    }
    if (i % 1000 == 0) {
      ASSERT_EQ(meter.Read().bytes, bytes);
      ASSERT_EQ(meter.Read().peak_bytes, most);
      ASSERT_EQ(meter.OwnNet(), bytes);
    }
  }
  for (void* block : blocks) meter.Free(block);
  EXPECT_EQ(meter.Read().bytes, 0);
  EXPECT_EQ(meter.Read().peak_bytes, most);
}

TEST(Meter, RandomPrograms) {
  for (uint32_t seed = 1; seed <= 100; seed++) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    const auto choose = [&random](int64_t limit) {
      return std::uniform_int_distribution<int64_t>(0, limit - 1)(random);
    };
    MeterModel model(choose, SIZE_MAX / 4);
    for (int i = 0; i < 300; i++) {
      model.Step();
      model.Check();
      if (::testing::Test::HasFatalFailure()) return;
    }
  }
}

// Each thread frees what the one before it has allocated.
TEST(Meter, ThreadsThatPassBlocksOnWhileOneReads) {
  constexpr int kThreads = 4;
  constexpr int kPlaces = 64;
  Meter& meter = MeterOf("threads");
  std::vector<std::atomic<void*>> places(kPlaces);
  std::atomic<bool> done{false};
  std::thread reader([&] {
    while (!done) {
      const MeterFigures figures = meter.Read();
      ASSERT_GE(figures.bytes, 0);
      ASSERT_GE(figures.blocks, 0);
      ASSERT_EQ(figures.foreign, 0);
    }
  });
  for (int generation = 0; generation < 5; generation++) {
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; t++) {
      threads.emplace_back([&, t] {
        std::mt19937 random(static_cast<unsigned>(generation * kThreads + t));
        for (int i = 0; i < 5000; i++) {
          void* block = meter.Allocate(random() % 2000);
          if (i % 2 == 0) block = meter.Reallocate(block, 1 + random() % 5000);
          meter.Free(places[random() % kPlaces].exchange(block));
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  done = true;
  reader.join();
  int64_t left = 0;
  for (auto& place : places) left += static_cast<int64_t>(Meter::SizeOf(place));
  EXPECT_EQ(meter.Read().bytes, left);
  EXPECT_GE(meter.Read().peak_bytes, left);
  for (auto& place : places) meter.Free(place);
  EXPECT_EQ(meter.Read().bytes, 0);
  EXPECT_EQ(meter.Read().blocks, 0);
}

// What C frees from destructors of its own thread_locals, after ours has run.
struct Late {
  Meter* meter = nullptr;
  void* block = nullptr;
  ~Late() { meter->Free(block); }
};

TEST(Meter, CountsInTheDestructorsOfAThread) {
  Meter& meter = MeterOf("late");
  for (int i = 0; i < 10; i++) {
    std::thread([&meter] {
      thread_local Late late;  // made first, so destroyed last
      late.meter = &meter;
      late.block = meter.Allocate(100);
    }).join();
  }
  const MeterFigures figures = meter.Read();
  EXPECT_EQ(figures.bytes, 0);
  EXPECT_EQ(figures.blocks, 0);
  EXPECT_EQ(figures.allocations, 10);
}

// Threads end, and free while they do, as others begin where they have counted.
TEST(Meter, ThreadsThatComeAndGoWhileOneReads) {
  constexpr int kThreads = 400;
  Meter& meter = MeterOf("come and go");
  std::atomic<bool> done{false};
  std::thread reader([&] {
    while (!done) {
      const MeterFigures figures = meter.Read();
      ASSERT_GE(figures.blocks, 0);
      ASSERT_EQ(figures.foreign, 0);
    }
  });
  for (int t = 0; t < kThreads; t += 4) {
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; i++) {
      threads.emplace_back([&meter] {
        thread_local Late late;
        late.meter = &meter;
        late.block = meter.Allocate(100);
        for (int j = 0; j < 10; j++) meter.Free(meter.Allocate(50000));
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  done = true;
  reader.join();
  EXPECT_EQ(meter.Read().bytes, 0);
  EXPECT_EQ(meter.Read().blocks, 0);
  EXPECT_EQ(meter.Read().allocations, kThreads * 11);
}

TEST(Meter, WhatWasAllocatedBeforeDoesNotMakeItNegative) {
  Meter& meter = MeterOf("hooked late");
  meter.Free(std::malloc(5000));  // NOLINT(*-no-malloc)
  EXPECT_EQ(meter.Read().bytes, 0);
  EXPECT_EQ(meter.Read().blocks, 0);
  EXPECT_EQ(meter.Read().foreign, 1);
  void* block = meter.Allocate(1000);
  EXPECT_EQ(meter.Read().bytes, static_cast<int64_t>(Meter::SizeOf(block)));
  meter.Free(block);
  EXPECT_EQ(meter.Read().foreign, 1);
}

TEST(Meter, OneEnvironmentIsCharged) {
  Meter& meter = MeterOf("claimed");
  int a = 0;
  int b = 0;
  EXPECT_TRUE(meter.Claim(&a));
  EXPECT_TRUE(meter.Claim(&a));
  EXPECT_FALSE(meter.Claim(&b));
  meter.LetGo(&b);
  EXPECT_FALSE(meter.Claim(&b));
  meter.LetGo(&a);
  EXPECT_TRUE(meter.Claim(&b));
}

void Forget() {
  for (CheckedBlocks::Report report; CheckedBlocks::NextReport(&report);) {
  }
}

TEST(Outside, WhatGoesFromOneToAnotherIsSomePointersAllTheTime) {
  bool known = false;
  Meter* meter = Meter::For("travels", false, &known);
  Ledger here;
  Ledger there;
  const auto kind = static_cast<uint32_t>(here.AddKind("it"));
  const auto kind_there = static_cast<uint32_t>(there.AddKind("it"));
  const uint32_t account = here.account_index_of(kind);
  const uint32_t same = there.account_index_of(kind_there);
  const uint32_t other = there.account_index_of(static_cast<uint32_t>(there.AddKind("other")));
  ASSERT_TRUE(here.Reserve(2) && there.Reserve(2));
  Outside sender;
  ASSERT_TRUE(sender.Reserve());
  sender.AttributeTo(account, meter);
  EXPECT_EQ(sender.MeterOf(account), meter);
  const SlotId slot = here.Add(kind, 1, 100, kNoSlot);
  here.Add(kind, 2, 10, kNoSlot);
  sender.Attribute(here);
  EXPECT_EQ(meter->attributed(), 110);
  sender.Send(account, 100);
  here.GiveAway(slot, Reason::kReleased);
  sender.Attribute(here);
  EXPECT_EQ(meter->attributed(), 110);
  {
    Outside receiver;
    EXPECT_EQ(receiver.MeterOf(other), nullptr);
    receiver.Send(other, 7);  // which no meter shares
    ASSERT_TRUE(receiver.Reserve());
    receiver.Receive(same, meter, 100);
    EXPECT_EQ(meter->attributed(), 110);
    const SlotId taken = there.Add(kind_there, 1, 100, kNoSlot);
    receiver.Attribute(there);
    EXPECT_EQ(meter->attributed(), 110);
    there.Resize(taken, 50);
    receiver.Attribute(there);
    EXPECT_EQ(meter->attributed(), 60);
  }
  EXPECT_EQ(meter->attributed(), 10);
}

// Each attributes, asks for the charge, looks, and ends.
TEST(Outside, EnvironmentsOfManyThreadsShareAMeter) {
  bool known = false;
  Meter* meter = Meter::For("shared by many", false, &known);
  std::atomic<int> charged{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; t++) {
    threads.emplace_back([&, t] {
      for (int round = 0; round < 100; round++) {
        Ledger ledger;
        const auto kind = static_cast<uint32_t>(ledger.AddKind("it"));
        const uint32_t account = ledger.account_index_of(kind);
        ASSERT_TRUE(ledger.Reserve(10));
        Outside outside;
        outside.AddMeter(meter);
        ASSERT_TRUE(outside.Reserve());
        outside.AttributeTo(account, meter);
        for (uint64_t i = 0; i < 10; i++) {
          void* block = meter->Allocate(1000);
          const auto bytes = static_cast<int64_t>(Meter::SizeOf(block));
          const SlotId slot = ledger.Add(kind, i + 1, bytes, kNoSlot);
          outside.ReadMeters(ledger);
          if (meter->Claim(&outside)) {
            ASSERT_EQ(charged.fetch_add(1), 0);
            charged--;
          }
          ledger.GiveAway(slot, Reason::kReleased);
          meter->Free(block);
          if (t % 2 == 0) meter->LetGo(&outside);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(meter->attributed(), 0);
  EXPECT_EQ(meter->Read().bytes, 0);
  int nobody = 0;
  EXPECT_TRUE(meter->Claim(&nobody));
}

TEST(Outside, ForgetsAccountsThatAreGone) {
  bool known = false;
  Meter* meter = Meter::For("leaves", false, &known);
  Ledger ledger;
  const auto kind = static_cast<uint32_t>(ledger.AddKind("it"));
  const uint32_t account = ledger.account_index_of(kind);
  ASSERT_TRUE(ledger.Reserve(1));
  Outside outside;
  for (uint32_t each : {account, account + 1}) {
    ASSERT_TRUE(outside.Reserve());
    outside.AttributeTo(each, meter);
  }
  const SlotId slot = ledger.Add(kind, 1, 100, kNoSlot);
  EXPECT_EQ(ledger.AddKind("next"), kind + 1);
  outside.Attribute(ledger);
  ledger.GiveAway(slot, Reason::kReleased);
  outside.Forget(account);
  outside.Forget(account);
  EXPECT_EQ(meter->attributed(), 0);
  EXPECT_EQ(outside.MeterOf(account), nullptr);
  EXPECT_EQ(outside.MeterOf(account + 1), meter);
}

TEST(CheckedMeter, TellsWrongFrees) {
  Forget();
  Meter& mine = MeterOf("mine", true);
  Meter& yours = MeterOf("yours", true);
  void* block = mine.Allocate(100);
  yours.Free(block);
  yours.Free(block);
  int stranger = 0;
  mine.Free(&stranger);
  EXPECT_EQ(mine.Reallocate(&stranger, 10), nullptr);
  EXPECT_EQ(mine.Read().bytes, 0);
  EXPECT_EQ(yours.Read().bytes, 0);
  EXPECT_EQ(mine.Read().foreign, 2);
  EXPECT_EQ(yours.Read().foreign, 2);

  CheckedBlocks::Report report;
  ASSERT_TRUE(CheckedBlocks::NextReport(&report));
  EXPECT_EQ(report.found, CheckedBlocks::Found::kOther);
  EXPECT_EQ(report.by, &yours);
  EXPECT_EQ(report.of, &mine);
  ASSERT_TRUE(CheckedBlocks::NextReport(&report));
  EXPECT_EQ(report.found, CheckedBlocks::Found::kFreed);
  EXPECT_EQ(report.of, &mine);
  ASSERT_TRUE(CheckedBlocks::NextReport(&report));
  EXPECT_EQ(report.found, CheckedBlocks::Found::kForeign);
  EXPECT_EQ(report.of, nullptr);
  EXPECT_EQ(report.address, reinterpret_cast<uintptr_t>(&stranger));
  ASSERT_TRUE(CheckedBlocks::NextReport(&report));
  EXPECT_FALSE(CheckedBlocks::NextReport(&report));
}

TEST(CheckedMeter, KeepsTheFirstReportsOfVeryMany) {
  Forget();
  Meter& meter = MeterOf("mine", true);
  int stranger = 0;
  for (int i = 0; i < 1000; i++) meter.Free(&stranger);
  int count = 0;
  for (CheckedBlocks::Report report; CheckedBlocks::NextReport(&report);) count++;
  EXPECT_EQ(count, 256);
}

// Wrong frees of many threads, while one reads what is told of them.
TEST(CheckedMeter, ThreadsThatFreeWrongly) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 1000;
  Forget();
  Meter& mine = MeterOf("mine", true);
  Meter& yours = MeterOf("yours", true);
  const int64_t before = mine.Read().foreign + yours.Read().foreign;
  std::atomic<int> running{kThreads};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; t++) {
    threads.emplace_back([&] {
      int stranger = 0;
      for (int i = 0; i < kRounds; i++) {
        yours.Free(mine.Allocate(1 + i % 1000));
        mine.Free(&stranger);
      }
      running--;
    });
  }
  int64_t reports = 0;
  const auto read = [&] {
    for (CheckedBlocks::Report report; CheckedBlocks::NextReport(&report); reports++) {
      const bool other = report.found == CheckedBlocks::Found::kOther;
      ASSERT_EQ(report.by, other ? &yours : &mine);
      ASSERT_EQ(report.of, other ? &mine : nullptr);
    }
  };
  while (running > 0) read();
  for (std::thread& thread : threads) thread.join();
  read();
  EXPECT_GT(reports, 0);
  EXPECT_LE(reports, 2 * kThreads * kRounds);
  EXPECT_EQ(mine.Read().foreign + yours.Read().foreign - before, 2 * kThreads * kRounds);
  EXPECT_EQ(mine.Read().blocks, 0);
}

#ifndef _WIN32

// What another library does before and after a fork of its own accord: registered before the meters', so that
// it runs while these have everything locked.
std::atomic<Meter*> used_around_forks{nullptr};

void UseMeter() {
  Meter* meter = used_around_forks;
  if (meter != nullptr) meter->Free(meter->Allocate(10));
}

const int registered = pthread_atfork(UseMeter, UseMeter, UseMeter);

// In a child, AddressSanitizer's own allocator waits for ever for the locks that other threads held at the
// fork.
#ifdef __SANITIZE_ADDRESS__
#define NEEDS_FORK_SAFE_MALLOC() GTEST_SKIP() << "AddressSanitizer's allocator does not survive a fork"
#else
#define NEEDS_FORK_SAFE_MALLOC() static_cast<void>(0)
#endif

// Forks while threads allocate; returns how many children did not get through allocating themselves.
int ChildrenThatHang(Meter& meter) {
  constexpr int kChildren = 50;
  std::atomic<bool> done{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; t++) {
    threads.emplace_back([&] {
      while (!done) meter.Free(meter.Allocate(100));
    });
  }
  int hanging = 0;
  for (int i = 0; i < kChildren && hanging == 0; i++) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(20);
      for (size_t size = 1; size < 500; size++) meter.Free(meter.Reallocate(meter.Allocate(size), 2 * size));
      _exit(0);
    }
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) hanging++;
  }
  done = true;
  for (std::thread& thread : threads) thread.join();
  return hanging;
}

TEST(Meter, AChildThatCForksGoesOn) {
  NEEDS_FORK_SAFE_MALLOC();
  EXPECT_EQ(ChildrenThatHang(MeterOf("forks")), 0);
}

TEST(CheckedMeter, AChildThatCForksGoesOn) {
  NEEDS_FORK_SAFE_MALLOC();
  ASSERT_EQ(registered, 0);
  Meter& meter = MeterOf("mine", true);
  const int64_t blocks = meter.Read().blocks;
  const int64_t foreign = meter.Read().foreign;
  used_around_forks = &meter;
  EXPECT_EQ(ChildrenThatHang(meter), 0);
  used_around_forks = nullptr;
  EXPECT_EQ(meter.Read().blocks, blocks);
  EXPECT_EQ(meter.Read().foreign, foreign);
}

#endif

TEST(CheckedMeter, ThreadsWithoutAFault) {
  Forget();
  Meter& meter = MeterOf("mine", true);
  const int64_t foreign = meter.Read().foreign;
  std::vector<std::atomic<void*>> places(64);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; t++) {
    threads.emplace_back([&, t] {
      std::mt19937 random(static_cast<unsigned>(t));
      for (int i = 0; i < 5000; i++) {
        void* block = meter.Allocate(1 + random() % 2000);
        if (i % 2 == 0) block = meter.Reallocate(block, 1 + random() % 5000);
        meter.Free(places[random() % places.size()].exchange(block));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (auto& place : places) meter.Free(place);
  CheckedBlocks::Report report;
  EXPECT_FALSE(CheckedBlocks::NextReport(&report));
  EXPECT_EQ(meter.Read().bytes, 0);
  EXPECT_EQ(meter.Read().foreign, foreign);
}

}  // namespace
}  // namespace tally
