// The end of an environment.

#include "environment.h"

namespace tally {

void Environment::TearDown() {
  if (torn_down_) return;
  torn_down_ = true;
  collector_.Stop();
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
    if (state == SlotState::kLive || state == SlotState::kGiven) collector_.Forget(id);
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
  Tell();
}

}  // namespace tally
