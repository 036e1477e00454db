// What one Node environment (the main thread or a worker) owns here: its ledger, its collector, its
// pacer, its destructors. Gone when the environment goes; at a worker's end every pointer with a native
// destructor is freed first, children before parents. Or before, when no JavaScript can use it any more and
// it has no pointers: the library may be loaded again and again.
//
// JavaScript has validated whatever arrives; the methods assert. Use on the environment's thread only.

#ifndef FFI_TALLY_ENV_ENVIRONMENT_H_
#define FFI_TALLY_ENV_ENVIRONMENT_H_

#include <napi.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <string_view>

#include "base/fallible_vector.h"
#include "books/ledger.h"
#include "books/pacer.h"
#include "books/share.h"
#include "env/async_contexts.h"
#include "env/background.h"
#include "env/check.h"
#include "env/collector.h"
#include "env/destructor.h"
#include "env/kept_values.h"
#include "env/nursery.h"
#include "env/outside.h"
#include "env/process_watch.h"
#include "env/transit.h"
#include "env/views.h"

namespace tally {

// Whether the lifeline of an environment has been collected. Shared by the two, either of which may go first,
// and in any thread: by hand, because std::shared_ptr needs a newer glibc than Node does.
class LifelineState {
 public:
  void Abandon() { is_abandoned_ = true; }
  bool is_abandoned() const { return is_abandoned_; }
  // One of the two goes.
  void Release() {
    if (--owners_ == 0) std::unique_ptr<LifelineState>(this).reset();
  }

 private:
  std::atomic<int> owners_{2};
  std::atomic<bool> is_abandoned_{false};
};

class Environment {
 public:
  // What Drain returns beside the number of a slot whose destructor JavaScript must run.
  static constexpr double kDone = -1;
  static constexpr double kMore = -2;
  // What ReportByHand returns in place of a total.
  static constexpr double kBelowZero = -1;
  static constexpr double kPastMost = -2;
  // A bit of the advice beside a Collection: a GC has run, there is something to sweep.
  static constexpr uint32_t kSweep = 4;
  // Another: the collection is for the process, so all that it finds is freed at once.
  static constexpr uint32_t kForAll = 8;

  // A new one, which Node ends with its own. What is alive then is freed in a worker, until set_free_at_exit.
  static Environment* Open(Napi::Env env, bool in_worker);
  ~Environment();
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  // What must be reachable from whatever can use this environment. Once it has been collected, the
  // environment is abandoned.
  Napi::Value Lifeline();
  // Ends what is abandoned on this thread and has no pointers.
  static void EndAbandoned();

  Napi::Value NurseryBuffer();

  // Returns -1 without memory.
  double AddKind(std::string_view label, Destructor destructor);
  // Gives back what was dropped and has no pointers, if the nursery is empty and no destructor runs.
  void RemoveUnusedKinds();
  // Keeps the library of the kind's destructor mapped, until UnpinIdle finds no pointer of that kind.
  void Pin(uint32_t kind);
  // Keeps the libraries of the destructors that are running mapped: a pointer that was in the nursery has no
  // slot that does.
  void PinRunning();
  // Lets go of the libraries that no pointer and no running destructor needs, if the nursery is empty; and of
  // what is abandoned.
  void UnpinIdle();

  // Moves the nursery's pointers into the ledger and watches their objects. If not `forced`, the last entry
  // triggered the flush: it gets a weak reference and `parent` of its own. Returns an advice. If nothing has
  // changed, the nursery says why: kOverLimit only if not `forced`.
  uint32_t Flush(napi_value objects, SlotId parent, bool forced);

  // Frees a pointer that was never booked, because tracking it failed, or has not even a kind.
  void Free(uint32_t kind, uint64_t address, int64_t size);
  // The same for the one in hand, if there is one.
  void FreeInHand();

  // Frees a pointer that is still in the nursery. It has left before its destructor runs.
  void DisposeYoung(uint32_t index);
  // The pointer belongs to C now, or C has freed it. REQUIRES: nothing holds it.
  void ReleaseYoung(uint32_t index, bool freed);
  // Returns whether another pointer, the parent, has become ready to be freed.
  bool Release(SlotId slot, bool freed);

  // C is about to take the pointer: its views are emptied, and whatever happens meanwhile, the destructor
  // will not run. Returns how many children, calls and views that cannot be emptied hold it; then nothing
  // else changed.
  uint32_t Give(SlotId slot);

  // The pointer goes into transit, for another thread, and its views are emptied. Otherwise nothing changed:
  // there is no memory, or a view cannot be emptied. REQUIRES: it is live and nothing but views holds it; the
  // key is new; `transferred` is what JavaScript knows of it.
  enum class HandedOver : uint8_t { kYes, kNoMemory, kViewed };
  HandedOver HandOver(SlotId slot, std::string_view key, TransferredPointer* transferred, Label label);
  // The pointer of that key comes out of transit and into the nursery, at once: there is no moment when it
  // has no owner, or two. REQUIRES: the nursery is empty.
  enum class Taken : uint8_t { kYes, kGone, kTooMuch, kNoMemory };
  Taken TakeOver(std::string_view key, uint32_t kind);

  // Returns whether something holds it still.
  bool End(SlotId slot);
  // Ends a pointer and frees it now if nothing holds it, and what that lets go: then kMore means that there
  // is more to free. REQUIRES: its destructor is not JavaScript's.
  enum class Disposed : uint8_t { kDone, kMore, kHeld };
  Disposed Dispose(SlotId slot);
  // Calls visit(object) for each pointer that needs the memory of `slot`, children first, and ends those of
  // which nobody has the object. Returns false without memory.
  template <typename Visit>
  bool EachDependent(SlotId slot, Visit visit);
  // The object of a pointer; null if it has ended, or nobody has it, which ends it.
  napi_value ObjectOrEnd(SlotId slot);
  // Ends a pointer and frees it now if nothing holds it, and nothing else: C may be using that. Returns what
  // Drain does.
  double DisposeAlone(SlotId slot);
  bool Resize(SlotId slot, int64_t size);
  // What is kept for a pointer until its memory is gone, or is not ours any more.
  KeptValues& kept() { return kept_; }

  // Frees what is urgent, and what is ready until there is no more or the time is up; or until JavaScript
  // must run a destructor.
  double Drain(double milliseconds);
  // Pointers whose destructors run on another thread, or have run there, until Drain or these settle them.
  uint32_t in_background() const { return static_cast<uint32_t>(background_.count()); }
  // Waits for the next of them. False if there is none.
  bool AwaitBackground();
  // Waits for all. From now on such destructors run here.
  void CloseBackground();
  // Frees what Drain has returned, or a pointer that was given, by the native function that says whether it
  // could. The slot stays. Returns whether no callback threw; `failure` is what the function says, if it
  // fails.
  bool RunNative(SlotId slot, std::optional<int32_t>* failure);
  // A callback that the destructor now running called has thrown, and the error was caught.
  void NoteThrow() { callback_threw_ = true; }
  // Of the pointers that JavaScript frees. What runs there leaves pending what it throws.
  AsyncContexts& contexts() { return contexts_; }
  // A destructor of JavaScript has run. Returns whether there is more to free.
  bool Settle(SlotId slot, bool failed);
  const Destructor& destructor_of(SlotId slot) const { return destructors_[ledger_.at(slot).kind]; }

  // Notes whether a GC has run since the last look. NoteMajor: somebody knows that a major one has.
  bool Observe();
  void NoteMajor();
  // A major GC is asked for next.
  void AnnounceMajor();
  Collector& collector() { return collector_; }
  // Appends arrays of the objects of all pointers that are alive to `arrays`, the last one filled up, and
  // their sizes to `sizes`; false without memory. Only these arrays are watched then, which is less for V8 to
  // list. REQUIRES: the nursery is empty; `arrays` stays until WatchEach() of the collector is true.
  bool GatherObjects(napi_value arrays, napi_value filler, FallibleVector<double>* sizes);
  // Finds the dead that the GCs noted may have left. Returns whether it came to the end.
  bool Sweep(double milliseconds);
  // The GCs noted are swept and their dead are freed: the pacer learns from them. `asked` is what was
  // asked for, kNone when V8 collected by itself; `heap` is the JavaScript heap in use, and `pages` what it
  // has of the kernel. Returns the next advice.
  uint32_t Collected(Collection asked, int64_t heap, int64_t pages);
  uint32_t Advise();
  // The same again, now that it is known what the JavaScript heap has.
  uint32_t Reconsider(int64_t pages);
  // The same because of the number of views.
  uint32_t AdviseForViews() const;

  // As Views::Open. V8 counts the bytes of the view, so while it does they are left out of what V8 is told.
  napi_status View(SlotId slot, size_t length, napi_value* buffer);
  // As Views::BeginCollection and EndCollection. The pacer must hear of it next.
  void BeginCollection(bool major);
  bool EndCollection(bool major);
  Views& views() { return views_; }

  // Charges by hand. Returns the total; or kBelowZero, or kPastMost past kMaxBytes, with nothing changed.
  double ReportByHand(int64_t delta);

  Outside& outside() { return outside_; }
  // Charges what meters have counted.
  void ReadMeters();
  // Pointers of that kind have their sizes from `meter`. False without memory.
  bool MeterKind(uint32_t kind, uint32_t meter);
  // Charges what gauges have told.
  void ChargeGauges(int64_t bytes);

  // Keeps `value` alive while there are pointers, from the first slot until EndAbandoned finds none.
  void Root(napi_value value) { TALLY_CHECK(napi_create_reference(env_, value, 0, &root_)); }

  // Tells V8 what the pacer wants it to know, and meters what pointers carry. Returns V8's own counter of
  // external bytes.
  int64_t Report(bool before_major = false);

  // Bytes that V8 counts itself, as ArrayBuffers over tracked memory.
  int64_t viewed() const { return views_.counted_bytes(); }
  // Bytes of the pointers that munmap frees. Visits all pointers, if there is any of these.
  int64_t Mapped();

  int64_t live() const { return ledger_.total(); }
  // What a collection could still let go: live without what is known to be dead, unless views hold that.
  int64_t undecided() const { return live() - ledger_.dead_bytes() + ledger_.viewed_dead_bytes(); }
  // Mutator assist: while more waits to be freed than may be alive, whoever tracks pointers frees twice the
  // bytes that he brings.
  bool owes_assist() const { return is_backlogged() && assist_debt_ > 0; }
  // The same as the ledger's, up to now.
  Ledger::Survey TakeSurvey();
  const Ledger& ledger() const { return ledger_; }
  Ledger& ledger() { return ledger_; }
  Pacer& pacer() { return pacer_; }
  int64_t limit() const { return limit_; }
  void set_limit(int64_t limit) { limit_ = limit; }
  void Configure(const Pacer::Options& options);

  // Whether the process has room for one more pointer of that size: see ProcessPacer::Admits.
  bool ProcessAdmits(int64_t size, bool last) { return watch_.Admits(seat_, size, last); }
  void AdmitNext() { watch_.pacer().AdmitNext(seat_); }
  // The memory of the process is looked at from now on.
  void StartWatch(int64_t pages) {
    watch_.pacer().SetHeap(seat_, pages);
    watch_.Start();
  }
  // The others shall collect.
  void RingOthers() { watch_.pacer().Ring(seat_, Collection::kMajor); }
  // Whether it has pointers of which no collection has said anything.
  bool HoldsGarbage() { return ledger_.pointers() > 0 && watch_.pacer().Since(seat_) > 0; }
  // Whether the process waits for this thread, which may be idle.
  bool IsWanted() { return *nursery_.most() == 0; }
  // The GC that may have left dead that nobody has found yet: kMinor also for a major one that cannot be told
  // yet.
  Collection Unswept() {
    Observe();
    if (collector_.HasOldWork()) return Collection::kMajor;
    return collector_.HasWork() ? Collection::kMinor : Collection::kNone;
  }
  void set_free_at_exit(bool free_at_exit);

  // The process is about to exit without ending this environment: frees the same as the last thing it does.
  void FreeAtProcessExit();
  // Frees it now, but for what asynchronous calls are using. REQUIRES: no JavaScript that uses a pointer runs
  // after it.
  void FreeNow() { FreeAll(false); }

 private:
  Environment(Napi::Env env, bool in_worker);
  // Ends the environment in `data`.
  static void Close(void* data);
  // Frees everything that has a native destructor. JavaScript can no longer run.
  void TearDown();
  bool HasPointers();
  void KeepRoot(bool wanted);
  // Bytes came or went, and not by a GC.
  void NoteChange(int64_t bytes) { before_ += noted_ ? bytes : 0; }
  void PayAssist(int64_t size) { assist_debt_ = std::max(assist_debt_ - size, int64_t{0}); }
  bool is_backlogged() const { return ledger_.ready_bytes() > pacer_.allowance(); }
  Refusal AssignSlots(napi_value objects, SlotId parent, bool forced);
  void SetTime();
  Collection AdviseOwn();
  // Pointers that may be garbage: all but the one that enters.
  int64_t others() { return ledger_.pointers() + nursery_.count() - 1; }
  // Bytes that came with pointers since the last collection, and what was said of them.
  int64_t Brought();
  int64_t Said();
  bool BroughtUnsaid();
  Collection MinorIfItPays();
  void ConcludeForAll(Collection asked);
  // Whether C has freed the pointer or only taken it.
  static Reason Given(bool freed) { return freed ? Reason::kDisposed : Reason::kReleased; }
  void LeaveNursery(uint32_t index);
  void LeaveHand() { nursery_.slot(Nursery::kHand) = Nursery::kGone; }
  bool EmptyViews(SlotId slot);
  // Once. `calls_ended`: nobody uses now what asynchronous calls hold.
  void FreeAll(bool calls_ended);
  void FreeNext();
  void FreeHere(SlotId id);
  bool FreeInBackground(SlotId id);
  void SettleDone();
  void WatchOne(SlotId slot, napi_value object, bool given);
  bool RunDestructor(uint32_t kind, uint64_t address, int64_t size);
  bool IsRunning(uint32_t kind) const;

  // A destructor on the stack, which may have called back into JavaScript.
  struct Running {
    uint32_t kind;
    const Running* outer;
  };

  Napi::Env env_;
  Ledger ledger_;
  Collector collector_;
  Views views_;
  Pacer pacer_;
  Nursery nursery_;
  Share share_{&ledger_.figures()};
  FallibleVector<Destructor> destructors_;  // by kind
  AsyncContexts contexts_{env_};
  KeptValues kept_{env_};
  Background background_;
  uint64_t pinned_function_ = 0;  // the last one, and its pin: the next is often the same
  SharedPin pin_;
  ProcessWatch& watch_ = ProcessWatch::Instance();
  ProcessPacer::Seat* const seat_ = watch_.pacer().Sit(nursery_.waiting(), nursery_.most());
  int64_t pointers_before_ = 0;  // when a collection may have been asked for
  int64_t unsaid_before_ = 0;    // then, bytes beside what was said
  int64_t lasting_ = 0;          // pointers that the last major collection has left
  int futile_ = 0;               // collections one after the other that ended few pointers
  Outside outside_;
  napi_ref root_ = nullptr;
  bool is_rooted_ = false;
  uint64_t objects_since_ = 0;  // GCs seen when the nursery's array of objects was made
  int64_t before_ = 0;          // undecided when the GCs not yet swept were first noted, and changes since
  TimeShare time_{10};          // of this thread, for collections
  Collector::Clock::time_point began_;
  int64_t let_go_ = 0;         // undecided until the last EndCollection, which found out
  int64_t assist_debt_ = 0;    // bytes to free, for what came since there is a backlog
  int64_t limit_ = kMaxBytes;  // live bytes that no new pointer may pass
  bool noted_ = false;
  bool noted_major_ = false;
  bool callback_threw_ = false;
  const Running* running_ = nullptr;
  bool has_swept_ = false;
  const bool is_main_;
  bool free_at_exit_ = false;
  bool torn_down_ = false;
  Environment* next_leaving_ = nullptr;
  bool leaving_ = false;
  Environment* next_here_;
  LifelineState* const lifeline_ = new LifelineState;
};

template <typename Visit>
bool Environment::EachDependent(SlotId slot, Visit visit) {
  FallibleVector<SlotId> found;
  if (!ledger_.FindDependents(slot, &found)) return false;
  collector_.WatchEach();
  for (size_t i = found.size(); i-- > 0;) {
    if (ledger_.at(found[i]).state != SlotState::kLive) continue;
    napi_value object = collector_.ObjectOrEnd(found[i]);
    if (object != nullptr) visit(object);
  }
  return true;
}

// Here because it is on the way of every pointer that is disposed of at once.

inline bool Environment::RunDestructor(uint32_t kind, uint64_t address, int64_t size) {
  // C may call back into JavaScript that throws.
  const bool outer = callback_threw_;
  const Running running{kind, running_};
  callback_threw_ = false;
  running_ = &running;
  destructors_[kind].Run(address, size);
  running_ = running.outer;
  if (env_.IsExceptionPending()) {
    env_.GetAndClearPendingException();
    callback_threw_ = true;
  }
  const bool threw = callback_threw_;
  callback_threw_ = outer;
  return !threw;
}

inline void Environment::Free(uint32_t kind, uint64_t address, int64_t size) {
  if (nursery_.has_in_hand() && nursery_.address(Nursery::kHand) == address) LeaveHand();
  if (!RunDestructor(kind, address, size) || destructors_[kind].failure()) ledger_.NoteFailure(kind);
}

inline void Environment::LeaveNursery(uint32_t index) {
  assert(nursery_.holds(index));
  nursery_.slot(index) = Nursery::kGone;
  if (index + 1 == nursery_.count()) nursery_.count() = index;
}

#if defined(__GNUC__)  // which finds it too large
__attribute__((always_inline))
#endif
inline void
Environment::DisposeYoung(uint32_t index) {
  const uint32_t kind = nursery_.kind(index);
  const int64_t size = nursery_.size(index);
  const uint64_t address = nursery_.address(index);
  LeaveNursery(index);
  ledger_.Pass(kind, size, Reason::kDisposed);
  if (!RunDestructor(kind, address, size)) ledger_.NoteFailure(kind);
}

}  // namespace tally

#endif  // FFI_TALLY_ENV_ENVIRONMENT_H_
