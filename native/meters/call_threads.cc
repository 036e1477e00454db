#include "meters/call_threads.h"

#include <new>

#include "base/hidden_memory.h"

namespace tally {

SpinLock CallThread::lock_;
CallThread* CallThread::all_ = nullptr;

CallThread* CallThread::Add(uint64_t account) {
  void* memory = HiddenCalloc(1, sizeof(CallThread));
  if (memory == nullptr) return nullptr;
  auto* thread = new (memory) CallThread;
  thread->account_ = account;
  thread->running_.store(account, std::memory_order_relaxed);
  const std::lock_guard<SpinLock> lock(lock_);
  thread->next_ = all_;
  all_ = thread;
  return thread;
}

CallThread::Left CallThread::Remove(CallThread* thread) {
  Left left;
  {
    const std::lock_guard<SpinLock> lock(lock_);
    CallThread** link = &all_;
    while (*link != thread) link = &(*link)->next_;
    *link = thread->next_;
    left = {thread->account_, thread->TakeNet()};
  }
  HiddenFree(thread);
  return left;
}

}  // namespace tally
