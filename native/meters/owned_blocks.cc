#include "meters/owned_blocks.h"

#include <algorithm>
#include <mutex>

#include "base/spin_lock.h"
#include "meters/block_table.h"

namespace tally {

namespace {

// Its owner as the account, and in place of bytes what has freed it.
BlockTable owned;
constexpr uint64_t kNobody = 1;

constexpr size_t kLosses = 256;
SpinLock losses_lock;
OwnedBlocks::Loss losses[kLosses];
size_t loss_count = 0;

}  // namespace

void OwnedBlocks::Own(uint64_t address, uint64_t owner) {
  Listeners::Add(Listeners::kOwners);
  owned.Put(address, kNobody, owner);
}

bool OwnedBlocks::Disown(uint64_t address) {
  if (!IsInUse()) return true;
  const BlockTable::Entry known = owned.Take(address);
  return known.key == 0 || known.bytes == kNobody;
}

bool OwnedBlocks::Lose(uint64_t address, uint64_t from) {
  const BlockTable::Entry known = owned.Find(address);
  if (known.key == 0 || known.bytes != kNobody) return false;
  owned.Put(address, from, known.account);
  const std::lock_guard<SpinLock> lock(losses_lock);
  if (loss_count < kLosses) losses[loss_count++] = {address, from, known.account};
  return true;
}

bool OwnedBlocks::NextLoss(uint64_t owner, Loss* loss) {
  if (!IsInUse()) return false;
  const std::lock_guard<SpinLock> lock(losses_lock);
  Loss* const end = losses + loss_count;
  Loss* const found = std::find_if(losses, end, [&](const Loss& each) { return each.owner == owner; });
  if (found == end) return false;
  *loss = *found;
  std::copy(found + 1, end, found);
  loss_count--;
  return true;
}

void OwnedBlocks::LockAll() {
  owned.LockAll();
  losses_lock.lock();
}

void OwnedBlocks::UnlockAll() {
  losses_lock.unlock();
  owned.UnlockAll();
}

}  // namespace tally
