// What samples say of blocks that are known. With a seed, so by no chance; where threads are many, by little.

#include "meters/samples.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <string>
#include <thread>
#include <vector>

#include "meters/counted_blocks.h"

namespace tally {
namespace {

constexpr double kMean = 10'000;
constexpr uint64_t kSeed = 42;

// A thread that runs JavaScript.
class Caller {
 public:
  Caller() { CountedBlocks::UseThreadBlock(block_); }
  Caller(const Caller&) = delete;
  Caller& operator=(const Caller&) = delete;
  ~Caller() { CountedBlocks::UseThreadBlock(nullptr); }

  void Make(uint64_t address, uint64_t bytes) { Samples::Made(address, bytes, block_); }
  double waiting() const { return block_[CountedBlocks::kSamples]; }

 private:
  double block_[CountedBlocks::kFields] = {};
};

uint64_t AddressOf(uint64_t number) { return 0x10000000 + number * 16; }

uint32_t StackNamed(const std::string& name) { return Samples::StackOf(name.data(), name.size()); }

struct Sums {
  Samples::Weight allocated, live, at_peak, temporary;
};

// Of the sites with that stack of JavaScript.
Sums Of(uint32_t stack) {
  Sums sums;
  FallibleVector<Samples::Site> sites;
  EXPECT_TRUE(Samples::Read(&sites));
  const auto add = [](Samples::Weight* to, const Samples::Weight& more) {
    to->bytes += more.bytes;
    to->blocks += more.blocks;
  };
  for (const Samples::Site& site : sites) {
    if (site.stack != stack) continue;
    add(&sums.allocated, site.allocated);
    add(&sums.live, site.live);
    add(&sums.at_peak, site.at_peak);
    add(&sums.temporary, site.temporary);
  }
  return sums;
}

// Three standard deviations of what `blocks` blocks of `bytes` bytes are estimated to be.
double Error(double blocks, double bytes) {
  const double chance = -std::expm1(-bytes / kMean);
  return 3 * bytes * std::sqrt(blocks * (1 - chance) / chance);
}

TEST(Samples, AreUnbiasedWhateverTheSize) {
  Caller caller;
  for (const uint64_t bytes : {16, 1000, 10'000, 100'000}) {
    const double blocks = bytes < 1000 ? 1'000'000 : 20'000;
    Samples::Begin(kMean, kSeed);
    for (uint64_t i = 0; i < static_cast<uint64_t>(blocks); i++) caller.Make(AddressOf(i), bytes);
    Samples::CalledFrom(0);
    const Sums sums = Of(0);
    const auto size = static_cast<double>(bytes);
    EXPECT_NEAR(sums.allocated.bytes, blocks * size, Error(blocks, size)) << bytes;
    EXPECT_NEAR(sums.allocated.blocks, blocks, Error(blocks, size) / size) << bytes;
    EXPECT_EQ(sums.live.bytes, sums.allocated.bytes);
    EXPECT_EQ(sums.at_peak.bytes, sums.allocated.bytes);
    for (uint64_t i = 0; i < static_cast<uint64_t>(blocks); i++) Samples::Given(AddressOf(i));
    EXPECT_EQ(Of(0).live.bytes, 0) << "to the byte";
    EXPECT_EQ(Of(0).live.blocks, 0);
    EXPECT_EQ(Of(0).at_peak.bytes, sums.allocated.bytes);
    EXPECT_EQ(Of(0).temporary.bytes, 0) << "the call had returned";
    Samples::Stop();
  }
}

TEST(Samples, AreTheSameWithTheSameSeed) {
  Caller caller;
  const auto run = [&caller](uint64_t seed) {
    Samples::Begin(kMean, seed);
    for (uint64_t i = 0; i < 1000; i++) caller.Make(AddressOf(i), 1000);
    Samples::CalledFrom(0);
    Samples::Stop();
    return Of(0).allocated.bytes;
  };
  EXPECT_EQ(run(1), run(1));
  EXPECT_NE(run(1), run(2));
}

TEST(Samples, AreOfTheCallThatMadeThem) {
  Caller caller;
  const uint32_t one = StackNamed("one");
  const uint32_t two = StackNamed("two");
  EXPECT_NE(one, two);
  EXPECT_EQ(StackNamed("one"), one);
  EXPECT_EQ(std::string(Samples::Stack(two).at, Samples::Stack(two).length), "two");
  Samples::Begin(1, kSeed);  // each block is one
  caller.Make(AddressOf(1), 1000);
  caller.Make(AddressOf(2), 1000);
  EXPECT_EQ(caller.waiting(), 2);
  Samples::Given(AddressOf(2));
  Samples::CalledFrom(one);
  EXPECT_EQ(caller.waiting(), 0);
  caller.Make(AddressOf(3), 500);
  Samples::CalledFrom(two);
  EXPECT_EQ(Of(one).allocated.bytes, 2000);
  EXPECT_EQ(Of(one).live.bytes, 1000);
  EXPECT_EQ(Of(one).temporary.bytes, 1000);
  EXPECT_EQ(Of(one).at_peak.bytes, 2000);
  EXPECT_EQ(Of(two).live.bytes, 500);
  EXPECT_EQ(Of(two).at_peak.bytes, 0) << "it came later";
  EXPECT_EQ(Of(0).allocated.bytes, 0);
  Samples::Given(AddressOf(1));
  caller.Make(AddressOf(4), 5000);
  Samples::CalledFrom(two);
  EXPECT_EQ(Of(one).at_peak.bytes, 0);
  EXPECT_EQ(Of(two).at_peak.bytes, 5500);
  Samples::Stop();
  EXPECT_FALSE(Samples::IsOn());
}

TEST(Samples, DoNotWaitForEverForACallThatNobodyWatches) {
  constexpr uint64_t kBlocks = 100'000;
  Caller caller;
  Samples::Begin(1, kSeed);
  for (uint64_t i = 0; i < kBlocks; i++) {
    caller.Make(AddressOf(i), 1000);
    ASSERT_LE(caller.waiting(), 10'000);
    if (i % 2 == 0) Samples::Given(AddressOf(i));
  }
  const uint32_t one = StackNamed("one");
  caller.Make(AddressOf(kBlocks), 1000);
  Samples::CalledFrom(one);
  EXPECT_GE(Of(one).allocated.bytes, 1000);
  EXPECT_EQ(Of(one).allocated.bytes + Of(0).allocated.bytes, (kBlocks + 1) * 1000.0);
  EXPECT_EQ(Of(one).live.bytes + Of(0).live.bytes, (kBlocks / 2 + 1) * 1000.0);
  Samples::Stop();
}

TEST(Samples, FollowWhatIsMovedOrFreedUnseen) {
  Caller caller;
  Samples::Begin(1, kSeed);
  caller.Make(AddressOf(1), 1000);
  const BlockTable::Entry sample = Samples::Take(AddressOf(1));
  EXPECT_EQ(sample.bytes, 1000U);
  EXPECT_EQ(Samples::Take(AddressOf(1)).key, 0U);
  Samples::PutBack(sample);
  Samples::CalledFrom(0);
  EXPECT_EQ(Of(0).live.bytes, 1000);
  caller.Make(AddressOf(1), 3000);  // it has come again
  Samples::CalledFrom(0);
  EXPECT_EQ(Of(0).live.bytes, 3000);
  Samples::Given(AddressOf(1));
  EXPECT_EQ(Of(0).live.bytes, 0);
  caller.Make(AddressOf(1), 1000);
  EXPECT_FALSE(Samples::Begin(1, kSeed)) << "it is on";
  Samples::Stop();
  EXPECT_EQ(Of(0).live.bytes, 1000);
  EXPECT_TRUE(Samples::Begin(1, kSeed));
  Samples::Given(AddressOf(1));
  EXPECT_EQ(Of(0).live.bytes, 0) << "all is forgotten";
  Samples::Stop();
}

TEST(Samples, AreFreedAtOnceWhereverTheirCallIs) {
  Caller caller;
  const uint32_t one = StackNamed("one");
  Samples::Begin(1, kSeed);
  caller.Make(AddressOf(1), 1000);
  const BlockTable::Entry sample = Samples::Take(AddressOf(1));
  EXPECT_EQ(Of(0).live.bytes, 0);
  Samples::CalledFrom(one);
  EXPECT_EQ(Of(one).live.bytes, 0);
  EXPECT_EQ(Of(one).temporary.bytes, 1000);
  Samples::PutBack(sample);
  EXPECT_EQ(Of(0).live.bytes + Of(one).live.bytes, 1000);
  EXPECT_EQ(Of(0).allocated.bytes + Of(one).allocated.bytes, 1000) << "once";
  Samples::Given(AddressOf(1));
  EXPECT_EQ(Of(0).live.bytes, 0);
  EXPECT_EQ(Of(one).live.bytes, 0);
  Samples::Stop();
}

TEST(Samples, AreOfTheirOwnProfile) {
  Caller caller;
  Samples::Begin(1, kSeed);
  caller.Make(AddressOf(1), 1000);
  const BlockTable::Entry sample = Samples::Take(AddressOf(1));
  Samples::Stop();
  Samples::Begin(1, kSeed);
  caller.Make(AddressOf(2), 500);
  Samples::PutBack(sample);
  EXPECT_EQ(Of(0).live.bytes, 500);
  Samples::Given(AddressOf(1));
  EXPECT_EQ(Of(0).live.bytes, 500);
  Samples::Stop();
}

TEST(Samples, HaveStacksThatOutliveTheirProfile) {
  Caller caller;
  Samples::Begin(1, kSeed);
  caller.Make(AddressOf(1), 1000);
  FallibleVector<Samples::Site> sites;
  ASSERT_TRUE(Samples::Read(&sites));
  Samples::Stop();
  Samples::Begin(1, kSeed);
  EXPECT_GT(sites[1].native, 0U);
  EXPECT_GE(Samples::Stack(sites[1].native).length, sizeof(void*));
  Samples::Stop();
}

TEST(Samples, AreFreedByOtherThreadsWhileTheirCallEnds) {
  constexpr uint64_t kCalls = 1'000;
  constexpr uint64_t kBlocks = 16;
  Caller caller;
  const uint32_t one = StackNamed("one");
  Samples::Begin(1, kSeed);
  std::atomic<uint64_t> made{0};
  std::thread other([&made] {
    for (uint64_t i = 0; i < kCalls * kBlocks; i++) {
      while (made.load() <= i) std::this_thread::yield();
      Samples::Given(AddressOf(i));
    }
  });
  for (uint64_t i = 0; i < kCalls; i++) {
    for (uint64_t j = 0; j < kBlocks; j++) caller.Make(AddressOf(i * kBlocks + j), 1000);
    made.store((i + 1) * kBlocks);
    Samples::CalledFrom(one);
  }
  other.join();
  EXPECT_EQ(Of(one).allocated.bytes, kCalls * kBlocks * 1000.0);
  EXPECT_EQ(Of(one).live.bytes, 0);
  EXPECT_EQ(Of(0).live.bytes, 0);
  Samples::Stop();
}

TEST(Samples, ComeFromAllThreads) {
  constexpr uint64_t kBlocks = 20'000;
  constexpr uint64_t kThreads = 4;
  Samples::Begin(kMean, kSeed);
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < kThreads; t++) {
    threads.emplace_back([t] {
      double block[CountedBlocks::kFields] = {};
      for (uint64_t i = 0; i < kBlocks; i++) {
        const uint64_t address = AddressOf(t * kBlocks + i);
        Samples::Made(address, 1000, block);
        if (i % 2 == 0) Samples::Given(address);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const Sums sums = Of(0);
  EXPECT_NEAR(sums.allocated.bytes, kThreads * kBlocks * 1000.0, Error(kThreads * kBlocks, 1000));
  EXPECT_NEAR(sums.live.bytes, kThreads * kBlocks * 500.0, Error(kThreads * kBlocks / 2, 1000));
  for (uint64_t i = 0; i < kThreads * kBlocks; i++) Samples::Given(AddressOf(i));
  EXPECT_EQ(Of(0).live.bytes, 0);
  Samples::Stop();
}

}  // namespace
}  // namespace tally
