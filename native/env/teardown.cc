// The beginning and the end of an environment, or of the process without it.

#include <cstdlib>
#include <utility>

#include "env/check.h"
#include "env/environment.h"

namespace tally {

namespace {

// The environments to be freed by an exit of the process that does not end them. Process-wide on purpose,
// used on the main thread only.
Environment* first_leaving = nullptr;

// Those of this thread, whichever copy of the addon they have come by.
thread_local Environment* first_here = nullptr;

}  // namespace

Environment::Environment(Napi::Env env, bool in_worker)
    : env_(env),
      collector_(env, &ledger_),
      views_(env, &ledger_),
      nursery_(env),
      is_main_(!in_worker),
      free_at_exit_(in_worker),
      next_here_(std::exchange(first_here, this)) {
  collector_.Start();
  views_.FreeAtEnd(free_at_exit_);
}

Environment::~Environment() {
  watch_.pacer().Leave(seat_);
  watch_.Retract(this);
  const auto leave = [this](Environment** at, Environment* Environment::*next) {
    while (*at != this) at = &((*at)->*next);
    *at = this->*next;
  };
  leave(&first_here, &Environment::next_here_);
  lifeline_->Release();
  if (leaving_) leave(&first_leaving, &Environment::next_leaving_);
}

Environment* Environment::Open(Napi::Env env, bool in_worker) {
  EndAbandoned();
  std::unique_ptr<Environment> environment(new Environment(env, in_worker));
  TALLY_CHECK(napi_add_env_cleanup_hook(env, Close, environment.get()));
  return environment.release();
}

void Environment::Close(void* data) {
  const std::unique_ptr<Environment> last(static_cast<Environment*>(data));
  last->TearDown();
}

Napi::Value Environment::Lifeline() {
  // An object, because Node leaks what it has for an External that is alive at a worker's end.
  const Napi::Object lifeline = Napi::Object::New(env_);
  const auto collected = [](napi_env, void* data, void*) {
    auto* state = static_cast<LifelineState*>(data);
    state->Abandon();
    state->Release();
  };
  TALLY_CHECK(napi_add_finalizer(env_, lifeline, lifeline_, collected, nullptr, nullptr));
  return lifeline;
}

bool Environment::HasPointers() {
  SettleDone();
  bool has = ledger_.pointers() > 0 || nursery_.has_in_hand();
  for (uint32_t i = 0; i < nursery_.count(); i++) has |= nursery_.holds(i);
  return has;
}

void Environment::KeepRoot(bool wanted) {
  if (wanted == is_rooted_ || root_ == nullptr) return;
  uint32_t count = 0;
  TALLY_CHECK((wanted ? napi_reference_ref : napi_reference_unref)(env_, root_, &count));
  is_rooted_ = wanted;
}

void Environment::EndAbandoned() {
  for (Environment* at = first_here; at != nullptr;) {
    Environment* const environment = at;
    at = at->next_here_;
    if (environment->HasPointers()) continue;
    environment->KeepRoot(false);
    if (!environment->lifeline_->is_abandoned()) continue;
    // What else it has charged nobody can take back now.
    environment->ledger_.ChargeByHand(-environment->ledger_.manual());
    environment->ledger_.SetOutside(0);
    environment->free_at_exit_ = false;  // there is nothing, and what is in transit is others'
    TALLY_CHECK(napi_remove_env_cleanup_hook(environment->env_, Close, environment));
    Close(environment);
  }
}

void Environment::FreeAtProcessExit() {
  if (leaving_) return;
  // What is registered last is called first: static objects of the libraries loaded by now are still there.
  if (std::atexit([] {
        for (Environment* it = first_leaving; it != nullptr; it = it->next_leaving_) it->FreeAll(true);
      }) != 0)
    return;
  leaving_ = true;
  next_leaving_ = first_leaving;
  first_leaving = this;
}

void Environment::TearDown() {
  collector_.Stop();
  contexts_.DropAll();
  if (root_ != nullptr) TALLY_CHECK(napi_delete_reference(env_, std::exchange(root_, nullptr)));
  views_.Stop();
  for (SlotId id = 0; free_at_exit_ && id < ledger_.end(); id++) {
    const SlotState state = ledger_.at(id).state;
    if (state == SlotState::kLive || state == SlotState::kGiven) collector_.Forget(id);
  }
  FreeAll(true);
  kept_.DropAll();
  Report();
}

// Returns whether nothing is left of it. Memory that JavaScript frees is: no JavaScript runs any more.
static bool RunAtEnd(const Destructor& destructor, uint64_t address, uint64_t size) {
  if (destructor.form() == Destructor::Form::kJavaScript) return !destructor.is_memory();
  if (destructor.is_native()) destructor.Run(address, size);
  return !destructor.failure().has_value();
}

void Environment::FreeAll(bool calls_ended) {
  if (torn_down_) return;
  torn_down_ = true;
  CloseBackground();
  if (!free_at_exit_) return;

  for (uint32_t i = 0; i < nursery_.count(); i++) {
    if (nursery_.slot(i) != Nursery::kWaiting) continue;
    const uint32_t kind = nursery_.kind(i);
    ledger_.Pass(kind, nursery_.size(i), Reason::kTornDown);
    if (!RunAtEnd(destructors_[kind], nursery_.address(i), nursery_.size(i))) ledger_.NoteFailure(kind);
  }
  nursery_.count() = 0;
  if (nursery_.has_in_hand()) {
    const Destructor& destructor = destructors_[nursery_.kind(Nursery::kHand)];
    if (destructor.is_native()) destructor.Run(nursery_.address(Nursery::kHand), 0);
    LeaveHand();
  }

  for (SlotId id = 0; id < ledger_.end(); id++) {
    const SlotState state = ledger_.at(id).state;
    if (state == SlotState::kLive) ledger_.End(id, Reason::kTornDown);
    if (state == SlotState::kGiven) ledger_.GiveAway(id, Reason::kReleased);
  }
  const auto free_ready = [this] {
    for (SlotId id = ledger_.NextReady(); id != kNoSlot; id = ledger_.NextReady()) {
      const Slot& slot = ledger_.at(id);
      ledger_.Settle(id, !RunAtEnd(destructors_[slot.kind], slot.address, slot.size));
    }
  };
  free_ready();
  // What is held now is held by asynchronous calls. Where Node has waited for them, the callbacks that would
  // have let go will not come.
  if (calls_ended) ledger_.DropCallHolds();
  free_ready();
  // Who would take it now?
  if (is_main_) Transit::Instance().FreeAll();
}

}  // namespace tally
