// Random programs for the ledger, and a model as simple as can be that says what must come of them: every
// pointer exactly once, children before parents, every figure right. Who chooses what the programs do is told
// by `choose`: a random generator in ledger_test.cc, libFuzzer in fuzz/ledger_fuzz.cc.

#ifndef FFI_TALLY_TEST_LEDGER_MODEL_H_
#define FFI_TALLY_TEST_LEDGER_MODEL_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "books/ledger.h"

namespace tally {

struct ModelNode {
  int64_t size = 0;
  uint32_t kind = 0;
  SlotId parent = kNoSlot;
  int holds = 0;  // without those of children
  int children = 0;
  bool live = true;
  bool given = false;  // to a C call that is under way
  Reason reason = Reason::kDisposed;
};

class LedgerModel {
 public:
  static constexpr int kMostChoices = 1000000;

  // `choose` returns a number from zero to less than the one it is given, which is at most kMostChoices.
  explicit LedgerModel(std::function<int(int)> choose) : choose_(std::move(choose)) {
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
    int64_t ready_bytes = 0;
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
        if (ledger_.at(id).state == SlotState::kReady) ready_bytes += node.size;
      }
      ASSERT_EQ(ledger_.at(id).size, node.size);
      ASSERT_EQ(ledger_.at(id).holds, static_cast<uint32_t>(node.holds + node.children));
    }
    peak_ = std::max(peak_, bytes + manual_);
    ASSERT_EQ(ledger_.bytes(), bytes);
    ASSERT_EQ(ledger_.pointers(), static_cast<int64_t>(nodes_.size()));
    ASSERT_EQ(ledger_.dead_bytes(), dead_bytes);
    ASSERT_EQ(ledger_.ready_bytes(), ready_bytes);
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
  int Below(int limit) { return choose_(limit); }

  // Small ones, none at all, and now and then one that leaves no room for others.
  int64_t Size() {
    switch (Below(16)) {
      case 0:
        return kMaxBytes >> Below(54);
      case 1:
      case 2:
        return 0;
      default:
        return Below(100000);
    }
  }

  bool CanCharge(int64_t bytes) const {
    int64_t total = manual_;
    for (const auto& [id, node] : nodes_) total += node.size;
    return total + bytes <= kMaxBytes;
  }

  static bool IsFree(const ModelNode& node) {
    return node.live && !node.given && node.holds == 0 && node.children == 0;
  }

  // Any node for which `wanted` holds; the end where there is none.
  template <typename Predicate>
  std::map<SlotId, ModelNode>::iterator Pick(Predicate wanted) {
    if (nodes_.empty()) return nodes_.end();
    auto found = nodes_.lower_bound(static_cast<SlotId>(Below(static_cast<int>(ledger_.end()) + 1)));
    for (size_t i = 0; i < nodes_.size(); i++, ++found) {
      if (found == nodes_.end()) found = nodes_.begin();
      if (wanted(found->second)) return found;
    }
    return nodes_.end();
  }

  void Add() {
    ModelNode node;
    node.size = Size();
    node.kind = static_cast<uint32_t>(Below(static_cast<int>(account_of_kind_.size())));
    if (Below(2) == 0) {
      const auto parent = Pick([](const ModelNode& it) { return it.live && !it.given; });
      if (parent != nodes_.end()) {
        node.parent = parent->first;
        parent->second.children++;
      }
    }
    if (!CanCharge(node.size)) {
      ASSERT_FALSE(ledger_.CanCharge(node.size));
      if (node.parent != kNoSlot) nodes_[node.parent].children--;
      return;
    }
    ASSERT_TRUE(ledger_.CanCharge(node.size));
    ASSERT_TRUE(ledger_.Reserve(1));
    const SlotId id = ledger_.Add(node.kind, 0x1000U + node.kind, node.size, node.parent);
    ASSERT_TRUE(nodes_.emplace(id, node).second) << "slot " << id << " is in use";
  }

  void End(Reason reason) {
    const auto found = Pick([](const ModelNode& it) { return it.live && !it.given; });
    if (found == nodes_.end()) return;
    found->second.live = false;
    found->second.reason = reason;
    ledger_.End(found->first, reason);
  }

  void Hold() {
    // The ended, too, and those that are ready.
    const auto found = Pick([](const ModelNode& it) { return !it.given; });
    if (found == nodes_.end()) return;
    found->second.holds++;
    ledger_.Hold(found->first);
  }

  void Unhold() {
    const auto found = Pick([](const ModelNode& it) { return it.holds > 0; });
    if (found == nodes_.end()) return;
    found->second.holds--;
    ledger_.Unhold(found->first);
  }

  void Resize() {
    const auto found = Pick([](const ModelNode& it) { return it.live && !it.given; });
    if (found == nodes_.end()) return;
    const int64_t size = Size();
    const bool possible = CanCharge(size - found->second.size);
    ASSERT_EQ(ledger_.CanCharge(size - found->second.size), possible);
    if (!possible) return;
    found->second.size = size;
    ledger_.Resize(found->first, size);
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
    const auto given = Pick([](const ModelNode& it) { return it.given; });
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
    const int64_t delta = Below(2) == 0 ? Size() : -Size();
    const bool possible = manual_ + delta >= 0 && (delta <= 0 || CanCharge(delta));
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

  void Forget(std::map<SlotId, ModelNode>::iterator found) {
    const ModelNode& node = found->second;
    if (node.parent != kNoSlot) nodes_[node.parent].children--;
    ended_[account_of_kind_[node.kind]][static_cast<int>(node.reason)]++;
    nodes_.erase(found);
  }

  struct Ended {
    int64_t count[kReasons] = {};
    int64_t& operator[](int reason) { return count[reason]; }
  };

  std::function<int(int)> choose_;
  Ledger ledger_;
  std::map<SlotId, ModelNode> nodes_;
  std::vector<uint32_t> account_of_kind_;
  std::vector<Ended> ended_;
  int64_t manual_ = 0;
  int64_t peak_ = 0;
};

}  // namespace tally

#endif  // FFI_TALLY_TEST_LEDGER_MODEL_H_
