#include "env/collector.h"

#include <utility>

#include "base/process_memory.h"
#include "env/check.h"

namespace tally {

void Collector::Start() {
  probe_ = Reference(true);
  sentinel_ = Reference(false);
}

void Collector::Stop() {
  for (const auto& batch : batches_) {
    if (batch != nullptr) Drop(&batch->objects);
  }
  batches_.Truncate(0);
  Drop(&probe_);
  Drop(&sentinel_);
}

napi_ref Collector::Reference(bool weak) {
  Napi::HandleScope scope(env_);
  napi_value object = nullptr;
  napi_ref reference = nullptr;
  TALLY_CHECK(napi_create_object(env_, &object));
  TALLY_CHECK(napi_create_reference(env_, object, weak ? 0 : 1, &reference));
  return reference;
}

bool Collector::IsEmpty(napi_ref reference) {
  napi_value value = nullptr;
  TALLY_CHECK(napi_get_reference_value(env_, reference, &value));
  return value == nullptr;
}

void Collector::Drop(napi_ref* reference) {
  if (*reference != nullptr) TALLY_CHECK(napi_delete_reference(env_, *reference));
  *reference = nullptr;
}

void Collector::Watch(SlotId id, napi_value object, Generation generation) {
  Slot& slot = ledger_->at(id);
  napi_ref reference = nullptr;
  TALLY_CHECK(napi_create_reference(env_, object, 0, &reference));
  slot.reference = reference;
  slot.generation = generation;
  young_.Push(id);
}

void Collector::Forget(SlotId id) {
  Slot& slot = ledger_->at(id);
  if (slot.generation != Generation::kInBatch) {
    TALLY_CHECK(napi_delete_reference(env_, static_cast<napi_ref>(slot.reference)));
  }
  slot.reference = nullptr;
}

napi_value Collector::ObjectOrEnd(SlotId id) {
  const Slot& slot = ledger_->at(id);
  if (slot.generation == Generation::kInBatch) return nullptr;  // which could not be split: a sweep will tell
  napi_value object = nullptr;
  TALLY_CHECK(napi_get_reference_value(env_, static_cast<napi_ref>(slot.reference), &object));
  if (object != nullptr) return object;
  Forget(id);
  ledger_->End(id, Reason::kDisposed);
  return nullptr;
}

bool Collector::Observe() {
  Napi::HandleScope scope(env_);
  if (!IsEmpty(probe_)) return false;
  Drop(&probe_);
  probe_ = Reference(true);
  seen_++;
  sweep_young_ = true;
  again_ = kept_young_;
  if (sentinel_weak_) {
    if (IsEmpty(sentinel_)) NoteMajor();
  } else if (++sentinel_age_ == kSurvivalsToOld) {
    uint32_t count = 0;
    TALLY_CHECK(napi_reference_unref(env_, sentinel_, &count));
    sentinel_weak_ = true;
  }
  return true;
}

void Collector::NoteMajor() {
  sweep_young_ = true;
  sweep_old_ = true;
  cursor_old_ = 0;
  // Not after each minor GC: where these come faster than slices, no sweep would ever be done.
  cursor_again_ = 0;
  if (!sentinel_weak_) return;
  Drop(&sentinel_);
  sentinel_ = Reference(false);
  sentinel_age_ = 0;
  sentinel_weak_ = false;
}

// The object of `id` is gone.
void Collector::End(SlotId id, bool given) {
  Forget(id);
  if (given) {
    ledger_->GiveAway(id, Reason::kReleased);  // by a call that was cut off: nobody can take it back
  } else {
    ledger_->End(id, Reason::kCollected);
  }
}

// Returns whether there still is an object to watch.
bool Collector::Poll(SlotId id) {
  const SlotState state = ledger_->at(id).state;
  const bool given = state == SlotState::kGiven;
  if (state != SlotState::kLive && !given) return false;
  if (!IsEmpty(static_cast<napi_ref>(ledger_->at(id).reference))) return true;
  End(id, given);
  return false;
}

void Collector::Sweep(Clock::time_point deadline) {
  if (sweep_young_ && SweepYoung(deadline)) sweep_young_ = false;
  if (!sweep_young_ && sweep_old_ && SweepOld(deadline)) sweep_old_ = false;
}

// The lists may name a slot that has ended or been used again since: only the list's own generation
// counts, and a slot that is listed twice is polled twice.
bool Collector::SweepYoung(Clock::time_point deadline) {
  while (cursor_middle_ < middle_.size()) {
    Napi::HandleScope scope(env_);
    for (uint32_t i = 0; i < kBatch && cursor_middle_ < middle_.size(); i++) {
      const SlotId id = middle_[cursor_middle_++];
      Slot& slot = ledger_->at(id);
      if (slot.generation == Generation::kMiddle && Poll(id)) slot.generation = Generation::kOld;
    }
    MergeFreedBlocks();
    if (Clock::now() >= deadline) return false;
  }
  while (cursor_young_ < young_.size()) {
    Napi::HandleScope scope(env_);
    for (uint32_t i = 0; i < kBatch && cursor_young_ < young_.size(); i++) {
      const SlotId id = young_[cursor_young_++];
      Slot& slot = ledger_->at(id);
      if (slot.generation != Generation::kYoung || !Poll(id)) continue;
      slot.generation = Generation::kMiddle;
      young_[kept_young_++] = id;
    }
    MergeFreedBlocks();
    if (Clock::now() >= deadline) return false;
  }
  young_.Truncate(kept_young_);
  const bool done = SweepBatches(deadline);
  // What it has split has survived a GC like the young that were kept.
  cursor_young_ = kept_young_ = young_.size();
  if (!done || !RecheckSurvivors(deadline)) return false;
  std::swap(young_, middle_);
  young_.Truncate(0);
  cursor_middle_ = 0;
  cursor_young_ = 0;
  kept_young_ = 0;
  again_ = 0;
  cursor_again_ = 0;
  return true;
}

bool Collector::RecheckSurvivors(Clock::time_point deadline) {
  while (cursor_again_ < again_) {
    Napi::HandleScope scope(env_);
    for (uint32_t i = 0; i < kBatch && cursor_again_ < again_; i++) {
      const SlotId id = young_[cursor_again_++];
      if (ledger_->at(id).generation == Generation::kMiddle) Poll(id);
    }
    MergeFreedBlocks();
    if (Clock::now() >= deadline) return false;
  }
  return true;
}

bool Collector::SweepOld(Clock::time_point deadline) {
  while (cursor_old_ < ledger_->end()) {
    Napi::HandleScope scope(env_);
    for (uint32_t i = 0; i < kBatch && cursor_old_ < ledger_->end(); i++) {
      const SlotId id = cursor_old_++;
      if (ledger_->at(id).generation == Generation::kOld) Poll(id);
    }
    MergeFreedBlocks();
    if (Clock::now() >= deadline) return false;
  }
  return true;
}

}  // namespace tally
