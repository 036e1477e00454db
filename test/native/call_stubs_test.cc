// Stubs, called with whatever functions of C take and return.

#include "meters/call_stubs.h"

#include <gtest/gtest.h>

#include "meters/elf_module.h"

#ifdef TALLY_HAS_ELF_MODULES

#include <execinfo.h>

#include <array>
#include <complex>
#include <cstdlib>
#include <stdexcept>
#include <thread>
#include <vector>

#include "meters/counted_blocks.h"

namespace tally {
namespace {

constexpr double kAccount = 7;

double* Block() { return CountedBlocks::ThreadBlock(); }

template <typename Result, typename... Parameters>
class Stub {
 public:
  explicit Stub(Result (*function)(Parameters...))
      : address_(CallStubs::Take(reinterpret_cast<uintptr_t>(function), kAccount)) {
    EXPECT_NE(address_, 0u);
  }
  Stub(const Stub&) = delete;
  Stub& operator=(const Stub&) = delete;
  ~Stub() { CallStubs::GiveBack(address_); }

  Result operator()(Parameters... arguments) const {
    return reinterpret_cast<Result (*)(Parameters...)>(address_)(arguments...);
  }

 private:
  uint64_t address_;
};

// Functions that tell what they were given, in a number that depends on the place of each.

int64_t Ten(int64_t a, int64_t b, int64_t c, int64_t d, int64_t e, int64_t f, int64_t g, int64_t h, int64_t i,
            int64_t j) {
  int64_t sum = 0;
  for (const int64_t each : {a, b, c, d, e, f, g, h, i, j}) sum = sum * 10 + each;
  return sum;
}

double TenDoubles(double a, double b, double c, double d, double e, double f, double g, double h, double i,
                  double j) {
  double sum = 0;
  for (const double each : {a, b, c, d, e, f, g, h, i, j}) sum = sum * 10 + each;
  return sum;
}

// Of both kinds more than there are registers.
double Mixed(int8_t a, double b, uint16_t c, float d, int32_t e, double f, int64_t g, double h, int64_t i,
             double j, int64_t k, double l, int64_t m, double n, int64_t o, double p, int64_t q, double r) {
  double sum = 0;
  for (const double each : {double(a), b, double(c), double(d), double(e), f, double(g), h, double(i), j,
                            double(k), l, double(m), n, double(o), p, double(q), r})
    sum = sum * 2 + each;
  return sum;
}

struct Pair {
  int64_t a;
  double b;
};
struct Words {
  int64_t a, b;
};
struct Doubles {
  double a, b;
};
struct Floats {
  float a, b, c, d;
};
struct Large {
  int64_t a[5];
};

Pair MakePair(int64_t a, double b) { return {a, b}; }
Doubles MakeDoubles(double a, double b) { return {a, b}; }
Floats MakeFloats(float a, float b, float c, float d) { return {a, b, c, d}; }
Large MakeLarge(int64_t a, Large large, double b) {
  for (int64_t& each : large.a) each += a;
  large.a[4] += static_cast<int64_t>(b);
  return large;
}
Words MakeWords(int64_t a, int64_t b) { return {a, b}; }
long double Long(long double a, double b) { return a + b; }
std::complex<long double> Complex(long double a, long double b) { return {a, b}; }

TEST(CallStubs, ArgumentsAndResultsPassAsTheyAre) {
  EXPECT_EQ(Stub(Ten)(1, 2, 3, 4, 5, 6, 7, 8, 9, 1), 1234567891);
  EXPECT_EQ(Stub(TenDoubles)(1, 2, 3, 4, 5, 6, 7, 8, 9, 1), 1234567891);
  const double mixed = Mixed(-1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18);
  EXPECT_EQ(Stub(Mixed)(-1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18), mixed);
  const Pair pair = Stub(MakePair)(1, 2.5);
  EXPECT_EQ(pair.a, 1);
  EXPECT_EQ(pair.b, 2.5);
  const Doubles doubles = Stub(MakeDoubles)(1.5, 2.5);
  EXPECT_EQ(doubles.a, 1.5);
  EXPECT_EQ(doubles.b, 2.5);
  const Floats floats = Stub(MakeFloats)(1, 2, 3, 4);
  EXPECT_EQ(floats.a, 1);
  EXPECT_EQ(floats.d, 4);
  const Large large = Stub(MakeLarge)(10, {{1, 2, 3, 4, 5}}, 100);
  EXPECT_EQ(large.a[0], 11);
  EXPECT_EQ(large.a[4], 115);
  const Words words = Stub(MakeWords)(3, 4);
  EXPECT_EQ(words.a, 3);
  EXPECT_EQ(words.b, 4);
  EXPECT_EQ(Stub(Long)(1e30L, 2), 1e30L + 2);
  EXPECT_EQ(Stub(Complex)(1e30L, 2e30L), std::complex<long double>(1e30L, 2e30L));
}

void* Make(size_t bytes) { return CountedBlocks::Made(std::malloc(bytes), bytes); }  // NOLINT(*-no-malloc)
void Free(void* block) {
  CountedBlocks::Given(block, nullptr);
  std::free(block);  // NOLINT(*-no-malloc)
}

double MarkSeen() { return Block()[CountedBlocks::kMark]; }

TEST(CallStubs, TheCallIsMarkedAndTheThreadIsAsBefore) {
  Block()[CountedBlocks::kMark] = 3;
  Block()[CountedBlocks::kNet] = 99;
  EXPECT_EQ(Stub(MarkSeen)(), kAccount);
  EXPECT_EQ(Block()[CountedBlocks::kMark], 3);
  EXPECT_EQ(Block()[CountedBlocks::kNet], 99);
  Block()[CountedBlocks::kMark] = 0;
  Block()[CountedBlocks::kNet] = 0;
}

uint64_t inner = 0;
void* MakeTwo(size_t bytes) {
  Free(reinterpret_cast<void* (*)(size_t)>(inner)(bytes * 100));
  void* kept = Make(bytes);
  Free(Make(bytes * 10));
  return kept;
}

TEST(CallStubs, WhatACallKeepsIsToldOnceAndACallWithinItHasItsOwn) {
  const uint64_t outer = CallStubs::Take(reinterpret_cast<uintptr_t>(MakeTwo), 11);
  inner = CallStubs::Take(reinterpret_cast<uintptr_t>(Make), 12);
  void* kept = reinterpret_cast<void* (*)(size_t)>(outer)(1000);
  EXPECT_EQ(CallStubs::GiveBack(inner), 100'000);
  EXPECT_EQ(CallStubs::GiveBack(outer), 1000);
  EXPECT_EQ(CountedBlocks::Find(reinterpret_cast<uintptr_t>(kept)).account, 11u);
  Free(kept);
  const uint64_t unused = CallStubs::Take(reinterpret_cast<uintptr_t>(Make), 13);
  EXPECT_EQ(CallStubs::GiveBack(unused), 0);
}

TEST(CallStubs, CallsOnManyThreadsAreCountedEachForItself) {
  struct Running {
    uint64_t stub;
    void* made;
  };
  for (int round = 0; round < 20; round++) {
    std::vector<Running> all(60);
    std::vector<std::thread> threads;
    for (size_t i = 0; i < all.size(); i++) {
      all[i].stub = CallStubs::Take(reinterpret_cast<uintptr_t>(Make), static_cast<double>(i + 1));
      ASSERT_NE(all[i].stub, 0u);
      threads.emplace_back(
          [call = &all[i], i] { call->made = reinterpret_cast<void* (*)(size_t)>(call->stub)(i + 1); });
    }
    for (size_t i = 0; i < all.size(); i++) {
      threads[i].join();
      EXPECT_EQ(CallStubs::GiveBack(all[i].stub), i + 1);
      EXPECT_EQ(CountedBlocks::Find(reinterpret_cast<uintptr_t>(all[i].made)).account, i + 1);
      Free(all[i].made);
    }
  }
}

TEST(CallStubs, ThereIsAFixedNumber) {
  std::vector<uint64_t> all;
  for (size_t i = 0; i < CallStubs::kCount; i++)
    all.push_back(CallStubs::Take(reinterpret_cast<uintptr_t>(Ten), kAccount));
  EXPECT_EQ(CallStubs::Take(reinterpret_cast<uintptr_t>(Ten), kAccount), 0u);
  for (const uint64_t stub : all) {
    ASSERT_NE(stub, 0u);
    EXPECT_EQ(reinterpret_cast<decltype(&Ten)>(stub)(1, 2, 3, 4, 5, 6, 7, 8, 9, 1), 1234567891);
    CallStubs::GiveBack(stub);
  }
}

TEST(CallStubs, AThreadThatEndsLeavesNoneTaken) {
  uint64_t late = 0;
  std::thread([&late] {
    double block[CountedBlocks::kFields] = {};
    CountedBlocks::UseThreadBlock(block);
    for (size_t i = 1; i < CallStubs::kCount; i++) {
      const uint64_t stub = CallStubs::Take(reinterpret_cast<uintptr_t>(MarkSeen), kAccount);
      reinterpret_cast<double (*)()>(stub)();
    }
    late = CallStubs::Take(reinterpret_cast<uintptr_t>(MarkSeen), kAccount);
    CallStubs::Forsake();
    CountedBlocks::UseThreadBlock(nullptr);
  }).join();
  std::vector<uint64_t> others;
  for (size_t i = 1; i < CallStubs::kCount; i++)
    others.push_back(CallStubs::Take(reinterpret_cast<uintptr_t>(Ten), kAccount));
  EXPECT_NE(others.back(), 0u);
  EXPECT_EQ(CallStubs::Take(reinterpret_cast<uintptr_t>(Ten), kAccount), 0u) << "one is on its way";
  EXPECT_EQ(reinterpret_cast<double (*)()>(late)(), kAccount);
  others.push_back(CallStubs::Take(reinterpret_cast<uintptr_t>(Ten), kAccount));
  EXPECT_EQ(others.back(), late);
  for (const uint64_t stub : others) CallStubs::GiveBack(stub);
}

void* others_block = nullptr;
void LoadAndFree() {
  CountedBlocks::SetStale(true);
  Free(others_block);
}

TEST(CallStubs, WhoeverGivesItBackHearsOfLibrariesThatWereLoadedAndOfOtherAccounts) {
  Block()[CountedBlocks::kMark] = 3;
  others_block = Make(1000);
  Block()[CountedBlocks::kMark] = 0;
  Block()[CountedBlocks::kNet] = 0;
  const double others = Block()[CountedBlocks::kOthers];
  const uint64_t stub = CallStubs::Take(reinterpret_cast<uintptr_t>(LoadAndFree), kAccount);
  std::thread(reinterpret_cast<void (*)()>(stub)).join();
  EXPECT_EQ(Block()[CountedBlocks::kStale], 0);
  EXPECT_EQ(Block()[CountedBlocks::kOthers], others);
  EXPECT_EQ(CallStubs::GiveBack(stub), 0);
  EXPECT_EQ(Block()[CountedBlocks::kStale], 1);
  EXPECT_EQ(Block()[CountedBlocks::kOthers], others + 1);
  CountedBlocks::SetStale(false);
}

int Unwind() {
  std::array<void*, 100> frames{};
  return backtrace(frames.data(), frames.size());
}

int Catch() {
  try {
    throw std::runtime_error("mine");
  } catch (const std::runtime_error&) {
    return 1;
  }
}

TEST(CallStubs, UnwindingEndsThereAndExceptionsWithinPass) {
  const int through = Stub(Unwind)();
  EXPECT_GT(through, 0);
  EXPECT_LE(through, 4) << "this function, that is, and the stub";
  EXPECT_EQ(Stub(Catch)(), 1);
}

void Throw() { throw std::runtime_error("mine"); }

TEST(CallStubsDeathTest, AnExceptionThatLeavesItEndsTheProcess) {
  const Stub stub(Throw);
  const auto survive = [&stub] {
    try {
      stub();
    } catch (const std::runtime_error&) {
    }
  };
  EXPECT_DEATH(survive(), "mine");
}

}  // namespace
}  // namespace tally

#endif  // TALLY_HAS_ELF_MODULES
