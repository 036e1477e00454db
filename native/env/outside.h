// Outside is what one environment charges besides pointers: the bytes of meters, and gauges that tell how
// much some library uses. Nobody tells us when these change, so they are read when there is an occasion, and
// what is charged is what was read last.
//
// Knows nothing of Node. Not thread-safe: use on the thread of its environment only.

#ifndef FFI_TALLY_ENV_OUTSIDE_H_
#define FFI_TALLY_ENV_OUTSIDE_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/fallible_vector.h"
#include "books/ledger.h"
#include "meters/meter.h"

namespace tally {

class Outside {
 public:
  Outside() = default;
  ~Outside();
  Outside(const Outside&) = delete;
  Outside& operator=(const Outside&) = delete;

  // Charges this environment with what `meter` counts, as long as no other environment is.
  void AddMeter(Meter* meter);

  // Makes room for another account that is attributed; false without memory.
  bool Reserve() { return attributions_.Reserve(1); }
  // The bytes of `account` are among those that `meter` counts: they are charged there. REQUIRES: room by
  // Reserve.
  void AttributeTo(uint32_t account, Meter* meter);

  // No more. REQUIRES: the account has no pointers.
  void Forget(uint32_t account);

  // The meter that counts the bytes of `account`; nullptr for none.
  Meter* MeterOf(uint32_t account) const;
  // A pointer of `account` leaves it for another environment, or comes from one. Its meter, if it has one, is
  // not told: its bytes are a pointer's all the time. Whoever frees it in between does tell. Receive
  // REQUIRES: room by Reserve.
  void Send(uint32_t account, int64_t size);
  void Receive(uint32_t account, Meter* meter, int64_t size);

  // Tells meters which of their bytes pointers carry now. Other environments are charged with the rest.
  void Attribute(const Ledger& ledger);

  // Reads all meters. Costs a few cache lines for each meter and thread.
  void ReadMeters(const Ledger& ledger);

  // What gauges have told. REQUIRES: bytes >= 0.
  void SetGauges(int64_t bytes) { gauges_ = bytes; }

  bool has_meters() const { return count_ > 0; }
  int64_t bytes() const { return metered_ + gauges_; }

  struct Entry {
    Meter* meter = nullptr;
    MeterFigures figures;
    int64_t charged = 0;
  };
  size_t meters() const { return count_; }
  const Entry& meter(size_t index) const { return meters_[index]; }

 private:
  void Move(uint32_t account, int64_t delta);

  struct Attribution {
    uint32_t account = 0;
    Meter* meter = nullptr;
    int64_t bytes = 0;  // as the meter was told last
  };

  std::array<Entry, Meter::kMeters> meters_;
  size_t count_ = 0;
  FallibleVector<Attribution> attributions_;
  int64_t metered_ = 0;
  int64_t gauges_ = 0;
};

}  // namespace tally

#endif  // FFI_TALLY_ENV_OUTSIDE_H_
