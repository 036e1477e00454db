// The ProcessWatch looks at the memory of the process from a thread of its own, so that nothing on the way of
// a pointer has to, and synchronous code is looked at, too. One for the process, made when the first pointer
// gets a slot, and never ended.

#ifndef FFI_TALLY_ENV_PROCESS_WATCH_H_
#define FFI_TALLY_ENV_PROCESS_WATCH_H_

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "base/black_box.h"
#include "base/kernel_memory.h"
#include "books/ledger.h"
#include "books/process_pacer.h"

namespace tally {

class ProcessWatch {
 public:
  // Process-wide on purpose, and never destroyed: its thread may run until the very end.
  static ProcessWatch& Instance();

  ProcessPacer& pacer() { return pacer_; }
  KernelMemory& memory() { return memory_; }
  // Milliseconds, for the pacer.
  static int64_t Now();

  // A limit on the process, or none for kNoLimit; `followed`: that of the kernel, whatever that becomes.
  void SetLimit(int64_t limit, bool followed);

  // Has the thread run.
  void Start() {
    if (!is_started_.load(std::memory_order_relaxed)) StartThread();
  }

  bool Admits(ProcessPacer::Seat* seat, int64_t size, bool last) {
    LookIfLate();
    return !pacer_.is_near() || pacer_.Admits(seat, size, memory_.Usage(), Now(), last);
  }
  // The machine may be too busy for the thread that looks: then whoever brings pointers does.
  void LookIfLate() {
    const int64_t now = Now();
    if (pacer_.IsLate(now)) pacer_.Look(memory_.Usage(), now);
  }
  // Opens a black box (base/black_box.h), or closes it for "". Returns 0, or what errno says.
  int SetBlackBox(const std::string& path);
  void MarkEnd();
  // Notes the largest accounts of an environment for the black box, from time to time.
  void Publish(const void* owner, const Ledger& ledger) {
    if (has_box_.load(std::memory_order_relaxed)) PublishNow(owner, ledger, Now());
  }
  void Retract(const void* owner);

  // Gives back what the allocator holds free, unless that was done just now.
  void Trim(bool must = false);

 private:
  ProcessWatch();
  void StartThread();
  void Reread();
  void Run();
  void PublishNow(const void* owner, const Ledger& ledger, int64_t now);
  int64_t WritesEvery(int64_t usage) const;
  void WriteBox(int64_t usage, int64_t now);

  struct Row {
    std::string label;
    int64_t bytes = 0;
    int64_t pointers = 0;
  };
  struct Published {
    const void* owner = nullptr;
    int64_t at = 0;
    std::vector<Row> rows;
  };
  struct Sample {
    int64_t at = 0;
    int64_t usage = 0;
    int64_t tracked = 0;
  };

  KernelMemory memory_;
  ProcessPacer pacer_;
  std::mutex limit_mutex_;
  bool is_followed_ = true;  // a limit of the kernel is in force from the start
  std::atomic<bool> is_started_{false};
  std::atomic<int64_t> trimmed_at_{0};
  std::atomic<bool> has_box_{false};
  std::mutex box_mutex_;  // of the rest
  BlackBox box_;
  std::string box_path_;
  std::vector<Published> published_;
  std::vector<Sample> samples_;  // of the last minute
  int64_t written_at_ = 0;
};

}  // namespace tally

#endif  // FFI_TALLY_ENV_PROCESS_WATCH_H_
