#include "meters/counted_blocks.h"

#include <algorithm>
#include <atomic>
#include <mutex>

#include "base/inline.h"
#include "base/sole_thread.h"
#include "base/spin_lock.h"
#include "base/usable_bytes.h"
#include "meters/audit.h"
#include "meters/listeners.h"
#include "meters/owned_blocks.h"
#include "meters/samples.h"

namespace tally {

namespace {

// Without constructors, so that reading it needs no guard.
struct Thread {
  double* in_use;
  double own[CountedBlocks::kFields];
  CallThread* of_call;  // what this thread is, if a call for an account has started it
};
thread_local Thread current;

// Most calls are those of one thread, the first with JavaScript: it need not ask the dynamic linker where its
// block is. No other thread reads that.
constexpr uintptr_t kNoThread = 0;
std::atomic<uintptr_t> first_thread{kNoThread};
double* block_of_first = nullptr;

uintptr_t ThisThread() {
#ifdef TALLY_HAS_THREAD_POINTER
  return SoleThread::Self();
#else
  return kNoThread;
#endif
}

bool IsFirstThread() {
#ifdef TALLY_HAS_THREAD_POINTER
  return first_thread.load(std::memory_order_relaxed) == ThisThread();
#else
  return false;
#endif
}

double* OwnBlock() { return current.in_use != nullptr ? current.in_use : current.own; }

// REQUIRES: the lock of the changes.
void NoteFirst(double* block) {
  const uintptr_t self = ThisThread();
  const uintptr_t first = first_thread.load(std::memory_order_relaxed);
  if (first != kNoThread && first != self) return;
  block_of_first = block;
  first_thread.store(block == nullptr ? kNoThread : self, std::memory_order_relaxed);
}

BlockTable blocks;
// Accounts that have become part of another one, with the bytes of theirs that are left.
BlockTable merged;
std::atomic<bool> any_merged{false};
std::atomic<bool> has_begun{false};

// Changes of accounts that are not marked, one for each: a hash table of numbers in a list. There may be
// nobody any more who asks for an account: when there are too many, all are forgotten.
class Changes {
 public:
  size_t count() const { return count_; }

  // That of `account`; nullptr where there is none.
  CountedBlocks::Change* Find(uint64_t account) {
    const uint32_t number = numbers_[PlaceOf(account)];
    return number == 0 ? nullptr : &list_[number - 1];
  }

  // The same, added where there is none.
  CountedBlocks::Change& Add(uint64_t account) {
    if (CountedBlocks::Change* found = Find(account); found != nullptr) return *found;
    if (count_ == CountedBlocks::kMostChanges) Sift([](const CountedBlocks::Change&) { return false; });
    list_[count_] = {account, 0};
    numbers_[PlaceOf(account)] = static_cast<uint32_t>(++count_);
    return list_[count_ - 1];
  }

  // Forgets those of which `stays(change)` is false.
  template <typename F>
  void Sift(F&& stays) {
    for (size_t i = count_; i-- > 0;) numbers_[PlaceOf(list_[i].account)] = 0;  // backwards: each is found
    const size_t before = count_;
    count_ = 0;
    for (size_t i = 0; i < before; i++) {
      const CountedBlocks::Change change = list_[i];
      if (stays(change)) Add(change.account) = change;
    }
  }

 private:
  static constexpr size_t kPlaces = 2 * CountedBlocks::kMostChanges;

  // Where its number is, or is to be.
  size_t PlaceOf(uint64_t account) const {
    size_t at = account % kPlaces;
    while (numbers_[at] != 0 && list_[numbers_[at] - 1].account != account) at = (at + 1) % kPlaces;
    return at;
  }

  size_t count_ = 0;
  uint32_t numbers_[kPlaces] = {};  // 0 for none
  CountedBlocks::Change list_[CountedBlocks::kMostChanges];
};

SpinLock changes_lock;
Changes changes;

std::atomic<bool> any_changes{false};

// The thread whose JavaScript asks for the changes of an environment's accounts; nullptr after its end. Under
// the lock of the changes.
FallibleVector<Thread*>& Owners() {
  static FallibleVector<Thread*>& owners = *new FallibleVector<Thread*>;
  return owners;
}

// JavaScript reads it in its own thread, and others write it.
void SetStale(double* block, double value) {
  __atomic_store(&block[CountedBlocks::kStale], &value, __ATOMIC_RELAXED);
}

uint64_t EnvironmentOf(uint64_t account) { return (account - 1) / CountedBlocks::kAccounts; }

// Whether the thread that would ask for it has ended. REQUIRES: the lock of the changes.
bool IsOfEnded(uint64_t account) {
  const uint64_t environment = EnvironmentOf(account);
  return environment < Owners().size() && Owners()[environment] == nullptr;
}

// What happens in another thread JavaScript would not ask for. REQUIRES: the lock of the changes.
void TellOwner(uint64_t account, const Thread* self) {
  const uint64_t environment = EnvironmentOf(account);
  if (environment >= Owners().size()) return;
  const Thread* owner = Owners()[environment];
  if (owner != nullptr && owner != self) SetStale(owner->in_use, 1);
}

void NoteChange(uint64_t account, int64_t bytes, const Thread* self) {
  any_changes.store(true, std::memory_order_relaxed);
  const std::lock_guard<SpinLock> lock(changes_lock);
  if (IsOfEnded(account)) return;
  changes.Add(account).bytes += bytes;
  TellOwner(account, self);
}

// Nobody will ask for it any more.
void Forget(uint64_t account) {
  if (!any_changes.load(std::memory_order_relaxed)) return;
  const std::lock_guard<SpinLock> lock(changes_lock);
  if (CountedBlocks::Change* change = changes.Find(account); change != nullptr) change->bytes = 0;
}

// Beside the account of a block: it is a sample of the profile, or watched.
constexpr uint64_t kSampled = uint64_t{1} << 63;
constexpr uint64_t kWatched = uint64_t{1} << 62;
constexpr uint64_t kFlags = kSampled | kWatched;

// Of a thread without an account in its block, by itself: most have no use for this code.
TALLY_NOINLINE uint64_t AccountOfThread() {
  return current.of_call == nullptr ? 0 : current.of_call->account();
}
TALLY_NOINLINE void CountInThread(int64_t bytes) { current.of_call->Count(bytes); }

uint64_t MarkedAccount(const double* block) {
  const auto mark = static_cast<int64_t>(block[CountedBlocks::kMark]);
  if (mark > 0) return static_cast<uint64_t>(mark);
  return mark == 0 ? 0 : AccountOfThread();
}

// `bytes` more for the account that is marked.
void Count(double* block, int64_t bytes) {
  if (block[CountedBlocks::kMark] > 0) {
    block[CountedBlocks::kNet] += static_cast<double>(bytes);
  } else {
    CountInThread(bytes);
  }
}

// The account that has become that of `account`. Of each on the way `freed` bytes are gone.
uint64_t Resolve(uint64_t account, uint64_t freed) {
  if (!any_merged.load(std::memory_order_relaxed)) return account;
  for (;;) {
    const BlockTable::Entry into = freed == 0 ? merged.Find(account) : merged.Subtract(account, freed);
    if (into.key == 0) return account;
    account = into.account;
  }
}

// Books `bytes` more, or less if below zero, to an account that has not been merged.
void Book(uint64_t account, int64_t bytes, double* block) {
  if (account == 0) return;
  if (account != MarkedAccount(block)) {
    block[CountedBlocks::kOthers]++;
    NoteChange(account, bytes, &current);
  } else {
    Count(block, bytes);
  }
}

// Somebody has freed that block. Returns its account.
uint64_t Freed(const BlockTable::Entry& entry, double* thread) {
  if ((entry.account & kSampled) != 0 && Samples::IsOn()) Samples::Given(entry.key);
  if ((entry.account & kWatched) != 0) thread[CountedBlocks::kLost]++;
  const uint64_t known = entry.account & ~kFlags;
  if (known == 0) return 0;
  const uint64_t account = Resolve(known, entry.bytes);
  Book(account, -static_cast<int64_t>(entry.bytes), thread);
  return account;
}

// Of less than 2^63, which takes one instruction.
double AsDouble(uint64_t bytes) { return static_cast<double>(static_cast<int64_t>(bytes)); }

uint64_t Number(const void* pointer) { return reinterpret_cast<uintptr_t>(pointer); }

void Enter(void* block, size_t bytes, uint64_t account, double* thread) {
  const BlockTable::Entry before = blocks.Put(reinterpret_cast<uintptr_t>(block), bytes, account);
  if (before.key != 0) Freed(before, thread);
  Book(account, static_cast<int64_t>(bytes), thread);
  if (Samples::IsOn() && Samples::Made(Number(block), bytes, thread))
    blocks.Put(Number(block), bytes, account | kSampled);
}

// Before the block is freed: afterwards its address is anybody's.
BlockTable::Entry Taken(uint64_t block) {
  if (Audit::IsOn()) Audit::Given(block);
  const BlockTable::Entry entry = blocks.Take(block);
  if (entry.key != 0) Freed(entry, CountedBlocks::ThreadBlock());
  return entry;
}

}  // namespace

double* CountedBlocks::ThreadBlock() { return IsFirstThread() ? block_of_first : OwnBlock(); }

void CountedBlocks::UseThreadBlock(double* block) {
  const std::lock_guard<SpinLock> lock(changes_lock);
  current.in_use = block;
  NoteFirst(block);
  if (block != nullptr) return;
  bool has_ended = false;
  for (Thread*& owner : Owners()) {
    if (owner != &current) continue;
    owner = nullptr;
    has_ended = true;
  }
  if (has_ended) changes.Sift([](const Change& change) { return !IsOfEnded(change.account); });
}

void CountedBlocks::SetStale(bool is_stale) {
  double* block = ThreadBlock();
  tally::SetStale(block, is_stale ? 1 : 0);
  if (!is_stale) block[kOthers]++;  // what other threads have changed is still to be taken
}

bool CountedBlocks::IsOfJavaScript() { return current.in_use != nullptr; }

namespace {

void NoteThreads(const CallThread::Found& found) {
  double* block = CountedBlocks::ThreadBlock();
  block[CountedBlocks::kThreads] = static_cast<double>(found.threads);
  if (found.in_calls != 0) block[CountedBlocks::kOthers]++;  // their changes are still to be taken
}

}  // namespace

void CountedBlocks::ResumeThreads(int64_t account) {
  NoteThreads(CallThread::Resume(static_cast<uint64_t>(account)));
}

CallThread* CountedBlocks::StartThread() {
  double* block = ThreadBlock();
  block[kMoved] = kThread;
  const uint64_t account = MarkedAccount(block);
  if (account == 0) return nullptr;
  block[kOthers]++;
  return CallThread::Add(account);
}

void CountedBlocks::BeginThread(CallThread* thread, double maker) {
  double* block = ThreadBlock();
  block[kMark] = kLibraryThread;
  block[kMaker] = maker;
  current.of_call = thread;
}

void CountedBlocks::EndThread(CallThread* thread) {
  if (thread == current.of_call) current.of_call = nullptr;
  const CallThread::Left left = CallThread::Remove(thread);
  if (left.bytes != 0) NoteChange(Resolve(left.account, 0), left.bytes, &current);
}

BlockTable::Totals CountedBlocks::Sum() { return blocks.Sum(); }
BlockTable::Entry CountedBlocks::Find(uint64_t address) { return blocks.Find(address); }

uint64_t CountedBlocks::Watch(uint64_t address) {
  for (uint64_t header = 0; header <= kLargestHeader && header < address; header += sizeof(void*)) {
    const BlockTable::Entry block = Find(address - header);
    if (block.key == 0) continue;
    return header < block.bytes && blocks.Mark(block.key, kWatched) ? block.key : 0;
  }
  return 0;
}

bool CountedBlocks::IsWatched(uint64_t block) { return (Find(block).account & kWatched) != 0; }

namespace {

// What usually happens takes no call; what is left is out of its way.

// Those that its owner may have written: malloc() of C gives more than it was asked for.
uint64_t WritableBytes(void* block, const BlockTable::Entry& entry) {
#ifdef _WIN32
  (void)block;
  return entry.bytes;
#else
  return std::max<uint64_t>(entry.bytes, CountableBytes(block));
#endif
}

void* MadeBefore(void* block, size_t bytes) {
  double* thread = CountedBlocks::ThreadBlock();
  Enter(block, bytes, MarkedAccount(thread), thread);
  if (Audit::IsOn()) Audit::Made(Number(block), bytes);
  return block;
}

TALLY_NOINLINE void* MadeRarely(void* block, size_t bytes) {
  if (Audit::IsOn()) Audit::Clear(block, 0, bytes);
  return MadeBefore(block, bytes);
}

// For a profile the rest is as usual: of very many blocks a few are samples.
bool IsUsual(uint8_t listeners) { return (listeners & ~Listeners::kSamples) == 0; }

TALLY_INLINE void* MadeIn(double* thread, void* block, size_t bytes) {
  const uint64_t account = MarkedAccount(thread);
  const uint8_t listeners = Listeners::All();
  if (!IsUsual(listeners) || !blocks.TryPut(Number(block), bytes, account)) return MadeRarely(block, bytes);
  if (account != 0) Count(thread, static_cast<int64_t>(bytes));
  if (listeners != 0 && Samples::Made(Number(block), bytes, thread)) blocks.Mark(Number(block), kSampled);
  return block;
}

TALLY_NOINLINE void* MadeElsewhere(void* block, size_t bytes) { return MadeIn(OwnBlock(), block, bytes); }

TALLY_NOINLINE size_t GivenRarely(void* block, void* caller) {
  const BlockTable::Entry entry = Taken(Number(block));
  if (entry.key == 0) return 0;
  if (OwnedBlocks::Freed(entry.key, Number(caller))) CountedBlocks::ThreadBlock()[CountedBlocks::kOthers]++;
  return entry.bytes;
}

TALLY_NOINLINE size_t BookFreed(uint64_t key, uint64_t bytes, uint64_t account, double* thread) {
  Freed({key, bytes, account}, thread);
  return bytes;
}

TALLY_INLINE size_t GivenIn(double* thread, void* block, void* caller) {
  BlockTable::Entry entry;
  if (!IsUsual(Listeners::All()) || !blocks.TryTake(Number(block), &entry)) return GivenRarely(block, caller);
  if (entry.account == 0) return entry.bytes;
  if (static_cast<int64_t>(entry.account) != static_cast<int64_t>(thread[CountedBlocks::kMark]) ||
      any_merged.load(std::memory_order_relaxed))
    return BookFreed(entry.key, entry.bytes, entry.account, thread);
  thread[CountedBlocks::kNet] -= AsDouble(entry.bytes);
  return entry.bytes;
}

TALLY_NOINLINE size_t GivenElsewhere(void* block, void* caller) { return GivenIn(OwnBlock(), block, caller); }

}  // namespace

void* CountedBlocks::Made(void* block, size_t bytes) {
  if (block == nullptr) return block;
  return IsFirstThread() ? MadeIn(block_of_first, block, bytes) : MadeElsewhere(block, bytes);
}

size_t CountedBlocks::Given(void* block, void* caller) {
  if (block == nullptr) return 0;
  return IsFirstThread() ? GivenIn(block_of_first, block, caller) : GivenElsewhere(block, caller);
}

void* CountedBlocks::Resize(void* block, size_t bytes, bool counts, void* caller, const Reallocator& by) {
  if (block == nullptr) {
    void* made = by.resize(by, block, bytes);
    return counts ? Made(made, bytes) : made;
  }
  BlockTable::Entry known = blocks.Take(reinterpret_cast<uintptr_t>(block));
  Audit::Block audited;
  if (Audit::IsOn()) audited = Audit::Take(reinterpret_cast<uintptr_t>(block));
  BlockTable::Entry sample;
  if ((known.account & kSampled) != 0 && Samples::IsOn()) sample = Samples::Take(known.key);
  const uint64_t had = audited.key == 0 ? 0 : WritableBytes(block, audited);
  void* moved = by.resize(by, block, bytes);
  if (moved == nullptr && bytes != 0) {  // the old block lives on
    if (known.key != 0) blocks.Put(known.key, known.bytes, known.account);
    if (audited.key != 0) Audit::PutBack(audited);
    if (sample.key != 0) Samples::PutBack(sample);
    return nullptr;
  }
  known.account &= ~kSampled;  // the address may be another sample's already
  // The block of an account stays the account's, whoever makes it larger.
  double* thread = ThreadBlock();
  const uint64_t account = known.key == 0 ? 0 : Freed(known, thread);
  if (moved != block && known.key != 0 && OwnedBlocks::Freed(known.key, Number(caller))) thread[kOthers]++;
  if (moved == nullptr) {
    if (audited.key != 0) {
      Audit::PutBack(audited);
      Audit::Given(audited.key);
    }
    return nullptr;
  }
  if (known.key != 0 || counts) Enter(moved, bytes, account != 0 ? account : MarkedAccount(thread), thread);
  if (moved == block && (known.account & kWatched) != 0) blocks.Mark(Number(block), kWatched);
  if (audited.key != 0) {
    Audit::Clear(moved, had, bytes);
    Audit::Moved(audited, reinterpret_cast<uintptr_t>(moved), bytes);
  } else if (counts && Audit::IsOn()) {
    Audit::Made(reinterpret_cast<uintptr_t>(moved), bytes);
  }
  return moved;
}

size_t CountedBlocks::GivenAtExit(void* block) {
  const BlockTable::Entry entry = blocks.Take(Number(block));
  const uint64_t account = entry.account & ~kFlags;
  if (account != 0) NoteChange(Resolve(account, entry.bytes), -static_cast<int64_t>(entry.bytes), nullptr);
  return entry.bytes;
}

void CountedBlocks::NoteMade(uint64_t address, uint64_t bytes) {
  if (Find(address).key == 0) MadeBefore(reinterpret_cast<void*>(address), bytes);
}
void CountedBlocks::NoteGiven(uint64_t address) { Taken(address); }

void CountedBlocks::Begin() { has_begun.store(true, std::memory_order_release); }

double CountedBlocks::NewAccounts() {
  static uint64_t environments = 0;
  const std::lock_guard<SpinLock> lock(changes_lock);
  const uint64_t environment = environments++;
  if (IsOfJavaScript() && Owners().Extend(environments)) Owners()[environment] = &current;
  return static_cast<double>(environment * kAccounts + 1);
}

void CountedBlocks::Adopt(uint64_t address, uint64_t bytes, uint64_t account) {
  const uint64_t flags = Find(address).account & kFlags;
  BlockTable::Entry before = blocks.Put(address, bytes, account | flags);
  before.account &= ~flags;
  if (before.key != 0) Freed(before, ThreadBlock());
}

void CountedBlocks::Merge(uint64_t from, uint64_t to, uint64_t bytes) {
  if (from == to || bytes == 0 || Resolve(to, 0) == from) return;
  merged.Put(from, bytes, to);
  any_merged.store(true, std::memory_order_relaxed);
}

bool CountedBlocks::TakeChanges(uint64_t first, uint64_t ended, FallibleVector<Change>* taken) {
  NoteThreads(CallThread::Take(first, kAccounts, ended, [](uint64_t account, int64_t bytes) {
    NoteChange(Resolve(account, 0), bytes, &current);
  }));
  size_t room = 0;
  {
    const std::lock_guard<SpinLock> lock(changes_lock);
    room = changes.count();
  }
  if (!taken->Reserve(room)) return false;
  const std::lock_guard<SpinLock> lock(changes_lock);
  changes.Sift([&](const Change& change) {
    if (change.bytes == 0) return false;
    if (change.account - first >= kAccounts || room == 0) return true;
    room--;
    taken->Push(change);
    return false;
  });
  return true;
}

void CountedBlocks::LockAll() {
  merged.LockAll();
  blocks.LockAll();
}

void CountedBlocks::UnlockAll() {
  blocks.UnlockAll();
  merged.UnlockAll();
}

void CountedBlocks::UnlockInChild() {
  UnlockAll();
  CallThread::UnlockInChild();
  changes_lock.unlock();  // whoever had it is not here
}

EndOfAccount::EndOfAccount(uint64_t address) {
  if (!has_begun.load(std::memory_order_acquire)) return;
  BlockTable::Entry object;
  if (!blocks.TryFind(address, &object)) object = blocks.Find(address);
  if (object.key == 0) return;
  block_ = CountedBlocks::ThreadBlock();
  mark_ = block_[CountedBlocks::kMark];
  net_ = block_[CountedBlocks::kNet];
  const uint64_t account = Resolve(object.account & ~kFlags, 0);
  block_[CountedBlocks::kMark] = account == 0 ? CountedBlocks::kLibraryThread : static_cast<double>(account);
}

EndOfAccount::~EndOfAccount() {
  if (block_ == nullptr) return;
  if (const uint64_t account = MarkedAccount(block_); account != 0) Forget(account);
  block_[CountedBlocks::kMark] = mark_;
  block_[CountedBlocks::kNet] = net_;
}

}  // namespace tally
