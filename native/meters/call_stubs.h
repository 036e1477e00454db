// Stubs stand in for functions of C in calls that another thread makes: what the call allocates on that
// thread, and does not free, is counted for an account. A stub passes arguments and results on as they are,
// whatever they are, and no code is written to have one: there is a fixed number of them.
//
// A stub is for one call at a time. Process-wide on purpose: whoever calls a stub knows nothing of
// environments. Any thread, if not said otherwise.

#ifndef FFI_TALLY_METERS_CALL_STUBS_H_
#define FFI_TALLY_METERS_CALL_STUBS_H_

#include <cstddef>
#include <cstdint>

namespace tally {

class CallStubs {
 public:
  // As many as Koffi makes calls at once, if nobody configures it.
  static constexpr size_t kCount = 256;

  // The address of a stub for one call of `function`; 0 where there is none left, or none on this platform.
  // What the call allocates is the account's.
  static uint64_t Take(uint64_t function, double account);

  // The call has returned, or is never made. Returns the bytes that it has allocated and not freed. What else
  // it has done shows in kOthers and kStale of this thread. REQUIRES: this thread has taken `stub`.
  static double GiveBack(uint64_t stub);

  // This thread gives nothing back any more: the stubs of calls that are on their way are free after those.
  static void Forsake();
};

}  // namespace tally

#endif  // FFI_TALLY_METERS_CALL_STUBS_H_
