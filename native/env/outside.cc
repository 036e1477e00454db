#include "env/outside.h"

#include <algorithm>
#include <cassert>

namespace tally {

Outside::~Outside() {
  for (const Attribution& each : attributions_) each.meter->Attribute(-each.bytes);
  for (size_t i = 0; i < count_; i++) meters_[i].meter->LetGo(this);
}

void Outside::AddMeter(Meter* meter) {
  for (size_t i = 0; i < count_; i++) {
    if (meters_[i].meter == meter) return;
  }
  assert(count_ < meters_.size());
  meters_[count_++].meter = meter;
}

void Outside::AttributeTo(uint32_t account, Meter* meter) {
  for (Attribution& each : attributions_) {
    if (each.account != account) continue;
    if (each.meter == meter) return;
    each.meter->Attribute(-each.bytes);
    each = {account, meter, 0};
    return;
  }
  attributions_.Push({account, meter, 0});
}

void Outside::Forget(uint32_t account) {
  for (Attribution& each : attributions_) {
    if (each.account != account) continue;
    each.meter->Attribute(-each.bytes);
    each = attributions_[attributions_.size() - 1];
    attributions_.Truncate(attributions_.size() - 1);
    return;
  }
}

Meter* Outside::MeterOf(uint32_t account) const {
  for (const Attribution& each : attributions_) {
    if (each.account == account) return each.meter;
  }
  return nullptr;
}

void Outside::Send(uint32_t account, int64_t size) { Move(account, -size); }

void Outside::Receive(uint32_t account, Meter* meter, int64_t size) {
  AttributeTo(account, meter);
  Move(account, size);
}

void Outside::Move(uint32_t account, int64_t delta) {
  for (Attribution& each : attributions_) {
    if (each.account == account) each.bytes += delta;
  }
}

void Outside::Attribute(const Ledger& ledger) {
  for (Attribution& each : attributions_) {
    const int64_t bytes = ledger.account(each.account).bytes;
    if (bytes == each.bytes) continue;
    each.meter->Attribute(bytes - each.bytes);
    each.bytes = bytes;
  }
}

void Outside::ReadMeters(const Ledger& ledger) {
  Attribute(ledger);
  metered_ = 0;
  for (size_t i = 0; i < count_; i++) {
    Entry& entry = meters_[i];
    entry.figures = entry.meter->Read();
    const int64_t rest = std::max(entry.figures.bytes - entry.meter->attributed(), int64_t{0});
    entry.charged = entry.meter->Claim(this) ? rest : 0;
    metered_ += entry.charged;
  }
}

}  // namespace tally
