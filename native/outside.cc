#include "outside.h"

#include <algorithm>

namespace tally {

Outside::~Outside() {
  for (const Attribution& each : attributions_) each.meter->Attribute(-each.bytes);
  for (const Entry& entry : meters_) entry.meter->LetGo(this);
}

void Outside::AddMeter(Meter* meter) {
  const auto is_meter = [meter](const Entry& entry) { return entry.meter == meter; };
  if (std::any_of(meters_.begin(), meters_.end(), is_meter)) return;
  meters_.push_back({meter, {}, 0});
}

void Outside::Share(uint32_t account, Meter* meter) {
  for (Attribution& each : attributions_) {
    if (each.account != account) continue;
    if (each.meter == meter) return;
    each.meter->Attribute(-each.bytes);
    each = {account, meter, 0};
    return;
  }
  attributions_.push_back({account, meter, 0});
}

void Outside::LookAtMeters(const Ledger& ledger) {
  for (Attribution& each : attributions_) {
    const int64_t bytes = ledger.account(each.account).bytes;
    each.meter->Attribute(bytes - each.bytes);
    each.bytes = bytes;
  }
  metered_ = 0;
  for (Entry& entry : meters_) {
    entry.figures = entry.meter->Read();
    const int64_t rest = std::max(entry.figures.bytes - entry.meter->attributed(), int64_t{0});
    entry.charged = entry.meter->Claim(this) ? rest : 0;
    metered_ += entry.charged;
  }
}

}  // namespace tally
