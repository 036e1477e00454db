// A last word of a process that crashes: which C function the thread was in, as the audit knows it. A line of
// JSON, written by a signal handler, which then has the process end as it would have.
//
// Process-wide on purpose, as signals are.

#ifndef FFI_TALLY_METERS_CRASH_NOTE_H_
#define FFI_TALLY_METERS_CRASH_NOTE_H_

#include <cstdint>

namespace tally {

class CrashNote {
 public:
  // From now on, into that open file. Nothing on Windows.
  static void WriteTo(int64_t file);
};

}  // namespace tally

#endif  // FFI_TALLY_METERS_CRASH_NOTE_H_
