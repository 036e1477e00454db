#include "books/ledger.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace tally {

namespace {

// How much of the time a slot has room for.
constexpr uint32_t kAgeMask = 0xffffff;

// The number of a fresh element: one of those that are `free`, or one more. REQUIRES: there is room.
template <typename T>
uint32_t Take(FallibleVector<T>* all, uint32_t* free) {
  const uint32_t taken = *free;
  if (taken == UINT32_MAX) {
    all->Push({});
    return static_cast<uint32_t>(all->size() - 1);
  }
  *free = (*all)[taken].next;
  (*all)[taken] = T();
  return taken;
}

}  // namespace

bool Label::Set(std::string_view text) {
  std::unique_ptr<char[]> copy(new (std::nothrow) char[text.size()]);
  if (copy == nullptr) return false;
  std::copy(text.begin(), text.end(), copy.get());
  text_ = std::move(copy);
  length_ = text.size();
  return true;
}

int64_t Ledger::AddKind(std::string_view label) {
  if (free_kind_ == kNoKind && !kinds_.Reserve(1)) return -1;
  uint32_t account = FindAccount(label);
  if (account == Account::kNone) {
    Label own;
    if (!ReserveAccount() || !own.Set(label)) return -1;
    account = AddAccount(std::move(own));
  }
  if (accounts_[account].kinds++ == 0) BeUsed(account);
  const uint32_t kind = Take(&kinds_, &free_kind_);
  kinds_[kind].account = account;
  return kind;
}

void Ledger::DropKind(uint32_t kind) {
  kinds_[kind].is_dropped = true;
  if (kinds_[kind].live == 0) NoteUnused(kind);
}

void Ledger::NoteUnused(uint32_t kind) {
  if (kinds_[kind].is_unused) return;
  kinds_[kind].is_unused = true;
  kinds_[kind].next = unused_kind_;
  unused_kind_ = kind;
}

uint32_t Ledger::NextUnused() {
  while (unused_kind_ != kNoKind) {
    const uint32_t kind = unused_kind_;
    unused_kind_ = kinds_[kind].next;
    kinds_[kind].is_unused = false;
    // One that was still to be booked when its kind was dropped? Then Close notes it again.
    if (kinds_[kind].live == 0) return kind;
  }
  return kNoKind;
}

void Ledger::RemoveKind(uint32_t kind) {
  assert(kinds_[kind].live == 0 && !kinds_[kind].is_unused);
  const uint32_t account = kinds_[kind].account;
  kinds_[kind].next = free_kind_;
  free_kind_ = kind;
  if (--accounts_[account].kinds > 0) return;
  BeIdle(account);
  if (idle_accounts_ > most_idle_accounts_) RemoveAccount(oldest_idle_);
}

uint32_t* Ledger::Bucket(std::string_view label) {
  return &buckets_[std::hash<std::string_view>{}(label) % buckets_.size()];
}

uint32_t Ledger::FindAccount(std::string_view label) {
  if (buckets_.size() == 0) return Account::kNone;
  uint32_t at = *Bucket(label);
  while (at != Account::kNone && accounts_[at].label.text() != label) at = accounts_[at].next;
  return at;
}

// Makes room for another account; false without memory.
bool Ledger::ReserveAccount() {
  if (free_account_ == Account::kNone && !accounts_.Reserve(1)) return false;
  if (used_accounts_ < buckets_.size()) return true;
  const size_t wanted = std::max<size_t>(64, 2 * buckets_.size());
  if (!buckets_.Extend(wanted)) return buckets_.size() > 0;  // longer chains will do
  std::fill(buckets_.begin(), buckets_.end(), Account::kNone);
  for (uint32_t i = 0; i < accounts_.size(); i++) {
    if (accounts_[i].is_free) continue;
    accounts_[i].next = std::exchange(*Bucket(accounts_[i].label.text()), i);
  }
  return true;
}

// Idle, until it has a kind. REQUIRES: room by ReserveAccount.
uint32_t Ledger::AddAccount(Label label) {
  const uint32_t account = Take(&accounts_, &free_account_);
  used_accounts_++;
  accounts_[account].label = std::move(label);
  accounts_[account].next = std::exchange(*Bucket(accounts_[account].label.text()), account);
  BeIdle(account);
  return account;
}

// REQUIRES: it is idle.
void Ledger::RemoveAccount(uint32_t account) {
  BeUsed(account);
  Account& gone = accounts_[account];
  charged_bytes_ = Sum(charged_bytes_, gone.charged_bytes);
  uint32_t* at = Bucket(gone.label.text());
  while (*at != account) at = &accounts_[*at].next;
  *at = gone.next;
  gone = Account();
  gone.is_free = true;
  gone.next = std::exchange(free_account_, account);
  used_accounts_--;
}

void Ledger::BeIdle(uint32_t account) {
  idle_accounts_++;
  accounts_[account].older = newest_idle_;
  (newest_idle_ == Account::kNone ? oldest_idle_ : accounts_[newest_idle_].newer) = account;
  newest_idle_ = account;
}

void Ledger::BeUsed(uint32_t account) {
  idle_accounts_--;
  const uint32_t older = std::exchange(accounts_[account].older, Account::kNone);
  const uint32_t newer = std::exchange(accounts_[account].newer, Account::kNone);
  (older == Account::kNone ? oldest_idle_ : accounts_[older].newer) = newer;
  (newer == Account::kNone ? newest_idle_ : accounts_[newer].older) = older;
}

int64_t Ledger::charged_bytes() const {
  int64_t sum = charged_bytes_;
  for (const Account& account : accounts_) sum = Sum(sum, account.charged_bytes);
  return sum;
}

bool Ledger::Reserve(uint32_t count) {
  while (chunks_.size() * kChunk - used_ + free_count_ < count) {
    if (chunks_.size() >= kNoSlot / kChunk || !chunks_.Reserve(1)) return false;
    std::unique_ptr<Slot[]> chunk(new (std::nothrow) Slot[kChunk]);
    if (chunk == nullptr) return false;
    chunks_.Push(std::move(chunk));
  }
  return true;
}

void Ledger::Charge(Account* account, int64_t delta) {
  account->bytes += delta;
  figures_.bytes += delta;
  if (delta > 0) {
    account->charged_bytes = Sum(account->charged_bytes, delta);
    account->peak_bytes = std::max(account->peak_bytes, account->bytes);
    peak_bytes_ = std::max(peak_bytes_, total());
  }
}

SlotId Ledger::Add(uint32_t kind, uint64_t address, int64_t size, SlotId parent) {
  assert(size >= 0 && CanCharge(size));
  SlotId id = free_;
  if (id != kNoSlot) {
    free_ = at(id).next;
    free_count_--;
  } else {
    assert(used_ < chunks_.size() * kChunk);
    id = used_++;
  }
  Slot& slot = at(id);
  slot = Slot();
  slot.address = address;
  slot.size = size;
  slot.kind = kind;
  slot.parent = parent;
  slot.state = SlotState::kLive;
  for (uint32_t i = 0; i < 3; i++) slot.born[i] = static_cast<uint8_t>(now_ >> (8 * i));
  if (parent != kNoSlot) Hold(parent);

  kinds_[kind].live++;
  Account& account = account_of(kind);
  account.pointers++;
  account.tracked++;
  figures_.tracked++;
  figures_.pointers++;
  Charge(&account, size);
  return id;
}

template <typename Visit>
void Ledger::EachParent(const Slot& slot, Visit visit) const {
  if (slot.has_several) {
    for (uint32_t i = slot.parent; i != Edge::kNone; i = edges_[i].next) visit(edges_[i].parent);
  } else if (slot.parent != kNoSlot) {
    visit(slot.parent);
  }
}

// REQUIRES: there is a free one, or room.
uint32_t Ledger::AddEdge(SlotId parent, uint32_t next) {
  const uint32_t edge = Take(&edges_, &free_edge_);
  edges_[edge] = {parent, next};
  return edge;
}

// Returns the one after it.
uint32_t Ledger::FreeEdge(uint32_t edge) {
  const uint32_t next = std::exchange(edges_[edge].next, free_edge_);
  free_edge_ = edge;
  return next;
}

bool Ledger::AddParent(SlotId id, SlotId parent) {
  Slot& slot = at(id);
  assert(slot.state != SlotState::kFree && !DependsOn(parent, id));
  if (!HasParent(id)) {
    slot.parent = parent;
  } else {
    if (!edges_.Reserve(2)) return false;
    const uint32_t others = slot.has_several ? slot.parent : AddEdge(slot.parent, Edge::kNone);
    slot.parent = AddEdge(parent, others);
    slot.has_several = true;
  }
  Hold(parent);
  return true;
}

void Ledger::RemoveParent(SlotId id, SlotId parent) {
  Slot& slot = at(id);
  if (slot.has_several) {
    uint32_t* edge = &slot.parent;
    while (edges_[*edge].parent != parent) edge = &edges_[*edge].next;
    *edge = FreeEdge(*edge);
    if (slot.parent == Edge::kNone) {
      slot.parent = kNoSlot;
      slot.has_several = false;
    }
  } else {
    assert(slot.parent == parent);
    slot.parent = kNoSlot;
  }
  Unhold(parent);
}

bool Ledger::HasEndedParent(SlotId id) const {
  bool has = false;
  EachParent(at(id), [&](SlotId parent) { has |= at(parent).state != SlotState::kLive; });
  return has;
}

bool Ledger::DependsOn(SlotId id, SlotId other) const {
  if (id == other || !HasParent(id)) return id == other;
  const std::unique_ptr<bool[]> seen(new (std::nothrow) bool[used_]());
  FallibleVector<SlotId> open;
  bool depends = seen == nullptr || !open.Reserve(1);
  if (depends) return true;
  open.Push(id);
  while (!depends && open.size() > 0) {
    const SlotId next = open[open.size() - 1];
    open.Truncate(open.size() - 1);
    EachParent(at(next), [&](SlotId parent) {
      if (parent == other || !open.Reserve(1)) depends = true;
      if (depends || seen[parent]) return;
      seen[parent] = true;
      open.Push(parent);
    });
  }
  return depends;
}

bool Ledger::FindDependents(SlotId slot, FallibleVector<SlotId>* found) const {
  enum : uint8_t { kUnknown, kNo, kYes };
  const std::unique_ptr<uint8_t[]> known(new (std::nothrow) uint8_t[used_]());
  FallibleVector<SlotId> open;
  if (known == nullptr || !found->Reserve(used_)) return false;
  known[slot] = kYes;
  for (SlotId each = 0; each < used_; each++) {
    if (at(each).state == SlotState::kFree) continue;
    if (!open.Reserve(1)) return false;
    open.Push(each);
    while (open.size() > 0) {
      const SlotId id = open[open.size() - 1];
      bool depends = false;
      bool is_told = known[id] == kUnknown;  // all its parents are
      bool has_room = true;
      if (is_told) {
        EachParent(at(id), [&](SlotId parent) {
          depends |= known[parent] == kYes;
          if (known[parent] != kUnknown) return;
          is_told = false;
          has_room = has_room && open.Reserve(1);
          if (has_room) open.Push(parent);
        });
      }
      if (!has_room) return false;
      if (is_told) {
        known[id] = depends ? kYes : kNo;
        if (depends) found->Push(id);
      }
      if (known[id] != kUnknown) open.Truncate(open.size() - 1);
    }
  }
  return true;
}

void Ledger::NoteFailure(uint32_t kind) {
  account_of(kind).failed++;
  figures_.failed++;
}

void Ledger::Resize(SlotId id, int64_t size) {
  Slot& slot = at(id);
  assert(slot.state != SlotState::kFree && size >= 0 && CanCharge(size - slot.size));
  const int64_t delta = size - slot.size;
  slot.size = size;
  if (slot.state != SlotState::kLive && slot.state != SlotState::kGiven) figures_.dead_bytes += delta;
  if (slot.state == SlotState::kReady) ready_bytes_ += delta;
  if (slot.state == SlotState::kEnded && slot.viewed) viewed_dead_bytes_ += delta;
  Charge(&account_of(slot.kind), delta);
}

void Ledger::End(SlotId id, Reason reason) {
  Slot& slot = at(id);
  assert(slot.state == SlotState::kLive);
  slot.state = SlotState::kEnded;
  slot.reason = reason;
  if (reason == Reason::kCollected) kinds_[slot.kind].collected++;
  figures_.dead_bytes += slot.size;
  figures_.dead_pointers++;
  if (slot.viewed) viewed_dead_bytes_ += slot.size;
  if (slot.holds == 0) Queue(id, reason == Reason::kDisposed);
}

void Ledger::Hold(SlotId id) {
  assert(at(id).state != SlotState::kFree);
  at(id).holds++;
}

void Ledger::LetGo(SlotId id, bool urgent) {
  Slot& slot = at(id);
  assert(slot.holds > 0);
  slot.holds--;
  if (slot.holds == 0 && slot.state == SlotState::kEnded) Queue(id, urgent);
}

void Ledger::HoldForViews(SlotId id) {
  assert(at(id).state == SlotState::kLive && !at(id).viewed);
  Hold(id);
  at(id).viewed = true;
}

void Ledger::UnholdForViews(SlotId id) {
  assert(at(id).viewed);
  at(id).viewed = false;
  if (at(id).state == SlotState::kEnded) viewed_dead_bytes_ -= at(id).size;
  LetGo(id, false);
}

void Ledger::DropCallHolds() {
  const auto each_ended = [this](auto&& visit) {
    for (SlotId id = 0; id < used_; id++) {
      if (at(id).state == SlotState::kEnded) visit(id);
    }
  };
  // `next` is free in this state: it counts the children.
  each_ended([this](SlotId id) { at(id).next = 0; });
  each_ended([this](SlotId id) {
    EachParent(at(id), [this](SlotId parent) {
      if (at(parent).state == SlotState::kEnded) at(parent).next++;
    });
  });
  each_ended([this](SlotId id) {
    Slot& slot = at(id);
    slot.holds = slot.next + (slot.viewed ? 1 : 0);
    if (slot.holds == 0) Queue(id, false);
  });
}

void Ledger::Queue(SlotId id, bool urgent) {
  Slot& slot = at(id);
  slot.state = SlotState::kReady;
  slot.next = urgent ? ready_head_ : kNoSlot;
  ready_bytes_ += slot.size;
  if (urgent) {
    ready_head_ = id;
    urgent_++;
  } else if (ready_tail_ == kNoSlot) {
    ready_head_ = id;
  } else {
    at(ready_tail_).next = id;
  }
  if (slot.next == kNoSlot) ready_tail_ = id;
}

// Takes the head off the queue. Returns false if it is held since it was queued: then Unhold queues it again.
bool Ledger::Unqueue(SlotId id) {
  Slot& slot = at(id);
  ready_head_ = slot.next;
  ready_bytes_ -= slot.size;
  if (urgent_ > 0) urgent_--;
  if (ready_head_ == kNoSlot) ready_tail_ = kNoSlot;
  slot.state = slot.holds == 0 ? SlotState::kLeaving : SlotState::kEnded;
  return slot.holds == 0;
}

SlotId Ledger::NextReady() {
  while (ready_head_ != kNoSlot) {
    const SlotId id = ready_head_;
    if (Unqueue(id)) return id;
  }
  return kNoSlot;
}

SlotId Ledger::NextUrgent() {
  while (urgent_ > 0 && at(ready_head_).holds > 0) Unqueue(ready_head_);
  return urgent_ > 0 ? ready_head_ : kNoSlot;
}

void Ledger::Settle(SlotId id, bool failed) {
  const Slot& slot = at(id);
  assert(slot.state == SlotState::kLeaving);
  figures_.dead_bytes -= slot.size;
  figures_.dead_pointers--;
  if (failed) NoteFailure(slot.kind);
  Close(id);
}

void Ledger::PutOff(SlotId id) {
  Slot& slot = at(id);
  assert(slot.state == SlotState::kLeaving);
  slot.state = SlotState::kEnded;
  slot.holds++;
  NoteFailure(slot.kind);
}

void Ledger::Give(SlotId id) {
  assert(at(id).state == SlotState::kLive && at(id).holds == 0);
  at(id).state = SlotState::kGiven;
}

void Ledger::TakeBack(SlotId id) {
  assert(at(id).state == SlotState::kGiven);
  at(id).state = SlotState::kLive;
}

bool Ledger::Owns(SlotId id, uint64_t address) const {
  const Slot& slot = at(id);
  return slot.address == address && (slot.state == SlotState::kLive || slot.state == SlotState::kEnded ||
                                     slot.state == SlotState::kReady);
}

void Ledger::GiveAway(SlotId id, Reason reason) {
  Slot& slot = at(id);
  assert((slot.state == SlotState::kLive || slot.state == SlotState::kGiven) && slot.holds == 0);
  slot.reason = reason;
  Close(id);
}

void Ledger::Close(SlotId id) {
  Slot& slot = at(id);
  Account& account = account_of(slot.kind);
  account.pointers--;
  account.ended[static_cast<int>(slot.reason)]++;
  figures_.ended[static_cast<int>(slot.reason)]++;
  figures_.pointers--;
  Kind& kind = kinds_[slot.kind];
  if (--kind.live == 0 && kind.is_dropped) NoteUnused(slot.kind);
  Charge(&account, -slot.size);

  const SlotId parent = slot.parent;
  const bool has_several = slot.has_several;
  slot.state = SlotState::kFree;
  slot.next = free_;
  free_ = id;
  free_count_++;
  if (!has_several) {
    if (parent != kNoSlot) Unhold(parent);
    return;
  }
  for (uint32_t edge = parent; edge != Edge::kNone; edge = FreeEdge(edge)) Unhold(edges_[edge].parent);
}

Ledger::Survey Ledger::TakeSurvey() const {
  Survey survey;
  survey.oldest.assign(accounts_.size(), -1);
  survey.bytes.assign(kinds_.size(), 0);
  survey.collected.reserve(kinds_.size());
  for (const Kind& kind : kinds_) survey.collected.push_back(kind.collected);
  for (SlotId id = 0; id < used_; id++) {
    const Slot& slot = at(id);
    if (slot.state == SlotState::kFree) continue;
    survey.bytes[slot.kind] += slot.size;
    const auto born = static_cast<uint32_t>(slot.born[0] | (slot.born[1] << 8) | (slot.born[2] << 16));
    int64_t& oldest = survey.oldest[kinds_[slot.kind].account];
    oldest = std::max(oldest, static_cast<int64_t>((now_ - born) & kAgeMask));
  }
  return survey;
}

bool Ledger::ChargeByHand(int64_t delta) {
  if (delta < 0 ? figures_.manual < -delta : !CanCharge(delta)) return false;
  figures_.manual += delta;
  peak_bytes_ = std::max(peak_bytes_, total());
  return true;
}

void Ledger::SetOutside(int64_t bytes) {
  assert(bytes >= 0);
  const int64_t most = kMaxBytes - figures_.bytes - figures_.manual;
  figures_.outside += std::min(bytes, most) - figures_.outside;
  peak_bytes_ = std::max(peak_bytes_, total());
}

}  // namespace tally
