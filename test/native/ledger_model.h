// Random programs for the ledger, and a model as simple as can be that says what must come of them: every
// pointer exactly once, children before parents, every figure right, nothing kept for what nobody uses. Who
// chooses what the programs do is told by `choose`: a random generator in ledger_test.cc, libFuzzer in
// fuzz/ledger_fuzz.cc.

#ifndef FFI_TALLY_TEST_LEDGER_MODEL_H_
#define FFI_TALLY_TEST_LEDGER_MODEL_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "books/ledger.h"

namespace tally {

struct ModelNode {
  int64_t size = 0;
  uint32_t kind = 0;
  std::vector<SlotId> parents;
  int holds = 0;  // without those of children
  int children = 0;
  bool live = true;
  bool given = false;  // to a C call that is under way
  Reason reason = Reason::kDisposed;
};

struct ModelKind {
  std::string label;
  uint32_t live = 0;
  bool dropped = false;
};

// `count` is by Reason.
struct ModelAccount {
  int64_t count[kReasons] = {};
  int64_t charged = 0;
};

class LedgerModel {
 public:
  static constexpr int kMostChoices = 1000000;

  // `choose` returns a number from zero to less than the one it is given, which is at most kMostChoices.
  explicit LedgerModel(std::function<int(int)> choose) : choose_(std::move(choose)) {
    for (int i = 0; i < 6; i++) AddKind("account " + std::to_string(i % 3));
  }

  void Step() {
    switch (Below(18)) {
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
      case 12:
        return AddKind("account " + std::to_string(Below(8)));
      case 13:
        return DropKind();
      case 14:
        return RemoveUnused();
      case 15:
        return AddParent();
      case 16:
        return RemoveParent();
      default:
        return Settle(Below(8));
    }
  }

  void Check() {
    int64_t bytes = 0;
    int64_t dead_bytes = 0;
    int64_t ready_bytes = 0;
    int64_t dead = 0;
    std::map<std::string, int64_t> account_bytes;
    std::map<std::string, int64_t> account_pointers;
    for (const auto& [id, node] : nodes_) {
      bytes += node.size;
      account_bytes[kinds_[node.kind].label] += node.size;
      account_pointers[kinds_[node.kind].label]++;
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
    size_t accounts = 0;
    for (uint32_t i = 0; i < ledger_.accounts(); i++) {
      const Account& account = ledger_.account(i);
      if (account.is_free) continue;
      accounts++;
      const std::string label(account.label.text());
      const auto found = accounts_.find(label);
      ASSERT_NE(found, accounts_.end()) << label << " is kept";
      ASSERT_EQ(account.bytes, account_bytes[label]);
      ASSERT_EQ(account.pointers, account_pointers[label]);
      ASSERT_EQ(account.charged_bytes, found->second.charged);
      int64_t ended = 0;
      for (int reason = 0; reason < kReasons; reason++) {
        ASSERT_EQ(account.ended[reason], found->second.count[reason]);
        ended += account.ended[reason];
      }
      ASSERT_EQ(account.tracked, ended + account.pointers);
    }
    ASSERT_EQ(accounts, accounts_.size()) << "one is missing, or there twice";
    for (int reason = 0; reason < kReasons; reason++) {
      ASSERT_EQ(ledger_.figures().ended[reason], ever_.count[reason]);
    }
    ASSERT_EQ(ledger_.charged_bytes(), ever_.charged);
    for (const auto& [number, kind] : kinds_) {
      ASSERT_EQ(ledger_.live_of(number), kind.live);
      ASSERT_EQ(ledger_.account_of(number).label.text(), kind.label);
    }
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
    for (auto& [number, kind] : kinds_) {
      if (!std::exchange(kind.dropped, true)) ledger_.DropKind(number);
    }
    RemoveUnused();
    ASSERT_TRUE(kinds_.empty());
    ASSERT_LE(accounts_.size(), kIdleAccounts);
    Check();
  }

 private:
  static constexpr uint32_t kIdleAccounts = 2;

  int Below(int limit) { return choose_(limit); }

  void AddKind(const std::string& label) {
    const auto number = static_cast<uint32_t>(ledger_.AddKind(label));
    ASSERT_TRUE(kinds_.emplace(number, ModelKind{label}).second) << "kind " << number << " is in use";
    accounts_[label];
    idle_.erase(std::remove(idle_.begin(), idle_.end(), label), idle_.end());
  }

  // Any kind; the end where there is none.
  std::map<uint32_t, ModelKind>::iterator PickKind() {
    if (kinds_.empty()) return kinds_.end();
    return std::next(kinds_.begin(), Below(static_cast<int>(kinds_.size())));
  }

  void DropKind() {
    const auto found = PickKind();
    if (found == kinds_.end() || found->second.dropped) return;
    found->second.dropped = true;
    ledger_.DropKind(found->first);
  }

  void RemoveUnused() {
    for (uint32_t number = ledger_.NextUnused(); number != kNoKind; number = ledger_.NextUnused()) {
      const auto found = kinds_.find(number);
      ASSERT_NE(found, kinds_.end());
      ASSERT_TRUE(found->second.dropped && found->second.live == 0) << "kind " << number << " is needed";
      const std::string label = found->second.label;
      kinds_.erase(found);
      ledger_.RemoveKind(number);
      const auto has_label = [&](const auto& kind) { return kind.second.label == label; };
      if (std::any_of(kinds_.begin(), kinds_.end(), has_label)) continue;
      idle_.push_back(label);
      if (idle_.size() <= kIdleAccounts) continue;
      accounts_.erase(idle_.front());
      idle_.erase(idle_.begin());
    }
    for (const auto& [number, kind] : kinds_) {
      ASSERT_TRUE(!kind.dropped || kind.live > 0) << "kind " << number << " is forgotten";
    }
  }

  void NoteCharge(uint32_t kind, int64_t delta) {
    if (delta <= 0) return;
    accounts_[kinds_[kind].label].charged += delta;
    ever_.charged += delta;
  }

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
    const auto kind = PickKind();  // a dropped one, too: its pointer was made before
    if (kind == kinds_.end()) return;
    node.kind = kind->first;
    if (Below(2) == 0) {
      const auto parent = Pick([](const ModelNode& it) { return it.live && !it.given; });
      if (parent != nodes_.end()) {
        node.parents.push_back(parent->first);
        parent->second.children++;
      }
    }
    if (!CanCharge(node.size)) {
      ASSERT_FALSE(ledger_.CanCharge(node.size));
      for (const SlotId parent : node.parents) nodes_[parent].children--;
      return;
    }
    ASSERT_TRUE(ledger_.CanCharge(node.size));
    ASSERT_TRUE(ledger_.Reserve(1));
    const SlotId parent = node.parents.empty() ? kNoSlot : node.parents[0];
    const SlotId id = ledger_.Add(node.kind, 0x1000U + node.kind, node.size, parent);
    ASSERT_TRUE(nodes_.emplace(id, node).second) << "slot " << id << " is in use";
    kind->second.live++;
    NoteCharge(node.kind, node.size);
  }

  bool DependsOn(SlotId id, SlotId other) const {
    const std::vector<SlotId>& parents = nodes_.at(id).parents;
    return id == other || std::any_of(parents.begin(), parents.end(),
                                      [&](SlotId parent) { return DependsOn(parent, other); });
  }

  void AddParent() {
    const auto found = Pick([](const ModelNode& it) { return it.live && !it.given; });
    const auto parent = Pick([](const ModelNode& it) { return it.live && !it.given; });
    if (found == nodes_.end() || parent == nodes_.end()) return;
    const bool depends = DependsOn(parent->first, found->first);
    ASSERT_EQ(ledger_.DependsOn(parent->first, found->first), depends);
    if (depends) return;
    ASSERT_TRUE(ledger_.AddParent(found->first, parent->first));
    found->second.parents.push_back(parent->first);
    parent->second.children++;
    ASSERT_TRUE(ledger_.HasParent(found->first));
  }

  void RemoveParent() {
    const auto found = Pick([](const ModelNode& it) { return it.live && !it.parents.empty(); });
    if (found == nodes_.end()) return;
    std::vector<SlotId>& parents = found->second.parents;
    const auto which = parents.begin() + Below(static_cast<int>(parents.size()));
    const SlotId parent = *which;
    parents.erase(which);
    nodes_[parent].children--;
    ledger_.RemoveParent(found->first, parent);
    ASSERT_EQ(ledger_.HasParent(found->first), !parents.empty());
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
    NoteCharge(found->second.kind, size - found->second.size);
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
      if (limit < INT32_MAX && Below(4) == 0) {
        ledger_.PutOff(id);
        found->second.holds++;
        continue;
      }
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
    for (const SlotId parent : node.parents) nodes_[parent].children--;
    ModelKind& kind = kinds_[node.kind];
    kind.live--;
    accounts_[kind.label].count[static_cast<int>(node.reason)]++;
    ever_.count[static_cast<int>(node.reason)]++;
    nodes_.erase(found);
  }

  std::function<int(int)> choose_;
  Ledger ledger_{kIdleAccounts};
  std::map<SlotId, ModelNode> nodes_;
  std::map<uint32_t, ModelKind> kinds_;
  std::map<std::string, ModelAccount> accounts_;
  std::vector<std::string> idle_;  // labels of accounts without kinds, the oldest first
  ModelAccount ever_;
  int64_t manual_ = 0;
  int64_t peak_ = 0;
};

}  // namespace tally

#endif  // FFI_TALLY_TEST_LEDGER_MODEL_H_
