#include "env/transit.h"

#include <algorithm>
#include <cassert>
#include <functional>
#include <new>
#include <utility>

namespace tally {

// Process-wide on purpose, and never destroyed: a worker may end while the process does.
Transit& Transit::Instance() {
  alignas(Transit) static std::byte place[sizeof(Transit)];
  static auto& transit = *new (place) Transit;
  return transit;
}

void Transit::Count(int64_t bytes, int64_t pointers) {
  total_.bytes += bytes;
  total_.pointers += pointers;
}

std::unique_ptr<Transit::Stay>* Transit::Find(std::string_view key) {
  std::unique_ptr<Stay>* at = &chains_[std::hash<std::string_view>{}(key) % chains_.size()];
  while (*at != nullptr && std::string_view((*at)->key.data(), kKey) != key) at = &(*at)->next;
  return at;
}

bool Transit::Put(std::string_view key, const TransferredPointer& transferred, Label label) {
  assert(key.size() == kKey);
  std::unique_ptr<Stay> stay(new (std::nothrow) Stay);
  if (stay == nullptr) return false;
  std::copy(key.begin(), key.end(), stay->key.begin());
  stay->transferred = transferred;
  stay->label = std::move(label);
  stay->destructor = Destructor::Of(transferred.form, transferred.function, transferred.arguments);
  if (stay->destructor.form() != transferred.form) return false;
  stay->destructor.Pin();
  const std::lock_guard<std::mutex> lock(mutex_);
  std::unique_ptr<Stay>* at = Find(key);
  assert(*at == nullptr);
  *at = std::move(stay);
  Count(transferred.size, 1);
  return true;
}

Transit::Found Transit::Peek(std::string_view key, TransferredPointer* transferred, Label* label) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const Stay* stay = Find(key)->get();
  if (stay == nullptr) return Found::kGone;
  if (label != nullptr && !label->Set(stay->label.text())) return Found::kNoMemory;
  *transferred = stay->transferred;
  return Found::kYes;
}

bool Transit::Take(std::string_view key) {
  // Unpinned without the lock: unloading a library runs code of its own.
  std::unique_ptr<Stay> taken;
  const std::lock_guard<std::mutex> lock(mutex_);
  std::unique_ptr<Stay>* at = Find(key);
  if (*at == nullptr) return false;
  taken = std::move(*at);
  *at = std::move(taken->next);
  Count(-taken->transferred.size, -1);
  return true;
}

void Transit::FreeAll() {
  decltype(chains_) all;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    all.swap(chains_);
    Count(-total_.bytes, -total_.pointers);
  }
  for (std::unique_ptr<Stay>& chain : all) {
    while (chain != nullptr) {
      const std::unique_ptr<Stay> stay = std::move(chain);
      chain = std::move(stay->next);
      const TransferredPointer& transferred = stay->transferred;
      stay->destructor.Run(transferred.address, transferred.size);
      if (transferred.meter != nullptr) transferred.meter->Attribute(-transferred.size);
    }
  }
}

Transit::Sum Transit::Total() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return total_;
}

}  // namespace tally
