// The first thread enters without a lock, until the second one asks: at any moment.

#include "base/sole_thread.h"

#include <gtest/gtest.h>

#ifdef __linux__
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <thread>

#include "base/spin_lock.h"

namespace tally {
namespace {

// What only one thread may write at a time.
struct Guarded {
  SoleThread sole;
  SpinLock lock;
  uint64_t count = 0;

  // Returns whether it needed no lock.
  bool Count() {
    if (!sole.Enter()) {
      const std::lock_guard<SpinLock> guard(lock);
      Change();
      return false;
    }
    Change();
    sole.Leave();
    return true;
  }

  void Change() {
    const uint64_t before = count;
    for (volatile int i = 0; i < 20;) i = i + 1;
    count = before + 1;
  }
};

TEST(SoleThread, OneIsInsideAtATime) {
  constexpr uint32_t kSteps = 2000;
  for (uint32_t round = 0; round < 300; round++) {
    Guarded guarded;
    std::atomic<uint32_t> steps{0};
    const auto work = [&] {
      for (uint32_t i = 0; i < kSteps; i++, steps++) guarded.Count();
    };
    std::thread first(work);
    while (steps < 4 * round) std::this_thread::yield();
    std::thread second(work);
    first.join();
    second.join();
    ASSERT_EQ(guarded.count, 2 * kSteps) << "round " << round;
  }
}

TEST(SoleThread, ASecondThreadEndsItForGood) {
  Guarded guarded;
  EXPECT_FALSE(guarded.sole.TryEnter()) << "nobody has asked";
  EXPECT_EQ(guarded.sole.IsOver(), false);
  const bool is_sole = guarded.Count();  // where the kernel can put a barrier into other threads
  const bool may_try = guarded.sole.TryEnter();
  EXPECT_EQ(may_try, is_sole);
  if (may_try) guarded.sole.Leave();
  EXPECT_EQ(guarded.sole.IsOver(), !is_sole);
  EXPECT_EQ(guarded.Count(), is_sole);
  std::thread([&] { EXPECT_FALSE(guarded.Count()); }).join();
  EXPECT_FALSE(guarded.Count());
  EXPECT_FALSE(guarded.sole.TryEnter());
  EXPECT_TRUE(guarded.sole.IsOver());
  EXPECT_EQ(guarded.count, 4U);
}

// As around a fork.
TEST(SoleThread, WhoHasTheLockMayEnter) {
  SoleThread sole;
  std::thread([&] {
    if (sole.Enter()) sole.Leave();
  }).join();
  sole.Lock();
  EXPECT_FALSE(sole.Enter()) << "another thread was the first";
  sole.Unlock();
}

#ifdef __linux__

// This thread gets no barrier of the kernel from now on. Returns whether that could be said.
bool ForbidBarriers() {
  sock_filter code[] = {{BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)},
                        {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_membarrier},
                        {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | EPERM},
                        {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}};
  const sock_fprog program{4, code};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

// What free() leaves in errno is the caller's.
TEST(SoleThread, WithoutBarriersNobodyIsSparedAndErrnoStays) {
  for (const bool is_first : {true, false}) {
    Guarded guarded;
    if (!is_first) guarded.Count();
    bool is_forbidden = false;
    std::thread([&] {
      is_forbidden = ForbidBarriers();
      errno = EEXIST;
      EXPECT_FALSE(is_forbidden && guarded.Count());
      EXPECT_EQ(errno, EEXIST);
    }).join();
    if (!is_forbidden) GTEST_SKIP();
    EXPECT_FALSE(guarded.Count());
  }
}

#endif

}  // namespace
}  // namespace tally
