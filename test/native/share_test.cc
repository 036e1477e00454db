#include "books/share.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "books/ledger.h"

namespace tally {
namespace {

int64_t Ended(const Share::Sum& sum) {
  int64_t ended = 0;
  for (const int64_t count : sum.ended) ended += count;
  return ended;
}

// What one environment has: `share` goes first.
struct Books {
  Ledger ledger;
  Share share{&ledger.figures()};
  uint32_t kind = 0;

  Books() { kind = static_cast<uint32_t>(ledger.AddKind("it")); }

  SlotId Add(int64_t size) {
    EXPECT_TRUE(ledger.Reserve(1));
    return ledger.Add(kind, 0x1000, size, kNoSlot);
  }
  void Free(SlotId id, Reason reason) {
    ledger.End(id, reason);
    ASSERT_EQ(ledger.NextReady(), id);
    ledger.Settle(id);
  }
};

TEST(ShareTest, AddsUpAndRemembersThoseThatAreGone) {
  const Share::Sum before = Share::Total();
  Books one;
  one.Add(100);
  ASSERT_TRUE(one.ledger.ChargeByHand(7));
  {
    Books other;
    const SlotId id = other.Add(50);
    EXPECT_EQ(Share::Total().environments, before.environments + 2);
    EXPECT_EQ(Share::Total().bytes, 150);
    EXPECT_EQ(Share::Total().manual, 7);
    EXPECT_EQ(Share::Total().pointers, 2);
    other.ledger.End(id, Reason::kDisposed);
    EXPECT_EQ(Share::Total().dead_bytes, 50);
    EXPECT_EQ(Share::Total().dead_pointers, 1);
    ASSERT_EQ(other.ledger.NextReady(), id);
    other.ledger.Settle(id, true);
    other.ledger.Pass(other.kind, 10, Reason::kReleased);
    other.ledger.NoteFailure(other.kind);
  }
  const Share::Sum after = Share::Total();
  EXPECT_EQ(after.environments, before.environments + 1);
  EXPECT_EQ(after.bytes, 100);
  EXPECT_EQ(after.pointers, 1);
  EXPECT_EQ(after.dead_bytes, 0);
  EXPECT_EQ(after.tracked - before.tracked, 3);
  EXPECT_EQ(Ended(after) - Ended(before), 2);
  EXPECT_EQ(after.failed - before.failed, 2);
}

TEST(ShareTest, ASumBeyondWhatAnIntegerHoldsStaysThere) {
  constexpr int kMany = 1025;  // times kMaxBytes is more than INT64_MAX
  std::vector<std::unique_ptr<Books>> all;
  for (int i = 0; i < kMany; i++) {
    all.push_back(std::make_unique<Books>());
    all.back()->Add(kMaxBytes);
  }
  EXPECT_EQ(Share::Total().bytes, INT64_MAX);
  EXPECT_EQ(Share::Total().pointers, kMany);
}

// Under ThreadSanitizer this is what it is for.
TEST(ShareTest, IsReadWhileThreadsCountComeAndGo) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 50;
  constexpr int kPointers = 500;
  const Share::Sum before = Share::Total();
  std::atomic<int> running{kThreads};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; t++) {
    threads.emplace_back([&running] {
      for (int round = 0; round < kRounds; round++) {
        Books books;
        std::vector<SlotId> ids;
        for (int i = 0; i < kPointers; i++) ids.push_back(books.Add(i));
        for (const SlotId id : ids) books.Free(id, Reason::kTornDown);
      }
      running--;
    });
  }
  int64_t last = before.tracked;
  while (running > 0) {
    const Share::Sum sum = Share::Total();
    EXPECT_GE(sum.tracked, last) << "what ever was does not become less";
    EXPECT_LE(sum.environments, before.environments + kThreads);
    EXPECT_GE(sum.bytes, 0);
    last = sum.tracked;
  }
  for (std::thread& thread : threads) thread.join();

  const Share::Sum after = Share::Total();
  EXPECT_EQ(after.environments, before.environments);
  EXPECT_EQ(after.tracked - before.tracked, kThreads * kRounds * kPointers);
  EXPECT_EQ(Ended(after) - Ended(before), kThreads * kRounds * kPointers);
  EXPECT_EQ(after.bytes, before.bytes);
  EXPECT_EQ(after.pointers, before.pointers);
}

}  // namespace
}  // namespace tally
