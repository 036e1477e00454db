// The Ledger keeps the books of one Node environment: which native pointers are tracked, how many
// bytes each keeps alive, and which account carries them. Every byte charged is given back exactly
// once, whatever ends the pointer.
//
// Life of a slot:  Add -> live -> End -> ended -> (no more holds) -> NextReady -> leaving -> Settle -> free.
// A pointer that is ended keeps its charge until Settle: its memory still exists.
//
// Kinds go when nobody makes pointers of them any more and the last of these is gone. Their numbers are given
// again. An account without kinds stays for a while, to be found again and to be looked at; then it goes, and
// what it has counted stays in the figures of the ledger.
//
// Knows nothing of Node or V8, owns no native pointer and runs no destructor. Not thread-safe: use on
// the thread of its environment only.

#ifndef FFI_TALLY_BOOKS_LEDGER_H_
#define FFI_TALLY_BOOKS_LEDGER_H_

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/fallible_vector.h"
#include "books/share.h"

namespace tally {

using SlotId = uint32_t;
constexpr SlotId kNoSlot = UINT32_MAX;
constexpr uint32_t kNoKind = UINT32_MAX;

// The largest count of bytes that JavaScript can name exactly.
constexpr int64_t kMaxBytes = (int64_t{1} << 53) - 1;

// kGiven: a C call that takes the pointer is under way, and nobody else may free it.
// kLeaving: its destructor runs, or is about to.
enum class SlotState : uint8_t { kFree, kLive, kGiven, kEnded, kReady, kLeaving };
// kInBatch: watched by way of a Batch (collector.h).
enum class Generation : uint8_t { kInBatch, kYoung, kMiddle, kOld };

struct Slot {
  uint64_t address = 0;
  int64_t size = 0;
  union {
    void* reference = nullptr;  // live and given: the collector's weak reference, or its batch
    SlotId next;                // ready and free: the next in the queue or list
  };
  uint32_t kind = 0;
  SlotId parent = kNoSlot;   // or, of several, where the list of them begins
  uint32_t holds : 31;       // children and calls that need the memory
  uint32_t has_several : 1;  // parents
  SlotState state : 3;
  Generation generation : 2;
  Reason reason : 2;
  bool viewed : 1;       // one of the holds is that of its views (env/views.h)
  uint8_t born[3] = {};  // when it was booked: the lowest bits of the ledger's time

  Slot()
      : holds(0),
        has_several(false),
        state(SlotState::kFree),
        generation(Generation::kYoung),
        reason(Reason::kDisposed),
        viewed(false) {}
};
static_assert(sizeof(void*) > 8 || sizeof(Slot) <= 40, "there may be millions of them");

// Of an account: a string that says when there is no memory.
class Label {
 public:
  // Returns false, and changes nothing, without memory.
  bool Set(std::string_view text);
  std::string_view text() const { return {text_.get(), length_}; }

 private:
  std::unique_ptr<char[]> text_;
  size_t length_ = 0;
};

struct Account {
  static constexpr uint32_t kNone = UINT32_MAX;

  Label label;
  int64_t bytes = 0;
  int64_t pointers = 0;
  int64_t peak_bytes = 0;
  int64_t charged_bytes = 0;  // ever
  int64_t tracked = 0;        // pointers ever
  int64_t ended[kReasons] = {};
  int64_t failed = 0;      // destructors that threw
  uint32_t kinds = 0;      // whose pointers are charged to it
  uint32_t next = kNone;   // of those whose labels have the same hash, or of those that are free
  uint32_t older = kNone;  // of those without kinds
  uint32_t newer = kNone;
  bool is_free = false;
};

class Ledger {
 public:
  // `idle_accounts`: so many accounts without kinds stay.
  explicit Ledger(uint32_t idle_accounts = 1024) : most_idle_accounts_(idle_accounts) {}
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  // A kind is what pointers have in common: their account (and, elsewhere, their destructor).
  // Returns the number of a new one, of the account with that label; -1 without memory.
  int64_t AddKind(std::string_view label);

  // Nobody refers to the kind any more. Once it has no pointers, NextUnused will return it.
  void DropKind(uint32_t kind);
  // A kind that was dropped and has no pointers; kNoKind for none. Each is returned once, so RemoveKind or
  // DropKind follows.
  uint32_t NextUnused();
  // The number may be given again. REQUIRES: the kind has no pointers.
  void RemoveKind(uint32_t kind);

  // Whether `bytes` more can be carried without passing kMaxBytes.
  bool CanCharge(int64_t bytes) const { return bytes <= kMaxBytes - total(); }

  // Makes room for `count` more slots; false without memory.
  bool Reserve(uint32_t count);

  // Books a live pointer. REQUIRES: room by Reserve, CanCharge(size), size >= 0, and `parent` is
  // kNoSlot or a slot that is not free. The parent is held until the child is settled.
  SlotId Add(uint32_t kind, uint64_t address, int64_t size, SlotId parent);

  // The memory of `slot` needs that of `parent`, too. Returns false without memory. REQUIRES: neither is
  // free, and `parent` does not depend on `slot`.
  bool AddParent(SlotId slot, SlotId parent);
  // No more, or once less.
  void RemoveParent(SlotId slot, SlotId parent);
  bool HasParent(SlotId slot) const { return at(slot).has_several || at(slot).parent != kNoSlot; }
  // Whether the memory of `slot` is that of `other` or needs it, by whatever is between; true without memory.
  bool DependsOn(SlotId slot, SlotId other) const;

  // Adds all that needs the memory of `slot`, by whatever is between: what depends on something found comes
  // after that. Returns false without memory. Visits all slots.
  bool FindDependents(SlotId slot, FallibleVector<SlotId>* found) const;

  // Books a pointer that came and went without ever having a slot.
  void Pass(uint32_t kind, int64_t size, Reason reason);

  // A destructor of that kind threw. Settle says so of one whose pointer had a slot.
  void NoteFailure(uint32_t kind);

  // Gives `slot` another size. REQUIRES: slot not free; CanCharge(size - its size).
  void Resize(SlotId slot, int64_t size);

  // JavaScript is done with the pointer. Once nothing holds it, NextReady will return it: at once, before all
  // others, if it was disposed of. REQUIRES: slot is live.
  void End(SlotId slot, Reason reason);

  // Keeps the memory of `slot` until the matching Unhold, even when it is ended meanwhile or already
  // waits for NextReady. REQUIRES: slot not free.
  void Hold(SlotId slot);
  void Unhold(SlotId slot) { LetGo(slot, true); }

  // The same, once for all views of `slot`, which a collection may find dead. REQUIRES: slot is live, without
  // that hold.
  void HoldForViews(SlotId slot);
  void UnholdForViews(SlotId slot);

  // Drops every hold on an ended pointer that is not that of a child or of views. For the end of the
  // environment.
  void DropCallHolds();

  // The next pointer to free, or kNoSlot. Children come before their parents; what is urgent comes first:
  // what was disposed of, and what the end of a child or of a call has let go.
  SlotId NextReady();
  bool HasReady() const { return ready_head_ != kNoSlot; }
  // The one that NextReady would return, if it is urgent, or kNoSlot.
  SlotId NextUrgent();
  bool HasUrgent() { return NextUrgent() != kNoSlot; }

  // The memory is gone: returns the charge, lets go of the parent, frees the slot. `failed` when the
  // destructor threw. REQUIRES: slot came from NextReady.
  void Settle(SlotId slot, bool failed = false);

  // The memory is still there, because the destructor has failed: it is held until Unhold, and then ready
  // again. REQUIRES: slot came from NextReady.
  void PutOff(SlotId slot);

  // Marks a pointer that C is about to take, and unmarks it when C did not.
  // REQUIRES: slot is live and nothing holds it; slot is given.
  void Give(SlotId slot);
  void TakeBack(SlotId slot);

  // Whether `slot` is that of a pointer to `address` that we have still to free. While C takes it, or while
  // its destructor runs, the address may be somebody else's already. REQUIRES: slot < end().
  bool Owns(SlotId slot, uint64_t address) const;

  // Whether a parent of `slot` has ended, and is kept by its children alone. REQUIRES: slot is not free.
  bool HasEndedParent(SlotId slot) const;

  // The memory belongs to somebody else now. REQUIRES: slot is live or given, nothing holds it.
  void GiveAway(SlotId slot, Reason reason);

  // What time it is, in seconds since any moment that stays the same, for pointers booked from now on.
  void SetTime(uint32_t seconds) { now_ = seconds; }

  // By account, the age in seconds of the oldest pointer, -1 where there is none; by kind, the bytes it keeps
  // alive and how many of its pointers have been collected. Ages start again from 0 after 2^24 seconds (194
  // days).
  struct Survey {
    std::vector<int64_t> oldest;
    std::vector<int64_t> bytes;
    std::vector<int64_t> collected;
  };
  // Visits all pointers.
  Survey TakeSurvey() const;

  // Bytes charged by hand. Returns false, and changes nothing, below zero or past kMaxBytes.
  bool ChargeByHand(int64_t delta);

  // Bytes that are charged without a pointer, as far as they fit. REQUIRES: bytes >= 0.
  void SetOutside(int64_t bytes);

  uint64_t AddressOf(SlotId slot) const { return at(slot).address; }
  int64_t SizeOf(SlotId slot) const { return at(slot).size; }
  uint32_t KindOf(SlotId slot) const { return at(slot).kind; }
  // How many children, calls and views hold it; and those without the views.
  uint32_t HoldsOf(SlotId slot) const { return at(slot).holds; }
  uint32_t OthersOf(SlotId slot) const { return at(slot).holds - (at(slot).viewed ? 1 : 0); }
  // REQUIRES: slot < end().
  Slot& at(SlotId slot) {
    assert(slot < used_);
    return chunks_[slot / kChunk][slot % kChunk];
  }
  const Slot& at(SlotId slot) const {
    assert(slot < used_);
    return chunks_[slot / kChunk][slot % kChunk];
  }
  Account& account_of(uint32_t kind) { return accounts_[kinds_[kind].account]; }
  uint32_t account_index_of(uint32_t kind) const { return kinds_[kind].account; }
  const Account& account(size_t index) const { return accounts_[index]; }
  uint32_t live_of(uint32_t kind) const { return kinds_[kind].live; }

  // Numbers below these may have been given to kinds and accounts; some are free.
  size_t kinds() const { return kinds_.size(); }
  size_t accounts() const { return accounts_.size(); }
  // Bytes ever charged to pointers, those of accounts that are gone included.
  int64_t charged_bytes() const;
  SlotId end() const { return used_; }  // no slot at or past this was ever used
  const Figures& figures() const { return figures_; }
  int64_t bytes() const { return figures_.bytes; }
  int64_t pointers() const { return figures_.pointers; }
  int64_t dead_bytes() const { return figures_.dead_bytes; }
  // Of the dead, what nothing holds any more: bytes that NextReady will return.
  int64_t ready_bytes() const { return ready_bytes_; }
  // Of the dead, what views hold.
  int64_t viewed_dead_bytes() const { return viewed_dead_bytes_; }
  int64_t dead_pointers() const { return figures_.dead_pointers; }
  int64_t tracked() const { return figures_.tracked; }  // ever
  int64_t manual() const { return figures_.manual; }
  int64_t outside() const { return figures_.outside; }
  int64_t total() const { return figures_.bytes + figures_.manual + figures_.outside; }
  int64_t peak_bytes() const { return peak_bytes_; }

 private:
  static constexpr uint32_t kChunk = 1024;

  // In the list of the parents of a slot that has several, or of those that are free.
  struct Edge {
    static constexpr uint32_t kNone = UINT32_MAX;
    SlotId parent = kNoSlot;
    uint32_t next = kNone;
  };

  struct Kind {
    uint32_t account = 0;
    uint32_t live = 0;
    int64_t collected = 0;    // pointers ever
    uint32_t next = kNoKind;  // of those that are unused, or free
    bool is_dropped = false;
    bool is_unused = false;  // on its way to NextUnused
  };

  // Of bytes ever charged, which can pass what an integer holds: then they stay there.
  static int64_t Sum(int64_t charged, int64_t delta) { return std::min(charged, INT64_MAX - delta) + delta; }
  void Charge(Account* account, int64_t delta);
  void LetGo(SlotId slot, bool urgent);
  void Queue(SlotId slot, bool urgent);
  bool Unqueue(SlotId slot);
  void Close(SlotId slot);
  template <typename Visit>
  void EachParent(const Slot& slot, Visit visit) const;
  uint32_t AddEdge(SlotId parent, uint32_t next);
  uint32_t FreeEdge(uint32_t edge);
  uint32_t* Bucket(std::string_view label);
  bool ReserveAccount();
  uint32_t FindAccount(std::string_view label);
  uint32_t AddAccount(Label label);
  void RemoveAccount(uint32_t account);
  void BeIdle(uint32_t account);
  void BeUsed(uint32_t account);
  void NoteUnused(uint32_t kind);

  FallibleVector<std::unique_ptr<Slot[]>> chunks_;
  FallibleVector<Account> accounts_;
  FallibleVector<Kind> kinds_;
  FallibleVector<Edge> edges_;
  uint32_t free_edge_ = Edge::kNone;
  FallibleVector<uint32_t> buckets_;  // of accounts, by hashes of labels
  uint32_t free_account_ = Account::kNone;
  uint32_t used_accounts_ = 0;
  uint32_t idle_accounts_ = 0;
  const uint32_t most_idle_accounts_;
  uint32_t oldest_idle_ = Account::kNone;
  uint32_t newest_idle_ = Account::kNone;
  uint32_t free_kind_ = kNoKind;
  uint32_t unused_kind_ = kNoKind;
  int64_t charged_bytes_ = 0;  // of accounts that are gone
  uint32_t now_ = 0;
  SlotId used_ = 0;
  SlotId free_ = kNoSlot;
  uint32_t free_count_ = 0;
  SlotId ready_head_ = kNoSlot;
  SlotId ready_tail_ = kNoSlot;
  uint32_t urgent_ = 0;  // so many at the head of the queue
  int64_t ready_bytes_ = 0;
  int64_t viewed_dead_bytes_ = 0;
  Figures figures_;
  int64_t peak_bytes_ = 0;
};

// Here because it is on the way of every pointer that is disposed of at once.
inline void Ledger::Pass(uint32_t kind, int64_t size, Reason reason) {
  Account& account = account_of(kind);
  account.tracked++;
  account.ended[static_cast<int>(reason)]++;
  figures_.tracked++;
  figures_.ended[static_cast<int>(reason)]++;
  account.charged_bytes = Sum(account.charged_bytes, size);
  account.peak_bytes = std::max(account.peak_bytes, account.bytes + size);
  peak_bytes_ = std::max(peak_bytes_, total() + size);
}

}  // namespace tally

#endif  // FFI_TALLY_BOOKS_LEDGER_H_
