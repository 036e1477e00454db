// native/meters/meter.cc and native/books/share.h as they are, under Relacy Race Detector.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <new>
#include <utility>
#include <vector>

// clang-format off
#include "base/usable_bytes.h"
#include "meters/checked_blocks.h"
#include "model_std.h"
// What is after it is under Relacy.
#include "books/share.h"
#include "meters/meter.cc"
// clang-format on

// Nobody here is checked.
bool tally::CheckedBlocks::Begin() { return false; }
bool tally::CheckedBlocks::Add(void* /*block*/, Meter* /*meter*/) { return false; }
tally::CheckedBlocks::Found tally::CheckedBlocks::Take(void* /*block*/, Meter* /*meter*/, Meter** /*owner*/) {
  return Found::kForeign;
}

namespace {

// Shards. They are never freed, so this is where those of one execution are, for the next to free them.
std::array<void*, 8> shards{};
bool no_memory = false;

}  // namespace

void* operator new(size_t size, std::align_val_t alignment, const std::nothrow_t& /*tag*/) noexcept {
  if (no_memory) return nullptr;
  void* block = std::aligned_alloc(static_cast<size_t>(alignment), size);
  *std::find(shards.begin(), shards.end(), nullptr) = block;
  return block;
}

// Relacy replaces operator delete without these.
void operator delete(void* block, size_t /*size*/) noexcept { operator delete(block); }
void operator delete[](void* block, size_t /*size*/) noexcept { operator delete[](block); }

namespace tally {
namespace {

constexpr std::Order kAcquire{rl::mo_acquire};
constexpr std::Order kRelease{rl::mo_release};

bool known = false;
Meter& meter = *Meter::For("it", false, &known);

// Threads that use a meter.
template <typename Program, int Threads>
struct MeterProgram : rl::test_suite<Program, Threads> {
  void before() {
    for (void*& shard : shards) std::free(std::exchange(shard, nullptr));
    no_memory = Program::kNoMemory;
    std::fiber_local = &current;
    std::Watched::BeginAll();
  }
  void after() {
    static_cast<Program*>(this)->Check(meter.Read());
    std::Watched::EndAll();
  }
  void thread(unsigned index) {
    current = nullptr;
    static_cast<Program*>(this)->Run(index);
    EndThread();
  }

  // As the destructor of Enter's thread_local.
  static void EndThread() {
    {
      ThreadShard ending;
      if (!no_memory) ending.shard = static_cast<decltype(ThreadShard::shard)>(current);
    }
    current = nullptr;
  }
};

// One allocates, another frees, a third one looks.
template <bool NoMemory>
struct HandOver : MeterProgram<HandOver<NoMemory>, 3> {
  static constexpr bool kNoMemory = NoMemory;
  static inline std::atomic<void*> place{nullptr};
  bool freed = false;

  void Run(unsigned index) {
    if (index == 0) place.store(meter.Allocate(100), kRelease);
    if (index == 1) {
      meter.Free(meter.Allocate(10));
      void* block = place.load(kAcquire);
      freed = block != nullptr;
      meter.Free(block);
    }
    for (int i = 0; index == 2 && i < 2; i++) {
      const MeterFigures figures = meter.Read();
      RL_ASSERT(figures.foreign == 0);
      RL_ASSERT(figures.blocks >= 0 && figures.blocks <= 2);
      RL_ASSERT(figures.bytes >= 0 && figures.allocated_bytes >= figures.bytes);
    }
  }
  void Check(const MeterFigures& figures) {
    RL_ASSERT(figures.allocations == 2 && figures.foreign == 0);
    RL_ASSERT(figures.blocks == (freed ? 0 : 1));
    void* block = freed ? nullptr : place.load(kAcquire);
    RL_ASSERT(figures.bytes == static_cast<int64_t>(Meter::SizeOf(block)));
    meter.Free(block);
  }
};

// Threads end, and others count on in their shards.
struct Generations : MeterProgram<Generations, 3> {
  static constexpr bool kNoMemory = false;

  void Run(unsigned /*index*/) {
    for (int i = 0; i < 2; i++) {
      meter.Free(meter.Allocate(10));
      EndThread();
    }
  }
  void Check(const MeterFigures& figures) {
    RL_ASSERT(figures.allocations == 6 && figures.blocks == 0);
    RL_ASSERT(figures.bytes == 0 && figures.foreign == 0);
  }
};

// What is allocated and freed all the time is little at any.
template <bool NoMemory>
struct Churn : MeterProgram<Churn<NoMemory>, 2> {
  static constexpr bool kNoMemory = NoMemory;

  void Run(unsigned index) {
    for (int i = 0; index == 0 && i < 2; i++) meter.Free(meter.Allocate(70));
    if (index == 0) return;
    const MeterFigures figures = meter.Read();
    RL_ASSERT(figures.blocks <= 1 && figures.bytes < 100);
  }
  void Check(const MeterFigures& figures) { RL_ASSERT(figures.allocations == 2 && figures.blocks == 0); }
};

// Large blocks of two threads: at the same time if the second has seen the first's.
struct Peak : MeterProgram<Peak, 2> {
  static constexpr bool kNoMemory = false;
  static constexpr size_t kLarge = 2 * Meter::kGrain;
  static inline std::atomic<void*> place{nullptr};
  int64_t most = 0;

  void Run(unsigned index) {
    void* block = meter.Allocate(kLarge);
    const auto bytes = static_cast<int64_t>(Meter::SizeOf(block));
    if (index == 0) return place.store(block, kRelease);
    void* other = place.load(kAcquire);
    most = other == nullptr ? bytes : 2 * bytes;
    meter.Free(other);
    meter.Free(block);
  }
  void Check(const MeterFigures& figures) {
    RL_ASSERT(figures.peak_bytes >= most);
    RL_ASSERT(figures.peak_bytes <= 3 * static_cast<int64_t>(kLarge));
    if (figures.blocks > 0) meter.Free(place.load(kAcquire));
  }
};

// Environments that ask for the charge: never two have it.
struct Claims : MeterProgram<Claims, 3> {
  static constexpr bool kNoMemory = false;
  static inline std::atomic<int> charged{0};

  void Run(unsigned index) {
    const void* environment = &charged + index;
    if (!meter.Claim(environment)) return;
    RL_ASSERT(charged.fetch_add(1, kRelaxed) == 0);
    charged.fetch_sub(1, kRelaxed);
    meter.LetGo(environment);
  }
  void Check(const MeterFigures&) { RL_ASSERT(meter.Claim(this)); }
};

// Environments that come, count and go, while one sums up.
const Figures nobody;
// So that there is room for more, which Relacy would want back at the end of each execution.
const std::array<Share, 5> room{Share(&nobody), Share(&nobody), Share(&nobody), Share(&nobody),
                                Share(&nobody)};

struct Environments : rl::test_suite<Environments, 3> {
  Share::Sum first;

  void before() {
    std::Watched::BeginAll();
    first = Share::Total();
  }
  void thread(unsigned index) {
    if (index < 2) {
      Figures figures;
      const Share share(&figures);
      figures.tracked++;
      figures.bytes += 10;
      figures.ended[0]++;
      figures.bytes -= 10;
      return;
    }
    int64_t tracked = first.tracked;
    for (int i = 0; i < 2; i++) {
      const Share::Sum sum = Share::Total();
      RL_ASSERT(sum.tracked >= tracked);
      RL_ASSERT(sum.environments <= first.environments + 2);
      RL_ASSERT(sum.bytes >= 0 && sum.bytes <= 20);
      tracked = sum.tracked;
    }
  }
  void after() {
    const Share::Sum sum = Share::Total();
    RL_ASSERT(sum.tracked == first.tracked + 2 && sum.ended[0] == first.ended[0] + 2);
    RL_ASSERT(sum.environments == first.environments && sum.bytes == 0);
    std::Watched::EndAll();
  }
};

using Simulate = bool (*)(rl::test_params&);

bool Holds(Simulate simulate, std::ostream* output) {
  rl::test_params params;
  params.output_stream = params.progress_stream = output;
  params.iteration_count = 20000;
  params.execution_depth_limit = 20000;
  return simulate(params);
}

// Of one that fails, the execution is printed.
bool Holds(Simulate simulate) {
  std::ostream nowhere(nullptr);
  return Holds(simulate, &nowhere) || (std::Order::weakened == 0 && Holds(simulate, &std::cout));
}

TEST(MeterModel, NoFreeIsSeenWithoutItsAllocation) {
  EXPECT_TRUE(Holds(rl::simulate<HandOver<false>>));
  EXPECT_TRUE(Holds(rl::simulate<HandOver<true>>));
}
TEST(MeterModel, WhatComesAndGoesMeanwhileIsNotThere) {
  EXPECT_TRUE(Holds(rl::simulate<Churn<false>>));
  EXPECT_TRUE(Holds(rl::simulate<Churn<true>>));
}
TEST(MeterModel, ThreadsCountOnWhereOthersEnded) { EXPECT_TRUE(Holds(rl::simulate<Generations>)); }
TEST(MeterModel, PeaksOfThreadsAddUp) { EXPECT_TRUE(Holds(rl::simulate<Peak>)); }
TEST(MeterModel, OneEnvironmentIsCharged) { EXPECT_TRUE(Holds(rl::simulate<Claims>)); }
TEST(ShareModel, IsReadWhileEnvironmentsCountComeAndGo) { EXPECT_TRUE(Holds(rl::simulate<Environments>)); }

// And the programs above notice what is weaker.
TEST(MeterModel, EveryMemoryOrderIsNeeded) {
  const std::array<Simulate, 5> programs{rl::simulate<HandOver<false>>, rl::simulate<HandOver<true>>,
                                         rl::simulate<Churn<false>>, rl::simulate<Churn<true>>,
                                         rl::simulate<Generations>};
  for (const Simulate program : programs) ASSERT_TRUE(Holds(program));
  ASSERT_GT(std::Order::lines.count(), 10);
  for (int line = 1; line < static_cast<int>(std::Order::lines.size()); line++) {
    if (!std::Order::lines[static_cast<size_t>(line)]) continue;
    std::Order::weakened = line;
    EXPECT_FALSE(std::all_of(programs.begin(), programs.end(), [](Simulate each) { return Holds(each); }))
        << "native/meters/meter.cc:" << line;
    std::Order::weakened = 0;
  }
}

}  // namespace
}  // namespace tally
