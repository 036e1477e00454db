#include "meters/held_pointers.h"

#include <algorithm>

#include "base/fallible_vector.h"
#include "base/process_memory.h"

namespace tally {

namespace {

constexpr size_t kMostReached = 20'000;  // blocks
constexpr uint64_t kMostRead = uint64_t{16} << 20;
constexpr uint64_t kNoPointer = 32;  // nor is what is below

// Calls `see` with each word of a block, or of its beginning. Tables of pointers below 4 GB may be of 32
// bits, as GLib's are.
template <typename See>
void EachWord(uint64_t address, uint64_t bytes, See see) {
  uint32_t halves[2048];
  const uint64_t end = std::min(bytes, HeldPointers::kMostOfBlock);
  for (uint64_t at = 0; at + sizeof(uint32_t) <= end; at += sizeof(halves)) {
    const size_t wanted = std::min<uint64_t>(sizeof(halves), end - at);
    const size_t count = ReadMemory(address + at, wanted, halves) / sizeof(uint32_t);
    for (size_t i = 0; i < count; i++) {
      see(uint64_t{halves[i]});
      if (i % 2 == 0 && i + 1 < count) see(uint64_t{halves[i + 1]} << 32 | halves[i]);
    }
  }
}

}  // namespace

void HeldPointers::Add(const Block& block, uint64_t reach) {
  if (count_ == kMostPointers) return;
  pointers_[count_++].block = block;
  lowest_ = std::min(lowest_, block.address);
  highest_ = std::max(highest_, block.address);
  reach_ = std::max(reach_, reach);
}

void HeldPointers::Look(const Block& block) {
  if (count_ == 0 || read_ >= kMostRead) return;
  read_ += std::min(block.bytes, kMostOfBlock);
  EachWord(block.address, block.bytes, [this, &block](uint64_t word) {
    if (word < lowest_ || word > highest_ + reach_) return;
    for (size_t i = 0; i < count_; i++) {
      Pointer& each = pointers_[i];
      const Block& object = each.block;
      if (word < object.address || word - object.address > reach_ || block.call == object.call) continue;
      if (block.call < object.call || block.is_of_makers) each.is_held = true;
      if (!each.is_held && each.count < kMostHolders) each.younger[each.count++] = block.address;
    }
  });
}

size_t HeldPointers::CountHeld() const {
  return static_cast<size_t>(std::count_if(pointers_, pointers_ + count_, [this](const Pointer& each) {
    const auto is_other = [&](uint64_t holder) { return !Reaches(each.block.address, holder); };
    return each.is_held || std::any_of(each.younger, each.younger + each.count, is_other);
  }));
}

size_t HeldPointers::CountLeading() const {
  return static_cast<size_t>(std::count_if(pointers_, pointers_ + count_, [this](const Pointer& each) {
    const Block& object = each.block;
    bool leads = false;
    EachWord(object.address, object.bytes, [&](uint64_t word) {
      leads = leads || (word > kNoPointer && word != object.address && blocks_->Find(word).key != 0);
    });
    return leads;
  }));
}

// Whether one block leads to the other, by way of others. Not where it leads too far to tell.
bool HeldPointers::Reaches(uint64_t from, uint64_t to) const {
  BlockTable seen;
  FallibleVector<BlockTable::Entry> reached;
  bool is_found = false;
  const auto reach = [&](uint64_t word) {
    is_found = is_found || word == to;
    if (word < kNoPointer || is_found || reached.size() == kMostReached) return;
    const BlockTable::Entry next = blocks_->Find(word);
    if (next.key == 0 || seen.Put(word, 0, 0).key != 0 || !reached.Reserve(1)) return;
    reached.Push(next);
  };
  reach(from);
  for (size_t i = 0; i < reached.size() && !is_found; i++) EachWord(reached[i].key, reached[i].bytes, reach);
  seen.Clear();
  return is_found;
}

}  // namespace tally
