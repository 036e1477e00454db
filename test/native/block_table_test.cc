// The table of blocks against std::map, and from many threads.

#include "meters/block_table.h"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <memory>
#include <random>
#include <thread>
#include <vector>

namespace tally {
namespace {

// Tables are never destroyed.
BlockTable& NewTable() {
  static auto& all = *new std::vector<std::unique_ptr<BlockTable>>;
  return *all.emplace_back(std::make_unique<BlockTable>());
}

TEST(BlockTable, DoesWhatAMapDoes) {
  for (uint32_t seed = 1; seed <= 50; seed++) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    BlockTable& table = NewTable();
    std::map<uint64_t, BlockTable::Entry> model;
    // Few keys that come often, and as far from each other as blocks are.
    const uint64_t step = uint64_t{1} << random() % 20;
    const auto key = [&] { return step * (1 + random() % 2000); };
    for (int i = 0; i < 5000; i++) {
      const uint64_t at = key();
      const auto known = model.count(at) != 0 ? model[at] : BlockTable::Entry{};
      BlockTable::Entry found;
      switch (random() % 5) {
        case 0:
        case 1: {
          const BlockTable::Entry entry{at, random() % 1000, random() % 10};
          found = table.Put(at, entry.bytes, entry.account);
          model[at] = entry;
          break;
        }
        case 2:
          found = table.Take(at);
          model.erase(at);
          break;
        case 3:
          found = known;
          ASSERT_EQ(table.Mark(at, 16), known.key != 0);
          if (known.key != 0) model[at].account |= 16;
          break;
        default: {
          const uint64_t bytes = random() % 1000;
          found = table.Subtract(at, bytes);
          if (known.key != 0 && bytes >= known.bytes) model.erase(at);
          if (known.key != 0 && bytes < known.bytes) model[at].bytes -= bytes;
        }
      }
      ASSERT_EQ(found.key, known.key);
      ASSERT_EQ(found.bytes, known.bytes);
      ASSERT_EQ(found.account, known.account);
    }
    uint64_t bytes = 0;
    for (const auto& [at, entry] : model) {
      bytes += entry.bytes;
      ASSERT_EQ(table.Find(at).bytes, entry.bytes);
      ASSERT_EQ(table.Find(at).account, entry.account);
    }
    EXPECT_EQ(table.Sum().blocks, model.size());
    EXPECT_EQ(table.Sum().bytes, bytes);
    for (const auto& [at, entry] : model) table.Take(at);
    EXPECT_EQ(table.Sum().blocks, 0U);
    EXPECT_EQ(table.Sum().bytes, 0U);
  }
}

// What they do in few instructions is what the others do; what they leave is undone.
TEST(BlockTable, TryingDoesTheSameOrNothing) {
  BlockTable& table = NewTable();
  BlockTable& model = NewTable();
  for (BlockTable* each : {&table, &model}) each->Put(1, 0, 0);  // who is the first is known from then on
  std::mt19937_64 random(1);
  size_t done = 0;
  for (int i = 0; i < 200000; i++) {
    const uint64_t key = 16 * (1 + random() % 5000);
    BlockTable::Entry found;
    BlockTable::Entry known = model.Find(key);
    switch (random() % (i < 100000 ? 3 : 5)) {  // first it grows, and then it shrinks
      case 0:
      case 1:
        if (table.TryPut(key, random() % 1000, i)) {
          EXPECT_EQ(known.key, 0U);
          found = table.Find(key);
          model.Put(key, found.bytes, static_cast<uint64_t>(i));
          known = model.Find(key);
          done++;
        } else {
          found = table.Put(key, 1, 2);
          model.Put(key, 1, 2);
        }
        break;
      default:
        if (table.TryTake(key, &found)) {
          done++;
        } else {
          EXPECT_EQ(table.Find(key).key, known.key);
          found = table.Take(key);
        }
        model.Take(key);
    }
    ASSERT_EQ(found.key, known.key);
    ASSERT_EQ(found.bytes, known.bytes);
    ASSERT_EQ(found.account, known.account);
    ASSERT_EQ(table.Sum().blocks, model.Sum().blocks);
    ASSERT_EQ(table.Sum().bytes, model.Sum().bytes);
  }
  EXPECT_GT(done, 100000U);
}

// Each thread takes what others have put, while one sums up.
TEST(BlockTable, ManyThreads) {
  constexpr int kThreads = 4;
  constexpr uint64_t kKeys = 4096;
  BlockTable& table = NewTable();
  std::atomic<uint64_t> put{0};
  std::atomic<uint64_t> taken{0};
  std::atomic<bool> done{false};
  std::thread reader([&] {
    while (!done) ASSERT_LE(table.Sum().blocks, kKeys);
  });
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; t++) {
    threads.emplace_back([&, t] {
      std::mt19937_64 random(static_cast<uint64_t>(t));
      for (int i = 0; i < 50000; i++) {
        const uint64_t key = 16 * (1 + random() % kKeys);
        if (random() % 2 == 0) {
          const uint64_t bytes = random() % 100;
          put += bytes;
          if (!table.TryPut(key, bytes, 0)) taken += table.Put(key, bytes, 0).bytes;
        } else {
          BlockTable::Entry known;
          taken += table.TryTake(key, &known) ? known.bytes : table.Take(key).bytes;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  done = true;
  reader.join();
  EXPECT_EQ(table.Sum().bytes, put - taken);
}

// As around a fork.
TEST(BlockTable, WhoHasLockedAllMayUseItAndOthersWait) {
  for (const bool is_first : {true, false}) {
    BlockTable& table = NewTable();
    if (!is_first) std::thread([&] { table.Put(16, 1, 0); }).join();
    table.LockAll();
    table.Put(32, 2, 0);
    BlockTable::Entry known;
    if (!table.TryTake(32, &known)) known = table.Take(32);
    EXPECT_EQ(known.bytes, 2U);
    if (!table.TryPut(32, 2, 0)) table.Put(32, 2, 0);
    std::atomic<bool> found{false};
    std::thread other([&] { found = table.Find(32).bytes == 2; });
    EXPECT_EQ(table.Take(32).bytes, 2U);
    table.Put(32, 2, 0);
    table.UnlockAll();
    other.join();
    EXPECT_TRUE(found);
  }
}

}  // namespace
}  // namespace tally
