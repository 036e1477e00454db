#include "ledger.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <new>
#include <random>
#include <set>
#include <string>
#include <vector>

// ---- Allocation failure: the ledger asks with nothrow, and nobody else here does ----

namespace {

// How many allocations with nothrow still succeed; below zero all do.
int allocations_left = -1;

bool AllocationFails() {
  if (allocations_left < 0) return false;
  if (allocations_left == 0) return true;
  allocations_left--;
  return false;
}

}  // namespace

void* operator new(size_t size, const std::nothrow_t&) noexcept {
  return AllocationFails() ? nullptr : ::operator new(size);
}
void* operator new[](size_t size, const std::nothrow_t&) noexcept {
  return AllocationFails() ? nullptr : ::operator new[](size);
}

namespace tally {
namespace {

class LedgerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    account_ = static_cast<uint32_t>(ledger_.AddAccount("account"));
    kind_ = static_cast<uint32_t>(ledger_.AddKind(account_));
  }
  void TearDown() override { allocations_left = -1; }

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
  int64_t account = 0;
  for (int i = 0; i < 1000 && account >= 0; i++) account = ledger_.AddAccount("more");
  EXPECT_EQ(account, -1);
  int64_t kind = 0;
  for (int i = 0; i < 1000 && kind >= 0; i++) kind = ledger_.AddKind(account_);
  EXPECT_EQ(kind, -1);
  allocations_left = -1;
  EXPECT_GE(ledger_.AddAccount("again"), 0);
  EXPECT_GE(ledger_.AddKind(account_), 0);
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

// ---- Random operations against a model that is as simple as can be ----

struct Node {
  int64_t size = 0;
  uint32_t kind = 0;
  SlotId parent = kNoSlot;
  int holds = 0;  // without those of children
  int children = 0;
  bool live = true;
  bool given = false;  // to a C call that is under way
  Reason reason = Reason::kDisposed;
};

class Model {
 public:
  explicit Model(uint32_t seed) : random_(seed) {
    for (int i = 0; i < 3; i++) {
      const auto account = static_cast<uint32_t>(ledger_.AddAccount("account " + std::to_string(i)));
      ended_.emplace_back();
      for (int j = 0; j < 2; j++) {
        ledger_.AddKind(account);
        account_of_kind_.push_back(account);
      }
    }
  }

  void Step() {
    switch (Below(13)) {
      case 0:
      case 1:
      case 2:
      case 3:
        return Add();
      case 4:
      case 5:
        return End(Below(2) == 0 ? Reason::kDisposed : Reason::kCollected);
      case 6:
        return Hold();
      case 7:
        return Unhold();
      case 8:
        return Resize();
      case 9:
        return GiveAway();
      case 10:
        return ByHand();
      case 11:
        return Give();
      default:
        return Settle(Below(8));
    }
  }

  void Check() {
    int64_t bytes = 0;
    int64_t dead_bytes = 0;
    int64_t dead = 0;
    std::vector<int64_t> account_bytes(ended_.size());
    std::vector<int64_t> account_pointers(ended_.size());
    std::vector<uint32_t> live(account_of_kind_.size());
    for (const auto& [id, node] : nodes_) {
      bytes += node.size;
      account_bytes[account_of_kind_[node.kind]] += node.size;
      account_pointers[account_of_kind_[node.kind]]++;
      live[node.kind]++;
      if (!node.live) {
        dead++;
        dead_bytes += node.size;
      }
      ASSERT_EQ(ledger_.at(id).size, node.size);
      ASSERT_EQ(ledger_.at(id).holds, static_cast<uint32_t>(node.holds + node.children));
    }
    peak_ = std::max(peak_, bytes + manual_);
    ASSERT_EQ(ledger_.bytes(), bytes);
    ASSERT_EQ(ledger_.pointers(), static_cast<int64_t>(nodes_.size()));
    ASSERT_EQ(ledger_.dead_bytes(), dead_bytes);
    ASSERT_EQ(ledger_.dead_pointers(), dead);
    ASSERT_EQ(ledger_.manual(), manual_);
    ASSERT_EQ(ledger_.peak_bytes(), peak_);
    for (uint32_t i = 0; i < ended_.size(); i++) {
      const Account& account = ledger_.account(i);
      ASSERT_EQ(account.bytes, account_bytes[i]);
      ASSERT_EQ(account.pointers, account_pointers[i]);
      int64_t ended = 0;
      for (int reason = 0; reason < kReasons; reason++) {
        ASSERT_EQ(account.ended[reason], ended_[i][reason]);
        ended += account.ended[reason];
      }
      ASSERT_EQ(account.tracked, ended + account.pointers);
    }
    for (uint32_t kind = 0; kind < live.size(); kind++) ASSERT_EQ(ledger_.live_of(kind), live[kind]);
  }

  void Finish() {
    const bool drop_holds = Below(2) == 0;
    for (auto& [id, node] : nodes_) {
      if (node.given) ledger_.TakeBack(id);
      for (; !drop_holds && node.holds > 0; node.holds--) ledger_.Unhold(id);
      if (!node.live) continue;
      node.live = false;
      node.reason = Reason::kTornDown;
      ledger_.End(id, Reason::kTornDown);
    }
    if (drop_holds) {
      Settle(INT32_MAX);
      ledger_.DropCallHolds();
      for (auto& [id, node] : nodes_) node.holds = 0;
    }
    Settle(INT32_MAX);
    ASSERT_TRUE(nodes_.empty());
    ASSERT_TRUE(ledger_.ChargeByHand(-manual_));
    manual_ = 0;
    Check();
  }

 private:
  int Below(int limit) { return std::uniform_int_distribution<int>(0, limit - 1)(random_); }

  static bool IsFree(const Node& node) {
    return node.live && !node.given && node.holds == 0 && node.children == 0;
  }

  // Any node for which `wanted` holds; the end where there is none.
  template <typename Predicate>
  std::map<SlotId, Node>::iterator Pick(Predicate wanted) {
    if (nodes_.empty()) return nodes_.end();
    auto found = nodes_.lower_bound(static_cast<SlotId>(Below(static_cast<int>(ledger_.end()) + 1)));
    for (size_t i = 0; i < nodes_.size(); i++, ++found) {
      if (found == nodes_.end()) found = nodes_.begin();
      if (wanted(found->second)) return found;
    }
    return nodes_.end();
  }

  void Add() {
    Node node;
    node.size = Below(3) == 0 ? 0 : Below(100000);
    node.kind = static_cast<uint32_t>(Below(static_cast<int>(account_of_kind_.size())));
    if (Below(2) == 0) {
      const auto parent = Pick([](const Node& it) { return it.live && !it.given; });
      if (parent != nodes_.end()) {
        node.parent = parent->first;
        parent->second.children++;
      }
    }
    ASSERT_TRUE(ledger_.Reserve(1));
    const SlotId id = ledger_.Add(node.kind, 0x1000U + node.kind, node.size, node.parent);
    ASSERT_TRUE(nodes_.emplace(id, node).second) << "slot " << id << " is in use";
  }

  void End(Reason reason) {
    const auto found = Pick([](const Node& it) { return it.live && !it.given; });
    if (found == nodes_.end()) return;
    found->second.live = false;
    found->second.reason = reason;
    ledger_.End(found->first, reason);
  }

  void Hold() {
    // The ended, too, and those that are ready.
    const auto found = Pick([](const Node& it) { return !it.given; });
    if (found == nodes_.end()) return;
    found->second.holds++;
    ledger_.Hold(found->first);
  }

  void Unhold() {
    const auto found = Pick([](const Node& it) { return it.holds > 0; });
    if (found == nodes_.end()) return;
    found->second.holds--;
    ledger_.Unhold(found->first);
  }

  void Resize() {
    const auto found = Pick([](const Node& it) { return it.live && !it.given; });
    if (found == nodes_.end()) return;
    found->second.size = Below(1000000);
    ledger_.Resize(found->first, found->second.size);
  }

  void GiveAway() {
    const auto found = Pick(IsFree);
    if (found == nodes_.end()) return;
    found->second.reason = Reason::kReleased;
    ledger_.GiveAway(found->first, Reason::kReleased);
    Forget(found);
  }

  // C takes a pointer, and then has it or not.
  void Give() {
    const auto given = Pick([](const Node& it) { return it.given; });
    if (given != nodes_.end()) {
      given->second.given = false;
      if (Below(2) == 0) return ledger_.TakeBack(given->first);
      given->second.reason = Reason::kReleased;
      ledger_.GiveAway(given->first, Reason::kReleased);
      return Forget(given);
    }
    const auto found = Pick(IsFree);
    if (found == nodes_.end()) return;
    found->second.given = true;
    ledger_.Give(found->first);
  }

  void ByHand() {
    const int64_t delta = Below(100000) - 50000;
    const bool possible = manual_ + delta >= 0;
    ASSERT_EQ(ledger_.ChargeByHand(delta), possible);
    if (possible) manual_ += delta;
    peak_ = std::max(peak_, ledger_.bytes() + manual_);
  }

  void Settle(int limit) {
    for (int i = 0; i < limit; i++) {
      const SlotId id = ledger_.NextReady();
      if (id == kNoSlot) break;
      const auto found = nodes_.find(id);
      ASSERT_NE(found, nodes_.end()) << "slot " << id << " is ready twice";
      ASSERT_FALSE(found->second.live);
      ASSERT_EQ(found->second.holds, 0);
      ASSERT_EQ(found->second.children, 0) << "a parent before its child";
      ledger_.Settle(id, false);
      Forget(found);
    }
    if (ledger_.HasReady()) return;
    for (const auto& [id, node] : nodes_) {
      ASSERT_TRUE(node.live || node.holds > 0 || node.children > 0) << "slot " << id << " is forgotten";
    }
  }

  void Forget(std::map<SlotId, Node>::iterator found) {
    const Node& node = found->second;
    if (node.parent != kNoSlot) nodes_[node.parent].children--;
    ended_[account_of_kind_[node.kind]][static_cast<int>(node.reason)]++;
    nodes_.erase(found);
  }

  struct Ended {
    int64_t count[kReasons] = {};
    int64_t& operator[](int reason) { return count[reason]; }
  };

  Ledger ledger_;
  std::mt19937 random_;
  std::map<SlotId, Node> nodes_;
  std::vector<uint32_t> account_of_kind_;
  std::vector<Ended> ended_;
  int64_t manual_ = 0;
  int64_t peak_ = 0;
};

TEST(LedgerModelTest, RandomPrograms) {
  for (uint32_t seed = 1; seed <= 300; seed++) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Model model(seed);
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
