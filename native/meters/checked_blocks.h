// The blocks of checked meters by address, and who has allocated each, so that a free of something else is
// told from a right one. Any thread. Memory that is freed stays known until there are many of these or its
// address is used again.

#ifndef FFI_TALLY_METERS_CHECKED_BLOCKS_H_
#define FFI_TALLY_METERS_CHECKED_BLOCKS_H_

#include <cstddef>
#include <cstdint>

namespace tally {

class Meter;

class CheckedBlocks {
 public:
  enum class Found : uint8_t { kOwn, kOther, kFreed, kForeign };

  // A free that was no right one. `by` freed; `of` had allocated, nullptr for a stranger.
  struct Report {
    Found found = Found::kForeign;
    uint64_t address = 0;
    const Meter* by = nullptr;
    const Meter* of = nullptr;
  };

  // Before the first block, so that a child that C forks can go on. Returns false without memory.
  static bool Begin();

  // Returns false without memory.
  static bool Add(void* block, Meter* meter);

  // `meter` is about to free `block`. kOwn and kOther: it is marked as freed, and `*owner` had allocated it.
  // The others: it must not be freed. All but kOwn are reported.
  static Found Take(void* block, Meter* meter, Meter** owner);

  // The next report, oldest first; false if there is none. Of very many, only the first are kept.
  static bool NextReport(Report* report);
};

}  // namespace tally

#endif  // FFI_TALLY_METERS_CHECKED_BLOCKS_H_
