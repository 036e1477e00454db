// The Pacer decides when to ask for a garbage collection and how much V8 is told, so that GC work stays
// proportional to the native bytes allocated. It sees one figure, the live native bytes, which counts
// what is garbage but not yet known to be.
//
// After a major GC, native memory may grow by the allowance, max(budget, growth x (live + JavaScript
// heap)), before the next one. In between, a minor GC is worth asking for at every step, a fraction of
// the allowance, half the budget as a rule; half a step is enough where what the last one has left would make
// it a whole one. A minor GC that returned little doubles the step, one that paid halves it again.
//
// Plain arithmetic without a clock: the same trace gives the same decisions. Not thread-safe.

#ifndef FFI_TALLY_BOOKS_PACER_H_
#define FFI_TALLY_BOOKS_PACER_H_

#include <cstdint>

namespace tally {

enum class Collection : uint8_t { kNone = 0, kMinor = 1, kMajor = 2 };

class Pacer {
 public:
  struct Options {
    int64_t budget = int64_t{64} << 20;
    double growth = 1.0;
    bool can_minor = true;
    bool can_major = true;
  };

  void Configure(const Options& options);
  const Options& options() const { return options_; }
  // The part of the budget that is to be had now.
  void SetBudget(int64_t budget);
  // What the allowance may not pass, whatever is alive.
  void SetMost(int64_t most);

  // What to ask for, now that `live` native bytes are charged.
  Collection Advise(int64_t live);

  // A collection has run and its dead are freed: `before` and `after` are the live native bytes on
  // either side of it, `heap` the JavaScript heap in use. `asked` tells ours from V8's own.
  void Collected(Collection collection, int64_t before, int64_t after, int64_t heap, bool asked);

  // By how much to change what V8 has been told, now that `live` bytes are charged. V8 never hears of
  // more than there is, nor of so much more since the last major GC that it would start one of its own
  // earlier than this pacer wants; of the rest it hears right before the next one. Small increases wait
  // for company.
  int64_t Report(int64_t live, bool before_major = false);
  int64_t reported() const { return reported_; }

  // By how much live bytes have grown since the last major GC, and the least of them since the last GC.
  int64_t Grown(int64_t live) const { return live > base_ ? live - base_ : 0; }
  int64_t floor() const { return floor_; }

  int64_t budget() const { return budget_; }
  int64_t allowance() const { return allowance_; }
  // What a minor GC is worth asking for.
  int64_t step() const;
  uint64_t asked_minor() const { return asked_minor_; }
  uint64_t asked_major() const { return asked_major_; }
  int64_t returned_minor() const { return returned_minor_; }
  int64_t returned_major() const { return returned_major_; }

 private:
  void Allow();

  Options options_;
  int64_t budget_ = Options().budget;
  int64_t most_ = INT64_MAX;
  int64_t alive_ = 0;  // native bytes and JavaScript heap, when the allowance was made
  int64_t base_ = 0;   // least live since the last major GC
  int64_t floor_ = 0;  // least live since the last GC of any type
  int64_t heap_ = 0;
  int64_t allowance_ = Options().budget;
  int doublings_ = 0;  // of the step
  int64_t reported_ = 0;
  int64_t mark_ = 0;  // least reported since the last major GC
  uint64_t asked_minor_ = 0;
  uint64_t asked_major_ = 0;
  int64_t returned_minor_ = 0;
  int64_t returned_major_ = 0;
};

}  // namespace tally

#endif  // FFI_TALLY_BOOKS_PACER_H_
