#include "books/ledger.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "ledger_model.h"
#include "scarce_memory.h"

namespace tally {
namespace {

class LedgerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    kind_ = AddKind("account");
    account_ = ledger_.account_index_of(kind_);
  }
  void TearDown() override { allocations_left = -1; }

  uint32_t AddKind(const char* label) { return static_cast<uint32_t>(ledger_.AddKind(label)); }

  SlotId Add(int64_t size, SlotId parent = kNoSlot) {
    EXPECT_TRUE(ledger_.Reserve(1));
    return ledger_.Add(kind_, 0x1000, size, parent);
  }

  // Settles all that is ready; returns it in order.
  std::vector<SlotId> Drain() {
    std::vector<SlotId> freed;
    for (SlotId id = ledger_.NextReady(); id != kNoSlot; id = ledger_.NextReady()) {
      freed.push_back(id);
      ledger_.Settle(id);
    }
    return freed;
  }

  void ExpectEmpty() {
    EXPECT_EQ(ledger_.bytes(), 0);
    EXPECT_EQ(ledger_.pointers(), 0);
    EXPECT_EQ(ledger_.dead_bytes(), 0);
    EXPECT_EQ(ledger_.dead_pointers(), 0);
    EXPECT_FALSE(ledger_.HasReady());
    EXPECT_EQ(ledger_.account(account_).bytes, 0);
    EXPECT_EQ(ledger_.account(account_).pointers, 0);
    EXPECT_EQ(ledger_.live_of(kind_), 0U);
  }

  Ledger ledger_;
  uint32_t account_ = 0;
  uint32_t kind_ = 0;
};

TEST_F(LedgerTest, ChargesAndReturns) {
  const SlotId id = Add(100);
  EXPECT_EQ(ledger_.bytes(), 100);
  EXPECT_EQ(ledger_.at(id).address, 0x1000U);
  ledger_.End(id, Reason::kDisposed);
  EXPECT_EQ(ledger_.bytes(), 100) << "the memory still exists";
  EXPECT_EQ(ledger_.dead_bytes(), 100);
  EXPECT_EQ(Drain(), std::vector<SlotId>{id});
  EXPECT_EQ(ledger_.account(account_).ended[static_cast<int>(Reason::kDisposed)], 1);
  EXPECT_EQ(ledger_.peak_bytes(), 100);
  ExpectEmpty();
}

TEST_F(LedgerTest, SlotsAreUsedAgain) {
  for (int i = 0; i < 100000; i++) {
    const SlotId id = Add(1);
    ledger_.End(id, Reason::kDisposed);
    Drain();
  }
  EXPECT_EQ(ledger_.end(), 1U);
  ExpectEmpty();
  for (int i = 0; i < 5000; i++) Add(1);
  EXPECT_EQ(ledger_.end(), 5000U) << "one that is in use again is not counted as free";
}

TEST_F(LedgerTest, SurveysAgesAndKinds) {
  constexpr uint32_t kStart = 0xfffff0;  // near the end of what a slot can tell
  const uint32_t other_kind = AddKind("other");
  const auto expect = [this](const std::vector<int64_t>& oldest, const std::vector<int64_t>& bytes) {
    const Ledger::Survey survey = ledger_.TakeSurvey();
    EXPECT_EQ(survey.oldest, oldest);
    EXPECT_EQ(survey.bytes, bytes);
  };
  expect({-1, -1}, {0, 0});
  ledger_.SetTime(kStart);
  const SlotId first = Add(1);
  ledger_.SetTime(kStart + 100);
  Add(2);
  ASSERT_TRUE(ledger_.Reserve(1));
  const SlotId third = ledger_.Add(other_kind, 0x1000, 4, kNoSlot);
  ledger_.SetTime(kStart + 1000);
  expect({1000, 900}, {3, 4});
  for (const SlotId id : {first, third}) ledger_.End(id, Reason::kDisposed);
  expect({1000, 900}, {3, 4});  // not freed yet
  Drain();
  expect({900, -1}, {2, 0});
}

TEST_F(LedgerTest, AHoldDelays) {
  const SlotId id = Add(10);
  ledger_.Hold(id);
  ledger_.Hold(id);
  ledger_.End(id, Reason::kCollected);
  EXPECT_TRUE(Drain().empty());
  ledger_.Unhold(id);
  EXPECT_TRUE(Drain().empty());
  ledger_.Unhold(id);
  EXPECT_EQ(Drain().size(), 1U);
  ExpectEmpty();
}

TEST_F(LedgerTest, AHoldThatEndsBeforeThePointerDoesNothing) {
  const SlotId id = Add(10);
  ledger_.Hold(id);
  ledger_.Unhold(id);
  EXPECT_FALSE(ledger_.HasReady());
  EXPECT_EQ(ledger_.at(id).state, SlotState::kLive);
  ledger_.End(id, Reason::kDisposed);
  EXPECT_EQ(Drain().size(), 1U);
}

TEST_F(LedgerTest, ChildrenComeBeforeTheirParent) {
  const SlotId parent = Add(1);
  const SlotId first = Add(1, parent);
  const SlotId second = Add(1, parent);
  ledger_.End(parent, Reason::kCollected);
  ledger_.End(second, Reason::kCollected);
  ledger_.End(first, Reason::kCollected);
  EXPECT_EQ(Drain(), (std::vector<SlotId>{second, first, parent}));
  ExpectEmpty();
}

TEST_F(LedgerTest, AChildOfADeadParentThatIsStillHeld) {
  const SlotId parent = Add(1);
  const SlotId child = Add(1, parent);
  ledger_.End(parent, Reason::kCollected);
  const SlotId late = Add(1, parent);
  ledger_.End(child, Reason::kDisposed);
  EXPECT_EQ(Drain(), std::vector<SlotId>{child});
  ledger_.End(late, Reason::kDisposed);
  EXPECT_EQ(Drain(), (std::vector<SlotId>{late, parent}));
  ExpectEmpty();
}

TEST_F(LedgerTest, AChainOfAMillion) {
  std::vector<SlotId> chain{Add(1)};
  for (int i = 1; i < 1000000; i++) chain.push_back(Add(1, chain.back()));
  for (const SlotId id : chain) ledger_.End(id, Reason::kCollected);
  const std::vector<SlotId> freed = Drain();
  EXPECT_EQ(freed, std::vector<SlotId>(chain.rbegin(), chain.rend()));
  ExpectEmpty();
}

TEST_F(LedgerTest, GivingAwayReturnsTheChargeAndLetsGoOfTheParent) {
  const SlotId parent = Add(1);
  const SlotId child = Add(5, parent);
  ledger_.End(parent, Reason::kDisposed);
  ledger_.GiveAway(child, Reason::kReleased);
  EXPECT_EQ(ledger_.bytes(), 1);
  EXPECT_EQ(ledger_.account(account_).ended[static_cast<int>(Reason::kReleased)], 1);
  EXPECT_EQ(Drain(), std::vector<SlotId>{parent});
  ExpectEmpty();
}

TEST_F(LedgerTest, APointerThatNeverHadASlot) {
  ledger_.Pass(kind_, 100, Reason::kDisposed);
  const Account& account = ledger_.account(account_);
  EXPECT_EQ(account.tracked, 1);
  EXPECT_EQ(account.charged_bytes, 100);
  EXPECT_EQ(account.peak_bytes, 100);
  EXPECT_EQ(ledger_.peak_bytes(), 100);
  EXPECT_EQ(ledger_.end(), 0U);
  ExpectEmpty();
}

TEST_F(LedgerTest, ResizingTheLiveAndTheDead) {
  const SlotId id = Add(100);
  ledger_.Resize(id, 1000);
  EXPECT_EQ(ledger_.bytes(), 1000);
  ledger_.Resize(id, 1);
  EXPECT_EQ(ledger_.bytes(), 1);
  EXPECT_EQ(ledger_.account(account_).charged_bytes, 1000);
  ledger_.Hold(id);
  ledger_.End(id, Reason::kDisposed);
  ledger_.Resize(id, 7);
  EXPECT_EQ(ledger_.dead_bytes(), 7);
  ledger_.Unhold(id);
  Drain();
  ExpectEmpty();
}

TEST_F(LedgerTest, ChargesByHand) {
  EXPECT_FALSE(ledger_.ChargeByHand(-1));
  EXPECT_TRUE(ledger_.ChargeByHand(100));
  EXPECT_FALSE(ledger_.ChargeByHand(-101));
  EXPECT_EQ(ledger_.manual(), 100);
  EXPECT_EQ(ledger_.peak_bytes(), 100);
  EXPECT_TRUE(ledger_.ChargeByHand(-100));
  EXPECT_FALSE(ledger_.ChargeByHand(-kMaxBytes));
  EXPECT_EQ(ledger_.manual(), 0);
}

TEST_F(LedgerTest, ThePeakOfWhatOnlyPassesStandsOnWhatIsOutside) {
  ledger_.SetOutside(1000);
  ledger_.Pass(kind_, 500, Reason::kDisposed);
  EXPECT_EQ(ledger_.peak_bytes(), 1500);
}

TEST_F(LedgerTest, NothingPassesTheMaximum) {
  EXPECT_TRUE(ledger_.CanCharge(kMaxBytes));
  EXPECT_FALSE(ledger_.CanCharge(kMaxBytes + 1));
  const SlotId id = Add(kMaxBytes - 10);
  EXPECT_TRUE(ledger_.CanCharge(10));
  EXPECT_FALSE(ledger_.CanCharge(11));
  EXPECT_FALSE(ledger_.CanCharge(kMaxBytes));
  EXPECT_TRUE(ledger_.CanCharge(-kMaxBytes)) << "a size that shrinks";
  EXPECT_FALSE(ledger_.ChargeByHand(11));
  EXPECT_TRUE(ledger_.ChargeByHand(10));
  EXPECT_FALSE(ledger_.CanCharge(1));
  EXPECT_EQ(ledger_.bytes() + ledger_.manual(), kMaxBytes);
  EXPECT_TRUE(ledger_.ChargeByHand(-10));
  ledger_.End(id, Reason::kDisposed);
  Drain();
  ExpectEmpty();
}

TEST_F(LedgerTest, WhatWasEverChargedDoesNotOverflow) {
  for (int i = 0; i < 2000; i++) ledger_.Pass(kind_, kMaxBytes, Reason::kDisposed);
  EXPECT_EQ(ledger_.account(account_).charged_bytes, INT64_MAX);
  EXPECT_EQ(ledger_.account(account_).tracked, 2000);
  ExpectEmpty();
}

TEST_F(LedgerTest, ReserveFailsWithoutMemoryAndChangesNothing) {
  const SlotId first = Add(1);
  for (int allowed = 0; allowed < 4; allowed++) {
    allocations_left = allowed;
    EXPECT_FALSE(ledger_.Reserve(1000000)) << "after " << allowed << " allocations";
    EXPECT_EQ(ledger_.end(), 1U);
    EXPECT_EQ(ledger_.bytes(), 1);
  }
  allocations_left = 0;
  EXPECT_TRUE(ledger_.Reserve(100)) << "of the chunk that there is";
  allocations_left = -1;
  EXPECT_TRUE(ledger_.Reserve(1000000));
  allocations_left = 0;
  std::vector<SlotId> ids{first};
  for (int i = 0; i < 1000000; i++) ids.push_back(ledger_.Add(kind_, 1, 1, kNoSlot));
  EXPECT_EQ(ledger_.bytes(), 1000001);
  for (const SlotId id : ids) ledger_.End(id, Reason::kCollected);
  EXPECT_EQ(Drain().size(), ids.size()) << "freeing needs no memory";
  ExpectEmpty();
}

TEST_F(LedgerTest, AccountsAndKindsFailWithoutMemory) {
  allocations_left = 0;
  EXPECT_EQ(ledger_.AddKind("more"), -1);
  int64_t kind = 0;
  for (int i = 0; i < 1000 && kind >= 0; i++) kind = ledger_.AddKind("account");
  EXPECT_EQ(kind, -1);
  for (int allowed = 0; allowed < 1000; allowed++) {
    allocations_left = allowed;
    ledger_.AddKind(std::to_string(allowed));
  }
  allocations_left = -1;
  EXPECT_GE(ledger_.AddKind("again"), 0);
  EXPECT_GE(ledger_.AddKind("account"), 0);
}

TEST_F(LedgerTest, KindsOfALabelHaveOneAccount) {
  const uint32_t second = AddKind("account");
  const uint32_t other = AddKind("other");
  EXPECT_NE(second, kind_);
  EXPECT_EQ(ledger_.account_index_of(second), account_);
  EXPECT_NE(ledger_.account_index_of(other), account_);
}

TEST_F(LedgerTest, AKindIsUnusedOnceItHasNoPointers) {
  const SlotId id = Add(10);
  ledger_.DropKind(kind_);
  EXPECT_EQ(ledger_.NextUnused(), kNoKind);
  ledger_.End(id, Reason::kDisposed);
  EXPECT_EQ(ledger_.NextUnused(), kNoKind) << "the memory still exists";
  Drain();
  EXPECT_EQ(ledger_.NextUnused(), kind_);
  EXPECT_EQ(ledger_.NextUnused(), kNoKind);
  ledger_.RemoveKind(kind_);
  EXPECT_EQ(AddKind("another"), kind_);
  EXPECT_NE(ledger_.account_index_of(kind_), account_);
}

TEST_F(LedgerTest, AKindThatIsBookedAfterItWasDroppedIsUsed) {
  ledger_.DropKind(kind_);
  const SlotId id = Add(10);
  EXPECT_EQ(ledger_.NextUnused(), kNoKind);
  ledger_.End(id, Reason::kDisposed);
  Drain();
  EXPECT_EQ(ledger_.NextUnused(), kind_);
}

TEST_F(LedgerTest, NothingIsKeptForLabelsThatNobodyUses) {
  constexpr int kLabels = 100000;
  for (int i = 0; i < kLabels; i++) {
    const auto kind = static_cast<uint32_t>(ledger_.AddKind(std::to_string(i)));
    ledger_.Pass(kind, 2, Reason::kDisposed);
    ledger_.DropKind(kind);
    ASSERT_EQ(ledger_.NextUnused(), kind);
    ledger_.RemoveKind(kind);
  }
  EXPECT_EQ(ledger_.kinds(), 2U);
  EXPECT_EQ(ledger_.accounts(), 1024U + 2) << "the idle, the one in use, and the one that was new";
  EXPECT_EQ(ledger_.figures().tracked, kLabels);
  EXPECT_EQ(ledger_.figures().ended[static_cast<int>(Reason::kDisposed)], kLabels);
  EXPECT_EQ(ledger_.charged_bytes(), 2 * kLabels);
  const uint32_t again = AddKind("99999");
  EXPECT_EQ(ledger_.account_of(again).tracked, 1) << "of the idle it is the latest";
  EXPECT_EQ(ledger_.account_of(AddKind("0")).tracked, 0) << "gone long ago";
}

TEST_F(LedgerTest, ReserveCountsTheFreeOnes) {
  std::vector<SlotId> ids;
  for (int i = 0; i < 5000; i++) ids.push_back(Add(1));
  for (const SlotId id : ids) ledger_.End(id, Reason::kDisposed);
  Drain();
  allocations_left = 0;
  EXPECT_TRUE(ledger_.Reserve(5000));
  for (int i = 0; i < 5000; i++) ids[static_cast<size_t>(i)] = ledger_.Add(kind_, 1, 1, kNoSlot);
  EXPECT_LE(ledger_.end(), 5000U);
  EXPECT_EQ(std::set<SlotId>(ids.begin(), ids.end()).size(), 5000U);
}

TEST_F(LedgerTest, WhatViewsHoldIsDeadButMayBeLetGo) {
  const SlotId id = Add(100);
  ledger_.HoldForViews(id);
  EXPECT_EQ(ledger_.viewed_dead_bytes(), 0);
  ledger_.End(id, Reason::kDisposed);
  EXPECT_EQ(ledger_.viewed_dead_bytes(), 100);
  ledger_.Resize(id, 70);
  EXPECT_EQ(ledger_.viewed_dead_bytes(), 70);
  EXPECT_TRUE(Drain().empty());
  ledger_.UnholdForViews(id);
  EXPECT_EQ(ledger_.viewed_dead_bytes(), 0);
  EXPECT_EQ(Drain(), std::vector<SlotId>{id});
  ExpectEmpty();
}

TEST_F(LedgerTest, ViewsThatEndBeforeThePointerDelayNothing) {
  const SlotId id = Add(100);
  ledger_.HoldForViews(id);
  ledger_.UnholdForViews(id);
  ledger_.HoldForViews(id);
  ledger_.UnholdForViews(id);
  ledger_.End(id, Reason::kDisposed);
  EXPECT_EQ(Drain(), std::vector<SlotId>{id});
  ExpectEmpty();
}

TEST_F(LedgerTest, WhatViewsHoldAtTheEndStaysWithItsParent) {
  const SlotId parent = Add(10);
  const SlotId child = Add(20, parent);
  const SlotId other = Add(30);
  ledger_.HoldForViews(child);
  ledger_.Hold(child);
  ledger_.Hold(other);
  for (const SlotId id : {parent, child, other}) ledger_.End(id, Reason::kTornDown);
  ledger_.DropCallHolds();
  EXPECT_EQ(Drain(), std::vector<SlotId>{other});
  EXPECT_EQ(ledger_.at(child).state, SlotState::kEnded);
  EXPECT_EQ(ledger_.at(parent).state, SlotState::kEnded);
}

TEST_F(LedgerTest, AHoldOnWhatIsReadyAlready) {
  const SlotId first = Add(1);
  const SlotId second = Add(1);
  ledger_.End(first, Reason::kDisposed);
  ledger_.End(second, Reason::kDisposed);
  ledger_.Hold(first);
  EXPECT_EQ(Drain(), std::vector<SlotId>{second});
  ledger_.Unhold(first);
  EXPECT_EQ(Drain(), std::vector<SlotId>{first});
  ExpectEmpty();
}

TEST_F(LedgerTest, WhatIsGivenToCComesBackOrGoes) {
  const SlotId id = Add(10);
  ledger_.Give(id);
  EXPECT_EQ(ledger_.bytes(), 10);
  ledger_.TakeBack(id);
  ledger_.Give(id);
  ledger_.GiveAway(id, Reason::kReleased);
  EXPECT_TRUE(Drain().empty());
  ExpectEmpty();
}

TEST_F(LedgerTest, WhatCouldNotBeFreedWaitsAndKeepsItsParent) {
  const SlotId parent = Add(1);
  const SlotId child = Add(2, parent);
  for (const SlotId id : {parent, child}) ledger_.End(id, Reason::kCollected);
  for (int i = 1; i <= 2; i++) {
    ASSERT_EQ(ledger_.NextReady(), child);
    ledger_.PutOff(child);
    EXPECT_EQ(ledger_.account(account_).failed, i);
    EXPECT_TRUE(Drain().empty());
    EXPECT_EQ(ledger_.dead_bytes(), 3);
    EXPECT_EQ(ledger_.ready_bytes(), 0);
    if (i == 1) ledger_.Unhold(child);
  }
  ledger_.DropCallHolds();
  EXPECT_EQ(Drain(), (std::vector<SlotId>{child, parent}));
  ExpectEmpty();
}

TEST_F(LedgerTest, DroppingTheHoldsOfCallsKeepsTheOrder) {
  const SlotId parent = Add(1);
  const SlotId child = Add(1, parent);
  const SlotId grandchild = Add(1, child);
  for (const SlotId id : {parent, child, grandchild}) {
    ledger_.Hold(id);
    ledger_.Hold(id);
    ledger_.End(id, Reason::kTornDown);
  }
  EXPECT_TRUE(Drain().empty());
  ledger_.DropCallHolds();
  EXPECT_EQ(Drain(), (std::vector<SlotId>{grandchild, child, parent}));
  ExpectEmpty();
}

TEST_F(LedgerTest, SeveralParentsAreFreedAfterTheirChild) {
  const SlotId first = Add(1);
  const SlotId second = Add(1);
  const SlotId third = Add(1);
  const SlotId child = Add(1, first);
  EXPECT_TRUE(ledger_.AddParent(child, second));
  EXPECT_TRUE(ledger_.AddParent(child, third));
  EXPECT_TRUE(ledger_.AddParent(child, third));
  EXPECT_TRUE(ledger_.DependsOn(child, second));
  EXPECT_FALSE(ledger_.DependsOn(second, child));
  EXPECT_FALSE(ledger_.HasEndedParent(child));
  for (const SlotId id : {first, second, third}) ledger_.End(id, Reason::kDisposed);
  EXPECT_TRUE(Drain().empty());
  EXPECT_TRUE(ledger_.HasEndedParent(child));
  ledger_.RemoveParent(child, third);
  ledger_.RemoveParent(child, first);
  EXPECT_EQ(Drain(), std::vector<SlotId>{first});
  ledger_.End(child, Reason::kDisposed);
  EXPECT_EQ(Drain().front(), child);
  ExpectEmpty();
}

TEST_F(LedgerTest, FindsDependentsInAnOrderInWhichParentsComeFirst) {
  const SlotId gone = Add(1);
  const SlotId parent = Add(1);
  ledger_.End(gone, Reason::kDisposed);
  Drain();
  const SlotId child = Add(1, parent);  // in the slot of the one that is gone, before its parent
  const SlotId grandchild = Add(1, child);
  const SlotId other = Add(1);
  EXPECT_TRUE(ledger_.AddParent(other, grandchild));
  Add(1);
  FallibleVector<SlotId> found;
  EXPECT_TRUE(ledger_.FindDependents(parent, &found));
  EXPECT_EQ(std::vector<SlotId>(found.begin(), found.end()), (std::vector<SlotId>{child, grandchild, other}));
  allocations_left = 0;
  FallibleVector<SlotId> none;
  EXPECT_FALSE(ledger_.FindDependents(parent, &none));
}

TEST_F(LedgerTest, DroppingTheHoldsOfCallsKeepsTheOrderOfSeveralParents) {
  const SlotId first = Add(1);
  const SlotId second = Add(1);
  const SlotId child = Add(1, first);
  EXPECT_TRUE(ledger_.AddParent(child, second));
  for (const SlotId id : {first, second, child}) {
    ledger_.Hold(id);
    ledger_.End(id, Reason::kTornDown);
  }
  ledger_.DropCallHolds();
  EXPECT_EQ(Drain().front(), child);
  ExpectEmpty();
}

TEST_F(LedgerTest, ASecondParentWithoutMemory) {
  const SlotId first = Add(1);
  const SlotId second = Add(1);
  const SlotId child = Add(1, first);
  allocations_left = 0;
  EXPECT_FALSE(ledger_.AddParent(child, second));
  allocations_left = -1;
  ledger_.End(second, Reason::kDisposed);
  EXPECT_EQ(Drain(), std::vector<SlotId>{second});
  ledger_.End(child, Reason::kDisposed);
  ledger_.End(first, Reason::kDisposed);
  EXPECT_EQ(Drain(), (std::vector<SlotId>{child, first}));
  ExpectEmpty();
}

// ---- Random operations against a model ----

TEST(LedgerModelTest, RandomPrograms) {
  for (uint32_t seed = 1; seed <= 300; seed++) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    LedgerModel model(
        [&random](int limit) { return std::uniform_int_distribution<int>(0, limit - 1)(random); });
    for (int i = 0; i < 400; i++) {
      model.Step();
      model.Check();
      if (::testing::Test::HasFatalFailure()) return;
    }
    model.Finish();
    if (::testing::Test::HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace tally
