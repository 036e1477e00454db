#include "env/transit.h"

#include <algorithm>
#include <cassert>
#include <functional>
#include <new>
#include <utility>

namespace tally {

namespace {

Destructor DestructorOf(const Traveller& traveller) {
  if (traveller.form == Destructor::Form::kDirect) return Destructor::Direct(traveller.function);
  if (traveller.form == Destructor::Form::kBound) {
    return Destructor::Bound(traveller.function, traveller.arguments);
  }
  return {};
}

}  // namespace

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

bool Transit::Put(std::string_view key, const Traveller& traveller, Label label) {
  assert(key.size() == kKey);
  std::unique_ptr<Stay> stay(new (std::nothrow) Stay);
  if (stay == nullptr) return false;
  std::copy(key.begin(), key.end(), stay->key.begin());
  stay->traveller = traveller;
  stay->label = std::move(label);
  stay->destructor = DestructorOf(traveller);
  if (stay->destructor.form() != traveller.form) return false;
  stay->destructor.Pin();
  const std::lock_guard<std::mutex> lock(mutex_);
  std::unique_ptr<Stay>* at = Find(key);
  assert(*at == nullptr);
  *at = std::move(stay);
  Count(traveller.size, 1);
  return true;
}

Transit::Found Transit::Look(std::string_view key, Traveller* traveller, Label* label) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const Stay* stay = Find(key)->get();
  if (stay == nullptr) return Found::kGone;
  if (label != nullptr && !label->Set(stay->label.text())) return Found::kNoMemory;
  *traveller = stay->traveller;
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
  Count(-taken->traveller.size, -1);
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
      const Traveller& traveller = stay->traveller;
      stay->destructor.Run(traveller.address, traveller.size);
      if (traveller.meter != nullptr) traveller.meter->Attribute(-traveller.size);
    }
  }
}

Transit::Sum Transit::Total() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return total_;
}

}  // namespace tally
