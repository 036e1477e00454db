// Whose the blocks are that a call leaves, where the place of the call is looked up only afterwards.

#include "meters/audit.h"

#include <gtest/gtest.h>

#include <string>

#include "meters/counted_blocks.h"

namespace tally {
namespace {

constexpr uint64_t kBytes = 100;
constexpr uint64_t kFirst = 0x10000;
constexpr uint64_t kStep = 0x1000;

class AuditTest : public testing::Test {
 protected:
  AuditTest() : before_(NewMaker()), place_(NewMaker()) { Begin(); }
  ~AuditTest() override {
    for (uint64_t i = 0; i < made_; i++) Audit::Given(Address(i));
    Field(CountedBlocks::kMaker) = 0;
    Field(CountedBlocks::kCall) = 0;
  }

  static double& Field(CountedBlocks::Field field) { return CountedBlocks::ThreadBlock()[field]; }
  static uint64_t Address(uint64_t index) { return kFirst + index * kStep; }

  static uint32_t NewMaker() {
    const std::string text = "maker " + std::to_string(Audit::Count());
    return Audit::MakerOf(text.data(), text.size());
  }

  // The next call.
  void Begin() {
    Field(CountedBlocks::kMaker) = before_;
    Field(CountedBlocks::kCall)++;
  }

  uint64_t Make() {
    const uint64_t address = Address(made_++);
    Audit::Made(address, kBytes);
    return address;
  }

  void Make(uint64_t count) {
    for (uint64_t i = 0; i < count; i++) Make();
  }

  uint32_t before_;
  uint32_t place_;
  uint64_t made_ = 0;
};

TEST_F(AuditTest, WhatIsLeftOfACallIsGiven) {
  const uint64_t freed = Make();
  Make(2);
  Audit::Given(freed);
  EXPECT_TRUE(Audit::HasLeft(before_, 3));
  Audit::Give(before_, place_, 3);
  EXPECT_EQ(Audit::LiveBytes(before_), 0);
  EXPECT_EQ(Audit::LiveBytes(place_), 2 * kBytes);
  EXPECT_FALSE(Audit::HasLeft(before_, 3));
  EXPECT_TRUE(Audit::HasLeft(place_, 3));
}

TEST_F(AuditTest, WhatIsGivenIsFreedForWhoeverHasIt) {
  const uint64_t block = Make();
  Audit::Give(before_, place_, 1);
  Audit::Given(block);
  EXPECT_EQ(Audit::LiveBytes(place_), 0);
  EXPECT_EQ(Audit::Of(place_).freed_blocks, 1);
  EXPECT_EQ(Audit::Of(before_).made_blocks, 0);
}

TEST_F(AuditTest, WhatACallAddsIsToWhoeverMadeTheObject) {
  const uint64_t object = Make();
  Audit::AddedTo(object + CountedBlocks::kLargestHeader, place_, 2);
  Audit::AddedTo(object, place_, 3);
  Audit::AddedTo(Address(made_), place_, 1);  // a stranger
  FallibleVector<Audit::Done> acts;
  ASSERT_TRUE(Audit::Acts(&acts));
  uint64_t added = 0;
  for (const Audit::Done& done : acts) {
    if (done.act == Audit::Act::kAddsTo && done.maker == before_ && done.by == place_) added += done.amount;
  }
  EXPECT_EQ(added, 5);
}

TEST_F(AuditTest, NothingIsLeftWhereAllIsFreed) {
  for (int i = 0; i < 3; i++) Audit::Given(Make());
  EXPECT_FALSE(Audit::HasLeft(before_, 3));
}

TEST_F(AuditTest, BlocksOfAnEarlierCallStay) {
  Make(2);
  Begin();
  Make();
  Audit::Give(before_, place_, 3);
  EXPECT_EQ(Audit::LiveBytes(before_), 2 * kBytes);
  EXPECT_EQ(Audit::LiveBytes(place_), kBytes);
}

TEST_F(AuditTest, BlocksOfAnotherMakerInTheSameCallStay) {
  Field(CountedBlocks::kMaker) = place_;
  Make();
  Field(CountedBlocks::kMaker) = before_;
  EXPECT_FALSE(Audit::HasLeft(before_, 1));
  Make();
  const uint32_t other = NewMaker();
  Audit::Give(before_, other, 2);
  EXPECT_EQ(Audit::LiveBytes(place_), kBytes);
  EXPECT_EQ(Audit::LiveBytes(other), kBytes);
}

TEST_F(AuditTest, AllThatAreRememberedAreFound) {
  Make(Audit::kRemembered);
  Audit::Give(before_, place_, Audit::kRemembered);
  EXPECT_EQ(Audit::LiveBytes(before_), 0);
  EXPECT_EQ(Audit::LiveBytes(place_), int64_t{Audit::kRemembered * kBytes});
}

TEST_F(AuditTest, WhatACallbackHasTrackedIsTrackedForWhoeverHasIt) {
  Audit::Tracked(Make());
  Audit::Give(before_, place_, 1);
  EXPECT_EQ(Audit::Of(before_).tracked, 0);
  EXPECT_EQ(Audit::Of(place_).tracked, 1);
  EXPECT_EQ(Audit::LiveBytes(place_), 0);
}

// They may be pointers that somebody has left there.
TEST_F(AuditTest, WhatWasInABlockBeforeItWasMadeIsCleared) {
  char memory[] = {1, 1, 1, 1};
  Audit::Clear(memory, 1, 3);
  EXPECT_EQ(std::string(memory, sizeof(memory)), std::string("\1\0\0\1", 4));
  Audit::Clear(memory, 3, 2);  // where it has become smaller
  EXPECT_EQ(memory[3], 1);
}

}  // namespace
}  // namespace tally
