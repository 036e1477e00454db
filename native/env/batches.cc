// The Collector's batches.

#include <algorithm>
#include <array>
#include <new>
#include <utility>

#include "base/process_memory.h"
#include "env/check.h"
#include "env/collector.h"

namespace tally {

std::unique_ptr<Collector::Batch> Collector::MakeBatch() {
  if (!batches_.Reserve(1)) return nullptr;
  return std::unique_ptr<Batch>(new (std::nothrow) Batch);
}

void Collector::WatchBatch(std::unique_ptr<Batch> batch, napi_value objects) {
  TALLY_CHECK(napi_create_reference(env_, objects, 0, &batch->objects));
  batch->since = seen_;
  for (uint32_t i = 0; i < batch->count; i++) {
    if (batch->slots[i] == kNoSlot) continue;
    Slot& slot = ledger_->at(batch->slots[i]);
    slot.reference = batch.get();
    slot.generation = Generation::kInBatch;
  }
  batches_.Push(std::move(batch));
}

// A slot of a batch may have ended, and been used again, since.
bool Collector::IsWatchedBy(SlotId id, const Batch& batch) const {
  if (id == kNoSlot) return false;
  const Slot& slot = ledger_->at(id);
  return (slot.state == SlotState::kLive || slot.state == SlotState::kGiven) &&
         slot.generation == Generation::kInBatch && slot.reference == &batch;
}

// All its objects are gone.
void Collector::EndBatch(const Batch& batch) {
  for (uint32_t i = 0; i < batch.count; i++) {
    const SlotId id = batch.slots[i];
    if (!IsWatchedBy(id, batch)) continue;
    End(id, ledger_->at(id).state == SlotState::kGiven);
  }
}

// Returns false, and changes nothing, without memory, and where JavaScript cannot be touched: the stack is
// full, or the worker is being terminated.
bool Collector::SplitBatch(const Batch& batch, napi_value objects, Generation generation) {
  std::array<napi_value, Batch::kCapacity> values{};
  napi_value zero = nullptr;
  if (!young_.Reserve(batch.count)) return false;
  for (uint32_t i = 0; i < batch.count; i++) {
    if (IsWatchedBy(batch.slots[i], batch) && napi_get_element(env_, objects, i, &values[i]) != napi_ok)
      return false;
  }
  if (napi_create_uint32(env_, 0, &zero) != napi_ok) return false;
  if (napi_set_named_property(env_, objects, "length", zero) != napi_ok) return false;

  for (uint32_t i = 0; i < batch.count; i++) {
    const SlotId id = batch.slots[i];
    if (!IsWatchedBy(id, batch)) continue;
    napi_valuetype type = napi_undefined;
    TALLY_CHECK(napi_typeof(env_, values[i], &type));
    if (type == napi_object) {
      Watch(id, values[i], generation);
      continue;
    }
    // It left the array, but whoever took it out was cut off before its slot heard of it.
    const bool given = ledger_->at(id).state == SlotState::kGiven;
    Forget(id);
    if (given) {
      ledger_->GiveAway(id, Reason::kReleased);
    } else {
      ledger_->End(id, Reason::kDisposed);
    }
  }
  return true;
}

// Returns whether the batch is settled: its objects are gone, or each has a reference of its own.
bool Collector::Resolve(Batch* batch, Generation generation) {
  Napi::HandleScope scope(env_);
  napi_value objects = nullptr;
  TALLY_CHECK(napi_get_reference_value(env_, batch->objects, &objects));
  if (objects == nullptr) {
    EndBatch(*batch);
    died_++;
  } else {
    if (!SplitBatch(*batch, objects, generation)) return false;
    split_++;
  }
  Drop(&batch->objects);
  return true;
}

bool Collector::WatchEach() {
  size_t kept = 0;
  for (size_t i = 0; i < batches_.size(); i++) {
    if (batches_[i] == nullptr || Resolve(batches_[i].get(), Generation::kYoung)) continue;
    if (kept != i) batches_[kept] = std::move(batches_[i]);
    kept++;
  }
  for (size_t i = kept; i < batches_.size(); i++) batches_[i].reset();
  batches_.Truncate(kept);
  cursor_batches_ = 0;
  died_ = 0;  // batches split before their GC tell nothing
  split_ = 0;
  return kept == 0;
}

bool Collector::SweepBatches(Clock::time_point deadline) {
  while (cursor_batches_ < batches_.size()) {
    std::unique_ptr<Batch>& batch = batches_[cursor_batches_];
    if (batch != nullptr && batch->since == seen_) break;
    cursor_batches_++;
    if (batch == nullptr) continue;
    if (Resolve(batch.get(), Generation::kMiddle)) batch.reset();
    MergeFreedBlocks();
    if (Clock::now() >= deadline) return false;
  }
  size_t kept = 0;
  for (size_t i = 0; i < batches_.size(); i++) {
    if (batches_[i] == nullptr) continue;
    if (kept != i) batches_[kept] = std::move(batches_[i]);
    kept++;
  }
  batches_.Truncate(kept);
  cursor_batches_ = 0;
  AdaptBatching();
  return true;
}

void Collector::AdaptBatching() {
  if (split_ > died_) {
    pause_ = std::clamp(pause_ * 2, kShortestPause, kLongestPause);
    resume_ = seen_ + pause_;
  } else if (died_ > 0) {
    pause_ = 0;
  }
  died_ = 0;
  split_ = 0;
}

}  // namespace tally
