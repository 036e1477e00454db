#include "env/environment.h"

#include <algorithm>
#include <cassert>
#include <utility>
#include <vector>

#include "base/process_memory.h"
#include "env/check.h"

namespace tally {

namespace {

constexpr auto kForever = Collector::Clock::time_point::max();

Collector::Clock::time_point Deadline(double milliseconds) {
  using std::chrono::duration;
  using std::chrono::duration_cast;
  if (milliseconds >= 1e9) return kForever;
  return Collector::Clock::now() +
         duration_cast<Collector::Clock::duration>(duration<double, std::milli>(milliseconds));
}

}  // namespace

Napi::Value Environment::NurseryBuffer() { return nursery_.buffer(); }

double Environment::AddKind(std::string_view label, Destructor destructor) {
  if (!destructors_.Reserve(1)) return -1;
  const int64_t kind = ledger_.AddKind(label);
  if (kind < 0) return -1;
  if (static_cast<size_t>(kind) == destructors_.size()) destructors_.Push(Destructor());
  destructors_[static_cast<size_t>(kind)] = std::move(destructor);
  return static_cast<double>(kind);
}

void Environment::RemoveUnusedKinds() {
  if (nursery_.count() > 0 || nursery_.has_in_hand() || running_ != nullptr) return;
  for (uint32_t kind = ledger_.NextUnused(); kind != kNoKind; kind = ledger_.NextUnused()) {
    destructors_[kind] = Destructor();
    const uint32_t account = ledger_.account_index_of(kind);
    ledger_.RemoveKind(kind);
    if (ledger_.account(account).kinds == 0) outside_.Forget(account);
  }
}

bool Environment::IsRunning(uint32_t kind) const {
  for (const Running* it = running_; it != nullptr; it = it->outer) {
    if (it->kind == kind) return true;
  }
  return false;
}

void Environment::PinRunning() {
  for (const Running* it = running_; it != nullptr; it = it->outer) Pin(it->kind);
}

void Environment::Pin(uint32_t kind) {
  Destructor& destructor = destructors_[kind];
  if (destructor.is_pinned() || !destructor.is_native()) return;
  if (pinned_function_ == destructor.function()) return destructor.Pin(pin_);
  pin_ = destructor.Pin();
  pinned_function_ = destructor.function();
}

void Environment::UnpinIdle() {
  EndAbandoned();
  if (nursery_.count() > 0 || nursery_.has_in_hand()) return;  // the ledger is full
  pin_ = {};
  pinned_function_ = 0;
  for (uint32_t kind = 0; kind < destructors_.size(); kind++) {
    if (ledger_.live_of(kind) == 0 && !IsRunning(kind)) destructors_[kind].Unpin();
  }
}

uint32_t Environment::Advise() {
  const bool seen = Observe() || collector_.HasWork();
  const uint32_t own = static_cast<uint32_t>(AdviseOwn()) | (seen || ledger_.HasReady() ? kSweep : 0);
  watch_.LookIfLate();
  Collection wanted = watch_.pacer().Wanted(seat_, pacer_.options().can_major ? others() : 0);
  if (wanted == Collection::kNone && BroughtUnsaid()) wanted = Collection::kMinor;
  if (wanted == Collection::kMinor) wanted = MinorIfItPays();
  pointers_before_ = ledger_.pointers() - ledger_.dead_pointers();
  unsaid_before_ = Brought() - Said();
  if (wanted == Collection::kNone) return own;
  return own | static_cast<uint32_t>(wanted) | kForAll;
}

uint32_t Environment::Reconsider(int64_t pages) {
  watch_.pacer().SetHeap(seat_, pages);
  watch_.pacer().Reconsider(watch_.memory().Usage());
  return Advise();
}

Collection Environment::AdviseOwn() {
  const int64_t live = undecided();
  const Collection advice = pacer_.Advise(live);
  const bool is_costly = !time_.HasLeft(ProcessWatch::Now());
  const int64_t budget = watch_.pacer().Borrow(seat_, pacer_.options().budget,
                                               std::max(pacer_.Grown(live), Brought()), is_costly);
  if (budget == pacer_.budget()) return advice;
  pacer_.SetBudget(budget);
  return pacer_.Advise(live);
}

int64_t Environment::Brought() {
  const ProcessPacer& pacer = watch_.pacer();
  return std::min(pacer.Unsaid(seat_), others() * pacer.step());
}

int64_t Environment::Said() { return std::max(undecided() - pacer_.floor(), int64_t{0}); }

// What this thread has brought beside what was said: pointers without a size, or with one that is too small.
bool Environment::BroughtUnsaid() {
  constexpr int64_t kLeast = int64_t{16} << 20;  // less is noise, of JavaScript heaps and of threads
  const int64_t threshold = std::max(pacer_.budget() / 4 * 3, kLeast) << futile_;
  const int64_t said = Said();
  const int64_t unsaid = Brought() - said;
  return unsaid >= threshold && unsaid >= 2 * said;
}

Collection Environment::MinorIfItPays() {
  // As the pacer does for what was said: what minor ones leave may grow by that before a major one.
  const ProcessPacer& pacer = watch_.pacer();
  lasting_ = std::min(lasting_, others());
  const int64_t left = others() - lasting_ - pacer.Since(seat_);
  const bool has_left = left * pacer.step() >= std::max(pacer_.allowance(), lasting_ * pacer.step());
  const Pacer::Options& options = pacer_.options();
  if (options.can_minor && futile_ == 0 && !has_left) return Collection::kMinor;
  return options.can_major ? Collection::kMajor : Collection::kNone;
}

void Environment::Configure(const Pacer::Options& options) {
  pacer_.Configure(options);
  watch_.pacer().Configure(options.budget, options.growth);
}

uint32_t Environment::AdviseForViews() const {
  const Pacer::Options& options = pacer_.options();
  const Collection wish = views_.Wish();
  const bool can = wish == Collection::kMajor ? options.can_major : options.can_minor;
  return static_cast<uint32_t>(can ? wish : Collection::kNone);
}

bool Environment::End(SlotId slot) {
  collector_.Forget(slot);
  if (!ledger_.at(slot).viewed) NoteChange(-ledger_.at(slot).size);
  ledger_.End(slot, Reason::kDisposed);
  return ledger_.at(slot).state == SlotState::kEnded;
}

uint32_t Environment::Give(SlotId slot) {
  if (EmptyViews(slot)) Report();
  const uint32_t holds = ledger_.at(slot).holds;
  if (holds == 0) ledger_.Give(slot);
  return holds;
}

// Returns whether there was a view, and nothing else holds the slot now.
bool Environment::EmptyViews(SlotId slot) {
  const Slot& entry = ledger_.at(slot);
  return entry.viewed && entry.holds == 1 && views_.Empty(slot, Views::kAll);
}

bool Environment::Release(SlotId slot, bool freed) {
  collector_.Forget(slot);
  contexts_.Drop(slot);
  kept_.Drop(slot);
  NoteChange(-ledger_.at(slot).size);
  ledger_.GiveAway(slot, Given(freed));
  Report();
  return ledger_.HasReady();
}

Environment::HandedOver Environment::HandOver(SlotId slot, std::string_view key,
                                              TransferredPointer* transferred, Label label) {
  const uint32_t kind = ledger_.at(slot).kind;
  transferred->form = destructors_[kind].form();
  transferred->function = destructors_[kind].function();
  const uint32_t account = ledger_.account_index_of(kind);
  transferred->meter = outside_.MeterOf(account);
  if (!Transit::Instance().Put(key, *transferred, std::move(label))) return HandedOver::kNoMemory;
  if (ledger_.at(slot).holds > 0 && !EmptyViews(slot)) {
    Transit::Instance().Take(key);  // which nobody knows yet
    return HandedOver::kViewed;
  }
  outside_.Send(account, transferred->size);
  Release(slot, false);
  return HandedOver::kYes;
}

Environment::Taken Environment::TakeOver(std::string_view key, uint32_t kind) {
  assert(nursery_.count() == 0);
  TransferredPointer transferred;
  Transit& transit = Transit::Instance();
  if (transit.Peek(key, &transferred) != Transit::Found::kYes) return Taken::kGone;
  if (!ledger_.CanCharge(transferred.size)) return Taken::kTooMuch;
  if (!outside_.Reserve()) return Taken::kNoMemory;
  if (!transit.Take(key)) return Taken::kGone;
  if (transferred.meter != nullptr) {
    outside_.Receive(ledger_.account_index_of(kind), transferred.meter, transferred.size);
  }
  nursery_.Put(transferred.address, transferred.size, kind);
  return Taken::kYes;
}

Environment::Disposed Environment::Dispose(SlotId slot) {
  if (End(slot)) return Disposed::kHeld;
  for (SlotId next = ledger_.NextUrgent(); next != kNoSlot; next = ledger_.NextUrgent()) {
    if (!destructors_[ledger_.at(next).kind].is_freed_here()) break;
    FreeNext();
  }
  Report();
  return ledger_.HasReady() ? Disposed::kMore : Disposed::kDone;
}

double Environment::DisposeAlone(SlotId slot) {
  if (End(slot) || ledger_.NextUrgent() != slot) return kDone;
  if (!destructors_[ledger_.at(slot).kind].is_freed_here()) return ledger_.NextReady();
  FreeNext();
  Report();
  return kDone;
}

// REQUIRES: something is ready, and it is freed here.
void Environment::FreeNext() { FreeHere(ledger_.NextReady()); }

// REQUIRES: NextReady has returned it, and it is freed here.
void Environment::FreeHere(SlotId id) {
  const Slot& slot = ledger_.at(id);
  if (destructors_[slot.kind].is_background() && FreeInBackground(id)) return;
  const bool freed = RunDestructor(slot.kind, slot.address, slot.size);
  kept_.Drop(id);
  ledger_.Settle(id, !freed);
}

// Returns false for one that is to be freed here: more is queued than may be garbage, and nobody would wait.
bool Environment::FreeInBackground(SlotId id) {
  if (background_.bytes() > pacer_.allowance()) return false;
  const Slot& slot = ledger_.at(id);
  return background_.Run(id, destructors_[slot.kind].CallOf(slot.address, slot.size), slot.size);
}

void Environment::SettleDone() {
  for (SlotId id = background_.NextDone(); id != kNoSlot; id = background_.NextDone()) {
    kept_.Drop(id);
    ledger_.Settle(id);
  }
}

bool Environment::AwaitBackground() {
  if (!background_.Wait()) return false;
  SettleDone();
  Report();
  return true;
}

void Environment::CloseBackground() {
  background_.Close();
  SettleDone();
}

bool Environment::Resize(SlotId slot, int64_t size) {
  const int64_t delta = size - ledger_.at(slot).size;
  if (!ledger_.CanCharge(delta)) return false;
  ledger_.Resize(slot, size);
  NoteChange(delta);
  Report();
  return true;
}

double Environment::Drain(double milliseconds) {
  constexpr uint32_t kMergeEvery = 1024;
  const auto deadline = Deadline(milliseconds);
  // The clock is read often only where destructors are slow.
  constexpr auto kSlow = std::chrono::microseconds(50);
  auto last_read = Collector::Clock::now();
  uint32_t batch = 1;
  uint32_t until_read = 1;
  double result = kDone;
  SettleDone();
  for (uint32_t i = 1;; i++) {
    const SlotId id = ledger_.NextReady();
    if (id == kNoSlot) break;
    if (i % kMergeEvery == 0) MergeFreedBlocks();
    const Slot& slot = ledger_.at(id);
    if (!destructors_[slot.kind].is_freed_here()) {
      result = id;
      break;
    }
    PayAssist(slot.size);
    FreeHere(id);
    if (deadline == kForever || !ledger_.HasReady() || ledger_.HasUrgent() || --until_read > 0) continue;
    const auto now = Collector::Clock::now();
    batch = now - last_read > kSlow ? 1 : std::min(batch * 2, 4U);
    last_read = now;
    until_read = batch;
    if (now >= deadline) {
      result = kMore;
      break;
    }
  }
  Report();
  return result;
}

bool Environment::RunNative(SlotId id, std::optional<int32_t>* failure) {
  const uint32_t kind = ledger_.at(id).kind;
  const bool threw = !RunDestructor(kind, ledger_.at(id).address, ledger_.at(id).size);
  *failure = destructors_[kind].failure();
  return !threw;
}

napi_value Environment::ObjectOrEnd(SlotId slot) {
  if (ledger_.at(slot).state != SlotState::kLive) return nullptr;
  collector_.WatchEach();
  return collector_.ObjectOrEnd(slot);
}

bool Environment::Settle(SlotId slot, bool failed) {
  PayAssist(ledger_.at(slot).size);
  contexts_.Drop(slot);
  kept_.Drop(slot);
  ledger_.Settle(slot, failed);
  Report();  // now: the slice may be over, and V8 is not to hear of more than there is
  return ledger_.HasReady();
}

bool Environment::Observe() {
  if (!collector_.Observe()) return false;
  if (!noted_) before_ = undecided();
  noted_ = true;
  noted_major_ |= collector_.saw_major();
  return true;
}

void Environment::AnnounceMajor() {
  before_ = undecided();  // what V8 collected by itself is swept, and no credit to this one
  Report(true);
}

void Environment::NoteMajor() {
  Observe();
  if (!noted_) before_ = undecided();
  noted_ = true;
  noted_major_ = true;
  collector_.NoteMajor();
}

bool Environment::Sweep(double milliseconds) {
  if (!has_swept_) ExpectBulkFrees(pacer_.options().budget);
  has_swept_ = true;
  if (collector_.saw_major()) views_.LetGoOfDead();
  collector_.Sweep(Deadline(milliseconds));
  return !collector_.HasWork();
}

uint32_t Environment::Collected(Collection asked, int64_t heap, int64_t pages) {
  ReadMeters();
  if (noted_) {
    // What V8 collected by itself could not take views that were held strongly, nor a minor one those that
    // are old.
    int64_t untried = asked == Collection::kNone ? views_.new_bytes() : 0;
    if (asked != Collection::kMajor && noted_major_) untried = views_.young_bytes();
    const int64_t before = before_ + let_go_ - untried;
    const int64_t after = undecided() - untried;
    pacer_.Collected(noted_major_ ? Collection::kMajor : Collection::kMinor, before, after, heap,
                     asked != Collection::kNone);
    watch_.pacer().Keep(seat_, before - after);
  }
  let_go_ = 0;
  noted_ = false;
  noted_major_ = false;
  Report();
  watch_.pacer().SetHeap(seat_, pages);
  ConcludeForAll(asked);
  return Advise();
}

void Environment::ConcludeForAll(Collection asked) {
  if (asked == Collection::kNone) return;
  const int64_t ended = pointers_before_ - ledger_.pointers();
  const bool paid = ended > 0 && ended >= watch_.pacer().Since(seat_) / 4;
  if (asked == Collection::kMajor) lasting_ = ledger_.pointers();
  futile_ = paid ? 0 : std::min(futile_ + 1, 6);
  if (paid && unsaid_before_ > pacer_.budget() / 4) watch_.Trim();  // it shows only then
  if (!watch_.pacer().Collected(seat_, ended, asked)) return;
  watch_.Trim();
  watch_.pacer().Conclude(watch_.memory().Usage(true));
}

napi_status Environment::View(SlotId slot, size_t length, napi_value* buffer) {
  const int64_t counted = viewed();
  const napi_status status = views_.Open(slot, length, buffer);
  if (viewed() != counted) Report();
  return status;
}

void Environment::BeginCollection(bool major) {
  views_.BeginCollection(major);
  began_ = Collector::Clock::now();
}

bool Environment::EndCollection(bool major) {
  const std::chrono::duration<double, std::milli> taken = Collector::Clock::now() - began_;
  time_.Spend(taken.count());
  const int64_t before = undecided();
  const bool again = views_.EndCollection(major);
  if (!noted_) let_go_ += before - undecided();
  return again;
}

void Environment::set_free_at_exit(bool free_at_exit) {
  free_at_exit_ = free_at_exit;
  views_.FreeAtEnd(free_at_exit);
}

double Environment::ReportByHand(int64_t delta) {
  if (!ledger_.ChargeByHand(delta)) return delta < 0 ? kBelowZero : kPastMost;
  NoteChange(delta);
  Report();
  return static_cast<double>(ledger_.manual());
}

void Environment::ReadMeters() {
  if (!outside_.has_meters()) return;
  outside_.ReadMeters(ledger_);
  ledger_.SetOutside(outside_.bytes());
}

bool Environment::MeterKind(uint32_t kind, uint32_t meter) {
  if (!outside_.Reserve()) return false;
  outside_.AttributeTo(ledger_.account_index_of(kind), Meter::At(static_cast<int>(meter)));
  return true;
}

void Environment::ChargeGauges(int64_t bytes) {
  outside_.SetGauges(bytes);
  ledger_.SetOutside(outside_.bytes());
}

void Environment::SetTime() {
  using std::chrono::duration_cast;
  using std::chrono::seconds;
  const auto now = duration_cast<seconds>(Collector::Clock::now().time_since_epoch()).count();
  ledger_.SetTime(static_cast<uint32_t>(now));
}

Ledger::Survey Environment::TakeSurvey() {
  SetTime();
  return ledger_.TakeSurvey();
}

int64_t Environment::Mapped() {
  const auto counts = [this](uint32_t kind) {
    return ledger_.live_of(kind) > 0 && destructors_[kind].Unmaps();
  };
  uint32_t first = 0;
  while (first < destructors_.size() && !counts(first)) first++;
  if (first == destructors_.size()) return 0;
  const std::vector<int64_t> bytes = ledger_.TakeSurvey().bytes;
  int64_t mapped = 0;
  for (uint32_t kind = first; kind < destructors_.size(); kind++) {
    if (counts(kind)) mapped += bytes[kind];
  }
  return mapped;
}

int64_t Environment::Report(bool before_major) {
  watch_.Publish(this, ledger_);
  outside_.Attribute(ledger_);
  int64_t counter = 0;
  const int64_t change = pacer_.Report(std::max(live() - viewed(), int64_t{0}), before_major);
  TALLY_CHECK(napi_adjust_external_memory(env_, change, &counter));
  return counter;
}

bool Environment::GatherObjects(napi_value arrays, napi_value filler, FallibleVector<double>* sizes) {
  uint32_t length = 0;
  if (napi_get_array_length(env_, arrays, &length) != napi_ok) return false;
  collector_.WatchEach();
  for (SlotId id = 0; id < ledger_.end();) {
    std::unique_ptr<Collector::Batch> batch = collector_.MakeBatch();
    if (batch == nullptr || !sizes->Reserve(Collector::Batch::kCapacity)) return false;
    Napi::HandleScope scope(env_);
    napi_value objects = nullptr;
    if (napi_create_array_with_length(env_, Collector::Batch::kCapacity, &objects) != napi_ok) return false;
    for (; id < ledger_.end() && batch->count < Collector::Batch::kCapacity; id++) {
      const Slot& slot = ledger_.at(id);
      if (slot.state != SlotState::kLive || slot.generation == Generation::kInBatch) continue;
      napi_value object = nullptr;
      TALLY_CHECK(napi_get_reference_value(env_, static_cast<napi_ref>(slot.reference), &object));
      if (object == nullptr) continue;
      if (napi_set_element(env_, objects, batch->count, object) != napi_ok) return false;
      batch->Push(id);
    }
    if (batch->count == 0) break;
    for (uint32_t i = batch->count; i < Collector::Batch::kCapacity; i++) {
      if (napi_set_element(env_, objects, i, filler) != napi_ok) return false;
    }
    if (napi_set_element(env_, arrays, length++, objects) != napi_ok) return false;
    for (uint32_t i = 0; i < batch->count; i++) {
      sizes->Push(static_cast<double>(ledger_.at(batch->slots[i]).size));
      collector_.Forget(batch->slots[i]);
    }
    collector_.WatchBatch(std::move(batch), objects);
  }
  return true;
}

}  // namespace tally
