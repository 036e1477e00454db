// A profile of what is allocated at import slots, cheap enough for production: of all bytes that are asked
// for one in `mean` is looked at, by chance, and the block that has it is a sample. It stands for bytes / (1
// - exp(-bytes / mean)) bytes, so that sums are right on average whatever the sizes are.
//
// Samples are summed by site: the native stack that allocated, and a number for the stack of JavaScript. That
// one is not known inside of a call: whoever has called C tells it afterwards, when kSamples of the thread's
// block of doubles says that there is something to tell.
//
// Process-wide on purpose, as slots are. Any thread.

#ifndef FFI_TALLY_METERS_SAMPLES_H_
#define FFI_TALLY_METERS_SAMPLES_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/fallible_vector.h"
#include "meters/block_table.h"
#include "meters/counted_blocks.h"
#include "meters/listeners.h"

namespace tally {

class Samples {
 public:
  static bool IsOn() { return Listeners::Has(Listeners::kSamples); }

  // Forgets what is known and begins anew; false, and nothing else, if it is on. The same seed in the same
  // program gives the same samples, as long as one thread allocates.
  static bool Begin(double mean, uint64_t seed);
  // No more is sampled, nor are frees followed.
  static void Stop();

  // What the hooks tell. Returns whether that block is a sample, whose free Given() must be told. REQUIRES:
  // IsOn.
  static bool Made(uint64_t address, uint64_t bytes, double* block) {
    const bool is_known = block[CountedBlocks::kRun] == run_.load(std::memory_order_relaxed);
    const auto less = static_cast<double>(static_cast<int64_t>(bytes));  // which takes one instruction
    if (is_known && (block[CountedBlocks::kUntil] -= less) > 0) return false;
    return Sample(address, bytes, block, is_known);
  }
  static void Given(uint64_t address) { (void)Take(address); }
  // The same before realloc(); its key is 0 if it is no sample. PutBack() where the block lives on.
  static BlockTable::Entry Take(uint64_t address);
  static void PutBack(const BlockTable::Entry& entry);

  // The number of that stack of JavaScript, a text: above 0, the same for ever; 0 without memory.
  static uint32_t StackOf(const char* text, size_t length);
  // The call that has returned in this thread was made there; 0 where nobody knows.
  static void CalledFrom(uint32_t stack);

  struct Weight {
    double bytes = 0;
    double blocks = 0;
  };
  struct Site {
    uint32_t native = 0;
    uint32_t stack = 0;
    uint32_t samples = 0;  // of live
    uint32_t peaks = 0;    // how many there had been when at_peak was right
    Weight allocated;
    Weight live;
    Weight at_peak;
    Weight temporary;  // freed before the call returned that made it
  };
  // Copies of all sites. Returns false without memory.
  static bool Read(FallibleVector<Site>* sites);

  // Of JavaScript a text, in C return addresses, the innermost first. Stays there for ever, so that a profile
  // can be read while another thread begins the next one.
  struct Bytes {
    const char* at = "";
    size_t length = 0;
  };
  static Bytes Stack(uint32_t number);

  // Around a fork, as in BlockTable.
  static void LockAll();
  static void UnlockAll();

 private:
  static bool Sample(uint64_t address, uint64_t bytes, double* block, bool is_due);

  static std::atomic<uint32_t> run_;  // the number of the profile, or 0
};

}  // namespace tally

#endif  // FFI_TALLY_METERS_SAMPLES_H_
