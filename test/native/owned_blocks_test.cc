// What is known of blocks that have owners, and what is kept of those that are freed.

#include "meters/owned_blocks.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <vector>

#include "meters/counted_blocks.h"
#include "meters/quarantine.h"

namespace tally {
namespace {

constexpr uint64_t kOwner = 7;
constexpr uint64_t kOther = 8;

OwnedBlocks::Loss Next(uint64_t owner) {
  OwnedBlocks::Loss loss;
  return OwnedBlocks::NextLoss(owner, &loss) ? loss : OwnedBlocks::Loss{};
}

TEST(OwnedBlocks, TellsOfWhatIsFreedWhileItHasAnOwner) {
  OwnedBlocks::Own(0x1000, kOwner);
  EXPECT_FALSE(OwnedBlocks::Freed(0x2000, 5)) << "nobody's";
  EXPECT_TRUE(OwnedBlocks::Freed(0x1000, 5));
  EXPECT_FALSE(OwnedBlocks::Freed(0x1000, 6)) << "once";
  EXPECT_EQ(Next(kOther).address, 0U);
  const OwnedBlocks::Loss loss = Next(kOwner);
  EXPECT_EQ(loss.address, 0x1000U);
  EXPECT_EQ(loss.from, 5U);
  EXPECT_EQ(Next(kOwner).address, 0U);
  EXPECT_FALSE(OwnedBlocks::Disown(0x1000)) << "it is freed";
  EXPECT_TRUE(OwnedBlocks::Disown(0x1000)) << "and then forgotten";
}

TEST(OwnedBlocks, SaysNothingOfWhatItsOwnerFrees) {
  OwnedBlocks::Own(0x1000, kOwner);
  EXPECT_TRUE(OwnedBlocks::Disown(0x1000));
  EXPECT_FALSE(OwnedBlocks::Freed(0x1000, 5));
  EXPECT_EQ(Next(kOwner).address, 0U);
}

TEST(OwnedBlocks, KeepsTheFirstOfVeryMany) {
  for (uint64_t i = 1; i <= 1000; i++) {
    OwnedBlocks::Own(i * 16, kOwner + i % 2);
    EXPECT_TRUE(OwnedBlocks::Freed(i * 16, 5));
  }
  for (uint64_t i = 2; i <= 256; i += 2) EXPECT_EQ(Next(kOwner).address, i * 16);
  for (uint64_t i = 1; i <= 256; i += 2) EXPECT_EQ(Next(kOther).address, i * 16);
  EXPECT_EQ(Next(kOwner).address, 0U);
  for (uint64_t i = 1; i <= 1000; i++) EXPECT_FALSE(OwnedBlocks::Disown(i * 16));
}

// Blocks, which nobody reads.
void* At(uint64_t address) { return reinterpret_cast<void*>(static_cast<uintptr_t>(address)); }

TEST(CountedBlocks, AWatchedBlockIsThatOne) {
  const auto resize_to = [](uint64_t address) {
    static uint64_t to;
    to = address;
    return CountedBlocks::Reallocator{
        [](const CountedBlocks::Reallocator&, void*, size_t) { return At(to); }};
  };
  EXPECT_EQ(CountedBlocks::Watch(0x5000), 0U) << "a stranger";
  EXPECT_EQ(CountedBlocks::Watch(0), 0U);
  CountedBlocks::Made(At(0x5000), 10);
  EXPECT_FALSE(CountedBlocks::IsWatched(0x5000));
  EXPECT_EQ(CountedBlocks::Watch(0x5008), 0x5000U) << "behind a header";
  EXPECT_TRUE(CountedBlocks::IsWatched(0x5000));
  CountedBlocks::Resize(At(0x5000), 20, true, nullptr, resize_to(0));
  EXPECT_TRUE(CountedBlocks::IsWatched(0x5000)) << "realloc() has failed";
  CountedBlocks::Resize(At(0x5000), 20, true, nullptr, resize_to(0x5000));
  EXPECT_TRUE(CountedBlocks::IsWatched(0x5000)) << "and left it where it was";
  CountedBlocks::Resize(At(0x5000), 30, true, nullptr, resize_to(0x6000));
  EXPECT_FALSE(CountedBlocks::IsWatched(0x5000));
  EXPECT_FALSE(CountedBlocks::IsWatched(0x6000)) << "nobody has its address";
  EXPECT_EQ(CountedBlocks::Watch(0x6020), 0U) << "behind its end";
  EXPECT_EQ(CountedBlocks::Watch(0x6000), 0x6000U);
  EXPECT_EQ(CountedBlocks::Given(At(0x6000), nullptr), 30U);
  CountedBlocks::Made(At(0x6000), 40);
  EXPECT_FALSE(CountedBlocks::IsWatched(0x6000)) << "another one";
  EXPECT_EQ(CountedBlocks::Given(At(0x6000), nullptr), 40U);
}

std::vector<void*> released;

TEST(Quarantine, OverwritesAndReleasesTheOldestFirst) {
  const auto release = [](void* block) { released.push_back(block); };
  std::vector<std::vector<unsigned char>> blocks(Quarantine::kMostBlocks + 10,
                                                 std::vector<unsigned char>(8, 1));
  Quarantine::Free(blocks[0].data(), 8, release);
  EXPECT_EQ(released.size(), 1U) << "it is not in use";
  released.clear();
  Quarantine::Use(true);
  for (auto& block : blocks) Quarantine::Free(block.data(), block.size(), release);
  for (const auto& block : blocks) EXPECT_EQ(block, std::vector<unsigned char>(8, Quarantine::kPoison));
  ASSERT_EQ(released.size(), 10U);
  for (size_t i = 0; i < released.size(); i++) EXPECT_EQ(released[i], blocks[i].data());
  std::vector<unsigned char> large(Quarantine::kMostBytes);
  Quarantine::Free(large.data(), large.size(), release);
  EXPECT_EQ(released.size(), blocks.size()) << "all others make room for it";
  char stranger = 1;
  Quarantine::Free(&stranger, 0, release);
  EXPECT_EQ(released.back(), &stranger);
  EXPECT_EQ(stranger, 1);
  Quarantine::Use(false);
}

}  // namespace
}  // namespace tally
