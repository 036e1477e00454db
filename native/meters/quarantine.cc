#include "meters/quarantine.h"

#include <cstring>
#include <mutex>

#include "base/spin_lock.h"

namespace tally {

namespace {

struct Block {
  void* address;
  size_t bytes;
  void (*release)(void*);
};

SpinLock blocks_lock;
Block blocks[Quarantine::kMostBlocks];  // a ring
size_t first = 0;
size_t count = 0;
size_t held = 0;  // bytes

// Takes that block in, or else lets the oldest go. Returns whether it has.
bool Enter(const Block& block, Block* oldest) {
  const std::lock_guard<SpinLock> lock(blocks_lock);
  if (count < Quarantine::kMostBlocks && held + block.bytes <= Quarantine::kMostBytes) {
    blocks[(first + count++) % Quarantine::kMostBlocks] = block;
    held += block.bytes;
    return true;
  }
  *oldest = blocks[first];
  first = (first + 1) % Quarantine::kMostBlocks;
  count--;
  held -= oldest->bytes;
  return false;
}

}  // namespace

void Quarantine::Use(bool on) {
  if (on)
    Listeners::Add(Listeners::kQuarantine);
  else
    Listeners::Remove(Listeners::kQuarantine);
}

void Quarantine::Keep(void* block, size_t bytes, void (*release)(void*)) {
  std::memset(block, kPoison, bytes);
  for (Block oldest{}; !Enter({block, bytes, release}, &oldest);) oldest.release(oldest.address);
}

void Quarantine::Lock() { blocks_lock.lock(); }
void Quarantine::Unlock() { blocks_lock.unlock(); }

}  // namespace tally
