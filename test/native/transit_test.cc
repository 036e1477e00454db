#include "env/transit.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "transit_model.h"

namespace tally {
namespace {

TEST(TransitTest, RandomHandOvers) {
  for (uint32_t seed = 1; seed <= 50; seed++) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    TransitModel model(
        [&random](int64_t limit) { return std::uniform_int_distribution<int64_t>(0, limit - 1)(random); });
    for (int i = 0; i < 300; i++) {
      model.Step();
      model.Check();
      if (::testing::Test::HasFatalFailure()) return;
    }
    model.Finish();
    if (::testing::Test::HasFatalFailure()) return;
  }
}

constexpr size_t kPointers = 4000;
std::array<std::atomic<int>, kPointers> frees{};

void FreeOnce(void* address) { frees[reinterpret_cast<uintptr_t>(address) - 1]++; }

// Two send, three take what they find, one frees what is there, one sums up. Under ThreadSanitizer this is
// what it is for.
TEST(TransitTest, EachIsTakenOrFreedOnceWhateverThreadsDo) {
  const auto transit = std::make_unique<Transit>();
  std::array<std::atomic<int>, kPointers> takes{};
  std::atomic<size_t> sent{0};
  std::atomic<int> sending{2};
  std::vector<std::thread> threads;
  for (uint64_t sender = 0; sender < 2; sender++) {
    threads.emplace_back([&, sender] {
      for (uint64_t number = sender; number < kPointers; number += 2) {
        TransferredPointer transferred;
        transferred.address = number + 1;
        transferred.size = 10;
        transferred.form = Destructor::Form::kDirect;
        transferred.function = reinterpret_cast<uintptr_t>(&FreeOnce);
        Label label;
        ASSERT_TRUE(label.Set("it"));
        ASSERT_TRUE(transit->Put(KeyOf(number), transferred, std::move(label)));
        sent = number;
      }
      sending--;
    });
  }
  for (unsigned taker = 0; taker < 3; taker++) {
    threads.emplace_back([&, taker] {
      std::mt19937 random(taker);
      while (sending > 0) {
        const uint64_t number = sent - std::min<size_t>(sent, random() % 50);
        TransferredPointer transferred;
        Label label;
        if (transit->Peek(KeyOf(number), &transferred, &label) != Transit::Found::kYes) continue;
        ASSERT_EQ(transferred.address, number + 1);
        ASSERT_EQ(label.text(), "it");
        if (transit->Take(KeyOf(number))) takes[number]++;
      }
    });
  }
  threads.emplace_back([&] {
    while (sending > 0) {
      const Transit::Sum sum = transit->Total();
      ASSERT_EQ(sum.bytes, 10 * sum.pointers);
      ASSERT_GE(sum.pointers, 0);
      if (sum.pointers > 100) transit->FreeAll();
    }
  });
  for (std::thread& thread : threads) thread.join();
  transit->FreeAll();
  EXPECT_EQ(transit->Total().pointers, 0);
  for (size_t i = 0; i < kPointers; i++) ASSERT_EQ(takes[i] + frees[i], 1) << i;
}

}  // namespace
}  // namespace tally
