#include "env/background.h"

#include <memory>
#include <new>
#include <utility>

#ifndef _WIN32
#include <csignal>

#include "base/old_glibc.h"
#endif

namespace tally {

bool Background::Start() {
  if (is_started_) return true;
#if defined(_WIN32)
  thread_ = std::thread([this] { Loop(); });
  is_started_ = true;
#else
  // Not std::thread, which needs a newer glibc. Signals are for the threads of Node.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const auto loop = [](void* background) -> void* {
    static_cast<Background*>(background)->Loop();
    return nullptr;
  };
  is_started_ = pthread_create(&thread_, nullptr, loop, this) == 0;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
#endif
  return is_started_;
}

bool Background::Run(SlotId slot, const Destructor::Call& call, int64_t size) {
  std::unique_ptr<Job> job(new (std::nothrow) Job{call, slot, size, nullptr});
  if (job == nullptr) return false;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (is_closed_ || !Start()) return false;
    (last_ == nullptr ? first_ : last_->next) = job.get();
    last_ = job.release();
  }
  queued_.notify_one();
  count_++;
  bytes_ += size;
  return true;
}

void Background::Loop() {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    queued_.wait(lock, [this] { return first_ != nullptr || is_closed_; });
    if (first_ == nullptr) return;
    Job* const job = std::exchange(first_, first_->next);
    if (first_ == nullptr) last_ = nullptr;
    lock.unlock();
    job->call.Run();
    lock.lock();
    job->next = std::exchange(done_, job);
    finished_.notify_one();
  }
}

SlotId Background::NextDone() {
  if (count_ == 0) return kNoSlot;
  std::unique_ptr<Job> job;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (done_ == nullptr) return kNoSlot;
    job.reset(std::exchange(done_, done_->next));
  }
  count_--;
  bytes_ -= job->size;
  return job->slot;
}

bool Background::Wait() {
  if (count_ == 0) return false;
  std::unique_lock<std::mutex> lock(mutex_);
  finished_.wait(lock, [this] { return done_ != nullptr; });
  return true;
}

void Background::Close() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    is_closed_ = true;
  }
  queued_.notify_one();
  if (!std::exchange(is_started_, false)) return;
#if defined(_WIN32)
  thread_.join();
#else
  pthread_join(thread_, nullptr);
#endif
}

}  // namespace tally
