// Which pointers count as held, on blocks of real memory.

#include "meters/held_pointers.h"

#include <gtest/gtest.h>

#include <deque>
#include <vector>

namespace tally {
namespace {

constexpr size_t kWords = 16;

class HeldPointersTest : public testing::Test {
 protected:
  ~HeldPointersTest() override { table_.Clear(); }

  uint64_t* Make(size_t words = kWords) {
    memory_.emplace_back(words);
    uint64_t* words_of_it = memory_.back().data();
    table_.Put(AddressOf(words_of_it), words * sizeof(uint64_t), 0);
    return words_of_it;
  }

  static uint64_t AddressOf(const uint64_t* block) { return reinterpret_cast<uintptr_t>(block); }

  void Add(const uint64_t* block, uint64_t call, uint64_t reach = 0) {
    pointers_.Add({AddressOf(block), kWords * sizeof(uint64_t), call, true}, reach);
  }

  void Look(const uint64_t* block, uint64_t call, bool is_of_makers = false, size_t words = kWords) {
    pointers_.Look({AddressOf(block), words * sizeof(uint64_t), call, is_of_makers});
  }

  std::deque<std::vector<uint64_t>> memory_;
  BlockTable table_;
  HeldPointers pointers_{&table_};
};

constexpr uint64_t kBefore = 1;
constexpr uint64_t kCall = 2;
constexpr uint64_t kAfter = 3;

TEST_F(HeldPointersTest, WhatStandsInAnOlderBlockIsHeld) {
  uint64_t* parent = Make();
  const uint64_t* object = Make();
  const uint64_t* other = Make();
  parent[kWords - 1] = AddressOf(object);
  Add(object, kCall);
  Add(other, kCall);
  Look(parent, kBefore);
  EXPECT_EQ(pointers_.count(), 2U);
  EXPECT_EQ(pointers_.CountHeld(), 1U);
}

TEST_F(HeldPointersTest, WhatTheSameCallHasMadeIsNoHolder) {
  uint64_t* part = Make();
  const uint64_t* object = Make();
  part[0] = AddressOf(object);
  Add(object, kCall);
  Look(part, kCall);
  EXPECT_EQ(pointers_.CountHeld(), 0U);
}

TEST_F(HeldPointersTest, AYoungerBlockHoldsUnlessItHangsOnTheObject) {
  uint64_t* object = Make();
  uint64_t* between = Make();
  uint64_t* younger = Make();
  younger[3] = AddressOf(object);
  Add(object, kCall);
  Look(younger, kAfter);
  EXPECT_EQ(pointers_.CountHeld(), 1U);
  object[1] = AddressOf(between);
  between[2] = AddressOf(younger);
  EXPECT_EQ(pointers_.CountHeld(), 0U);
}

TEST_F(HeldPointersTest, AYoungerBlockOfTheSameMakersHolds) {
  uint64_t* object = Make();
  uint64_t* next = Make();
  object[0] = AddressOf(next);
  next[0] = AddressOf(object);
  Add(object, kCall);
  Look(next, kAfter, true);
  EXPECT_EQ(pointers_.CountHeld(), 1U);
}

TEST_F(HeldPointersTest, APointerMayBeBehindTheBeginning) {
  uint64_t* parent = Make();
  const uint64_t* object = Make();
  parent[0] = AddressOf(object) + 16;
  HeldPointers exact(&table_);
  exact.Add({AddressOf(object), kWords * sizeof(uint64_t), kCall, true}, 0);
  exact.Look({AddressOf(parent), kWords * sizeof(uint64_t), kBefore, false});
  EXPECT_EQ(exact.CountHeld(), 0U);
  Add(object, kCall, 32);
  Look(parent, kBefore);
  EXPECT_EQ(pointers_.CountHeld(), 1U);
}

TEST_F(HeldPointersTest, ATableMayBeOf32Bits) {
  constexpr uint64_t kLow = 0x12345670;
  uint64_t* parent = Make();
  parent[5] = kLow << 32 | 1;
  pointers_.Add({kLow, 16, kCall, true}, 0);
  Look(parent, kBefore);
  EXPECT_EQ(pointers_.CountHeld(), 1U);
}

TEST_F(HeldPointersTest, ABlockMayBeNoLargerThanOneOf32Bits) {
  constexpr uint32_t kLow = 0x12345670;
  uint64_t* parent = Make();
  parent[0] = kLow;
  pointers_.Add({kLow, 16, kCall, true}, 0);
  pointers_.Look({AddressOf(parent), sizeof(uint32_t), kBefore, false});
  EXPECT_EQ(pointers_.CountHeld(), 1U);
}

TEST_F(HeldPointersTest, OfALargeBlockTheBeginningIsRead) {
  constexpr size_t kMany = 20'000;
  uint64_t* parent = Make(kMany);
  const uint64_t* object = Make();
  parent[kMany - 1] = AddressOf(object);
  Add(object, kCall);
  Look(parent, kBefore, false, kMany);
  EXPECT_EQ(pointers_.CountHeld(), 0U);
  parent[8000] = AddressOf(object);
  Look(parent, kBefore, false, kMany);
  EXPECT_EQ(pointers_.CountHeld(), 1U);
}

TEST_F(HeldPointersTest, OfAllBlocksTogetherALimitIsRead) {
  constexpr size_t kMany = 8192;  // 64 KB
  const uint64_t* large = Make(kMany);
  uint64_t* parent = Make();
  const uint64_t* object = Make();
  parent[0] = AddressOf(object);
  Add(object, kCall);
  for (int i = 0; i < 256; i++) Look(large, kBefore, false, kMany);
  Look(parent, kBefore);
  EXPECT_EQ(pointers_.CountHeld(), 0U);
}

TEST_F(HeldPointersTest, ABlockThatHoldsAPointerToAnotherLeads) {
  uint64_t* object = Make();
  const uint64_t* member = Make();
  const uint64_t* other = Make();
  Add(object, kCall);
  Add(other, kCall);
  object[1] = AddressOf(object);
  EXPECT_EQ(pointers_.CountLeading(), 0U);
  object[kWords - 1] = AddressOf(member);
  EXPECT_EQ(pointers_.CountLeading(), 1U);
  table_.Take(AddressOf(member));
  EXPECT_EQ(pointers_.CountLeading(), 0U);
}

TEST_F(HeldPointersTest, MemoryThatIsGoneHoldsNothing) {
  Add(Make(), kCall);
  pointers_.Look({4096, 4096, kBefore, false});
  EXPECT_EQ(pointers_.CountHeld(), 0U);
}

TEST_F(HeldPointersTest, SomeOfManyAreEnough) {
  const uint64_t* object = Make();
  for (int i = 0; i < 100; i++) Add(object, kCall);
  EXPECT_EQ(pointers_.count(), 16U);
}

}  // namespace
}  // namespace tally
