// The end of an environment, or of the process without it.

#include <cstdlib>

#include "env/environment.h"

namespace tally {

namespace {

// The environments to be freed by an exit of the process that does not end them. Process-wide on purpose,
// used on the main thread only.
Environment* first_leaving = nullptr;

}  // namespace

Environment::~Environment() {
  if (!leaving_) return;
  Environment** at = &first_leaving;
  while (*at != this) at = &(*at)->next_leaving_;
  *at = next_leaving_;
}

void Environment::FreeAtProcessExit() {
  if (leaving_) return;
  // What is registered last is called first: static objects of the libraries loaded by now are still there.
  if (std::atexit([] {
        for (Environment* it = first_leaving; it != nullptr; it = it->next_leaving_) it->FreeAll();
      }) != 0)
    return;
  leaving_ = true;
  next_leaving_ = first_leaving;
  first_leaving = this;
}

void Environment::TearDown() {
  if (torn_down_) return;
  collector_.Stop();
  contexts_.DropAll();
  views_.Stop();
  for (SlotId id = 0; free_at_exit_ && id < ledger_.end(); id++) {
    const SlotState state = ledger_.at(id).state;
    if (state == SlotState::kLive || state == SlotState::kGiven) collector_.Forget(id);
  }
  FreeAll();
  Report();
}

void Environment::FreeAll() {
  if (torn_down_) return;
  torn_down_ = true;
  if (!free_at_exit_) return;

  for (uint32_t i = 0; i < nursery_.count(); i++) {
    if (nursery_.slot(i) != Nursery::kWaiting) continue;
    const uint32_t kind = nursery_.kind(i);
    ledger_.Pass(kind, nursery_.size(i), Reason::kTornDown);
    if (destructors_[kind].is_native()) destructors_[kind].Run(nursery_.address(i), nursery_.size(i));
  }
  nursery_.count() = 0;

  for (SlotId id = 0; id < ledger_.end(); id++) {
    const SlotState state = ledger_.at(id).state;
    if (state == SlotState::kLive) ledger_.End(id, Reason::kTornDown);
    if (state == SlotState::kGiven) ledger_.GiveAway(id, Reason::kReleased);
  }
  const auto free_ready = [this] {
    for (SlotId id = ledger_.NextReady(); id != kNoSlot; id = ledger_.NextReady()) {
      const Slot& slot = ledger_.at(id);
      const Destructor& destructor = destructors_[slot.kind];
      if (destructor.is_native()) destructor.Run(slot.address, slot.size);
      ledger_.Settle(id);
    }
  };
  free_ready();
  // What is held now is held by asynchronous calls. Node has waited for them before it came here, and the
  // callbacks that would have let go will not come.
  ledger_.DropCallHolds();
  free_ready();
  // Who would take it now?
  if (is_main_) Transit::Instance().FreeAll();
}

}  // namespace tally
