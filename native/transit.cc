#include "transit.h"

#include <cassert>
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
  static auto& transit = *new Transit;
  return transit;
}

void Transit::Count(int64_t bytes, int64_t pointers) {
  total_.bytes += bytes;
  total_.pointers += pointers;
}

void Transit::Put(const std::string& key, const Traveller& traveller) {
  Destructor destructor = DestructorOf(traveller);
  destructor.Pin();
  const std::lock_guard<std::mutex> lock(mutex_);
  [[maybe_unused]] const bool is_new = stays_.emplace(key, Stay{traveller, std::move(destructor)}).second;
  assert(is_new);
  Count(traveller.size, 1);
}

bool Transit::Look(const std::string& key, Traveller* traveller) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = stays_.find(key);
  if (found == stays_.end()) return false;
  *traveller = found->second.traveller;
  return true;
}

bool Transit::Take(const std::string& key) {
  // Unpinned without the lock: unloading a library runs code of its own.
  std::map<std::string, Stay>::node_type taken;
  const std::lock_guard<std::mutex> lock(mutex_);
  taken = stays_.extract(key);
  if (taken.empty()) return false;
  Count(-taken.mapped().traveller.size, -1);
  return true;
}

void Transit::FreeAll() {
  std::map<std::string, Stay> all;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    all.swap(stays_);
    Count(-total_.bytes, -total_.pointers);
  }
  for (const auto& [key, stay] : all) {
    const Traveller& traveller = stay.traveller;
    stay.destructor.Run(traveller.address, traveller.size);
    if (traveller.meter != nullptr) traveller.meter->Attribute(-traveller.size);
  }
}

Transit::Sum Transit::Total() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return total_;
}

}  // namespace tally
