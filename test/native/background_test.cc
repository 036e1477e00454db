#include "env/background.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

namespace tally {
namespace {

constexpr size_t kPointers = 4000;
std::array<std::atomic<int>, kPointers> frees{};
std::atomic<bool> is_stopped{false};

void FreeOnce(void* address) { frees[reinterpret_cast<uintptr_t>(address) - 1]++; }

void FreeWhenGoing(void* address) {
  while (is_stopped) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  FreeOnce(address);
}

class BackgroundTest : public ::testing::Test {
 protected:
  BackgroundTest() {
    for (std::atomic<int>& each : frees) each = 0;
    is_stopped = false;
  }

  static Destructor Calling(void (*function)(void*)) {
    return Destructor::Of(Destructor::Form::kDirect, reinterpret_cast<uintptr_t>(function), {});
  }
  bool Run(const Destructor& destructor, SlotId slot) {
    return background_->Run(slot, destructor.CallOf(slot + 1, 10), 10);
  }
  void Settle() {
    for (SlotId slot = background_->NextDone(); slot != kNoSlot; slot = background_->NextDone()) {
      EXPECT_EQ(frees[slot], 1);
      settled_++;
    }
  }

  std::unique_ptr<Background> background_ = std::make_unique<Background>();
  size_t settled_ = 0;
};

TEST_F(BackgroundTest, RunsEachOnceAndTellsOfIt) {
  EXPECT_FALSE(background_->Wait());
  const Destructor destructor = Calling(FreeOnce);
  for (SlotId slot = 0; slot < kPointers; slot++) {
    ASSERT_TRUE(Run(destructor, slot));
    if (slot % 100 == 0) Settle();
    if (slot % 1000 != 999) continue;
    EXPECT_TRUE(background_->Wait());
  }
  while (background_->Wait()) Settle();
  EXPECT_EQ(settled_, kPointers);
  EXPECT_EQ(background_->bytes(), 0);
}

TEST_F(BackgroundTest, ClosingRunsAllAndThenNothing) {
  is_stopped = true;
  const Destructor destructor = Calling(FreeWhenGoing);
  for (SlotId slot = 0; slot < 10; slot++) ASSERT_TRUE(Run(destructor, slot));
  EXPECT_EQ(background_->NextDone(), kNoSlot);
  EXPECT_EQ(background_->count(), 10U);
  EXPECT_EQ(background_->bytes(), 100);
  std::thread later([] { is_stopped = false; });
  background_->Close();
  later.join();
  EXPECT_FALSE(Run(destructor, 10));
  Settle();
  EXPECT_EQ(settled_, 10U);
  EXPECT_EQ(frees[10], 0);
}

TEST_F(BackgroundTest, ManyEnvironmentsAtOnce) {
  std::vector<std::thread> threads;
  for (SlotId first = 0; first < 4; first++) {
    threads.emplace_back([first] {
      Background background;
      const Destructor destructor = Calling(FreeOnce);
      for (SlotId slot = first; slot < kPointers; slot += 4) {
        EXPECT_TRUE(background.Run(slot, destructor.CallOf(slot + 1, 1), 1));
        background.NextDone();
      }
      background.Close();
      while (background.NextDone() != kNoSlot) continue;
      EXPECT_EQ(background.count(), 0U);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::atomic<int>& each : frees) EXPECT_EQ(each, 1);
}

}  // namespace
}  // namespace tally
