// Background runs destructors of C on a thread of its own, for pointers whose types say that they are safe
// there. Their slots stay as they are, and are settled by whoever asks what is done: so a parent is freed
// after its children, and a library stays mapped.
//
// No JavaScript runs there, and no memory is needed. Use on the thread of one environment only.

#ifndef FFI_TALLY_ENV_BACKGROUND_H_
#define FFI_TALLY_ENV_BACKGROUND_H_

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>

#ifdef _WIN32
#include <thread>
#else
#include <pthread.h>
#endif

#include "books/ledger.h"
#include "env/destructor.h"

namespace tally {

class Background {
 public:
  Background() = default;
  ~Background() { Close(); }
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  // Queues a destructor of a pointer of `size` bytes. Returns false, and does nothing, without memory or a
  // thread, and after Close.
  bool Run(SlotId slot, const Destructor::Call& call, int64_t size);
  // What is queued or done, and not returned by NextDone; and the bytes of it.
  size_t count() const { return count_; }
  int64_t bytes() const { return bytes_; }
  // The slot of one that has run, each once; kNoSlot for none.
  SlotId NextDone();
  // Waits until NextDone returns a slot. False if nothing is queued.
  bool Wait();
  // Runs all that is queued, and ends the thread.
  void Close();

 private:
  struct Job {
    Destructor::Call call;
    SlotId slot = kNoSlot;
    int64_t size = 0;
    Job* next = nullptr;
  };

  bool Start();
  void Loop();

  std::mutex mutex_;
  std::condition_variable queued_;
  std::condition_variable finished_;
  Job* first_ = nullptr;  // queued
  Job* last_ = nullptr;
  Job* done_ = nullptr;
  bool is_closed_ = false;

  size_t count_ = 0;  // from here on of the environment's thread alone
  int64_t bytes_ = 0;
  bool is_started_ = false;
#ifdef _WIN32
  std::thread thread_;
#else
  pthread_t thread_{};
#endif
};

}  // namespace tally

#endif  // FFI_TALLY_ENV_BACKGROUND_H_
