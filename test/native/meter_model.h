// Random programs for meters, in every shape that their functions have, and a model as simple as can be that
// says what must come of them. Who chooses is told by `choose`: a random generator in meter_test.cc,
// libFuzzer in fuzz/meter_fuzz.cc. One thread.

#ifndef FFI_TALLY_TEST_METER_MODEL_H_
#define FFI_TALLY_TEST_METER_MODEL_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "meters/checked_blocks.h"
#include "meters/meter.h"
#include "meters/meter_functions.h"
#include "scarce_memory.h"

namespace tally {

class MeterModel {
 public:
  // `choose` returns a number from zero to less than the one it is given. `too_much` is a size that nobody
  // has, or 0.
  MeterModel(std::function<int64_t(int64_t)> choose, size_t too_much)
      : choose_(std::move(choose)), too_much_(too_much) {
    for (CheckedBlocks::Report report; CheckedBlocks::NextReport(&report);) {
    }
  }
  ~MeterModel() {
    for (const Block& block : blocks_) block.owner->functions.free(block.address);
    for (const Block& block : blocks_) block.owner->Freed(block);
  }

  void Step() {
    switch (choose_(10)) {
      case 0:
      case 1:
      case 2:
        return Allocate();
      case 3:
      case 4:
        return Reallocate();
      case 5:
      case 6:
        return Free();
      case 7:
        return FreeElsewhere();
      case 8:
        return FreeWrongly();
      default:
        return ReadReport();
    }
  }

  void Check() {
    for (One& one : All()) {
      const MeterFigures figures = one.meter->Read();
      one.excess_blocks = std::max(one.excess_blocks, one.frees - one.allocations);
      one.excess_bytes = std::max(one.excess_bytes, one.freed_bytes - one.allocated_bytes);
      ASSERT_EQ(figures.allocations, one.allocations);
      ASSERT_EQ(figures.allocated_bytes, one.allocated_bytes);
      ASSERT_EQ(figures.blocks, one.allocations - one.frees + one.excess_blocks);
      ASSERT_EQ(figures.bytes, one.allocated_bytes - one.freed_bytes + one.excess_bytes);
      ASSERT_EQ(figures.foreign, one.foreign + one.excess_blocks);
      ASSERT_EQ(figures.peak_bytes, std::max(one.peak, figures.bytes));
      ASSERT_EQ(one.meter->OwnNet(), one.allocated_bytes - one.freed_bytes);
      ASSERT_EQ(one.meter->OwnAllocations(), one.allocations);
    }
  }

 private:
  struct Block;

  // A meter, and what it must have counted since the process began: there are only so many, for any number of
  // programs.
  struct One {
    Meter* meter;
    MeterFunctions functions;
    int64_t allocations = 0;
    int64_t allocated_bytes = 0;
    int64_t frees = 0;
    int64_t freed_bytes = 0;
    int64_t peak = 0;
    int64_t foreign = 0;
    int64_t excess_blocks = 0;
    int64_t excess_bytes = 0;

    One(const char* label, bool checked) : meter(MeterOf(label, checked)), functions(FunctionsOf(*meter)) {}

    static Meter* MeterOf(const char* label, bool checked) {
      bool known = false;
      return Meter::For(label, checked, &known);
    }
    void Allocated(const Block& block) {
      allocations++;
      allocated_bytes += block.usable;
      peak = std::max(peak, allocated_bytes - freed_bytes);
    }
    void Freed(const Block& block) {
      frees++;
      freed_bytes += block.usable;
    }
  };

  struct Block {
    char* address;
    size_t bytes;  // as asked for
    int64_t usable;
    One* owner;
    char content;
  };

  struct Expected {
    uint64_t address;
    const Meter* by;
    const Meter* of;  // nullptr for a stranger
    bool freed;       // by its owner, who may be forgotten
  };

  static std::array<One, 4>& All() {
    static std::array<One, 4> all{One("model a", false), One("model b", false), One("model c", true),
                                  One("model d", true)};
    return all;
  }

  // Where there were blocks of checked meters that others have freed: these believe that they are there.
  static std::set<void*>& lost() {
    static std::set<void*> lost;
    return lost;
  }

  One& AnyOne() { return All()[static_cast<size_t>(choose_(4))]; }

  // Mostly small, or nothing; now and then what passes several grains; rarely what nobody has.
  size_t AnySize() {
    switch (choose_(16)) {
      case 0:
        return kLeast;
      case 1:
        return std::max(kLeast, static_cast<size_t>(choose_(4 * Meter::kGrain)));
      case 2:
        return choose_(16) == 0 && too_much_ > 0 ? too_much_ : 1;
      default:
        return std::max(kLeast, static_cast<size_t>(choose_(300)));
    }
  }

  static void CheckContent(const Block& block, size_t bytes) {
    ASSERT_EQ(std::count(block.address, block.address + bytes, block.content), static_cast<int64_t>(bytes));
  }
  void Fill(Block* block) {
    block->content = static_cast<char>(choose_(255) + 1);
    std::memset(block->address, block->content, block->bytes);
  }

  static Block New(void* address, size_t bytes, One* owner) {
    if (owner->meter->checked()) lost().erase(address);
    return {static_cast<char*>(address), bytes, static_cast<int64_t>(Meter::SizeOf(address)), owner, 0};
  }
  Block Forget(size_t index) {
    std::swap(blocks_[index], blocks_.back());
    const Block block = blocks_.back();
    blocks_.pop_back();
    return block;
  }
  size_t AnyBlock() { return static_cast<size_t>(choose_(static_cast<int64_t>(blocks_.size()))); }

  // Now and then there is no memory to note the block of a checked meter in.
  bool Scarce(const One& one) {
    const bool scarce = one.meter->checked() && choose_(4) == 0;
    if (scarce) allocations_left = 0;
    return scarce;
  }
  static void Plenty() { allocations_left = -1; }

  void Allocate() {
    One& one = AnyOne();
    const MeterFunctions& f = one.functions;
    size_t bytes = AnySize();
    const int64_t shape = choose_(14);
    if (shape == 6 || shape >= 10) bytes = std::min(bytes, kLarge);
    if (shape == 1 || shape == 6) bytes = std::max(bytes / 3, kLeast) * 3;
    if (shape == 2) bytes = std::min(bytes, size_t{300}) + 1;
    const std::string text(shape == 2 ? bytes - 1 : 0, 'x');
    const bool scarce = Scarce(one);
    void* address = nullptr;
    switch (shape) {
      case 0:
        address = f.malloc(bytes);
        break;
      case 1:
        address = f.calloc(bytes / 3, 3);
        break;
      case 2:
        address = f.strdup(text.c_str());
        break;
      case 3:
        address = f.realloc(nullptr, bytes);
        break;
      case 4:
        address = f.sized_realloc(nullptr, 0, bytes);
        break;
      case 5:
        address = f.context_malloc(this, bytes);
        break;
      case 6:
        address = f.context_calloc(this, static_cast<unsigned>(bytes / 3), 3);
        break;
      case 7:
        address = f.context_realloc(this, nullptr, bytes);
        break;
      case 8:
        address = f.single(this, nullptr, 0, bytes);
        break;
      case 9:
        address = f.expat.malloc(bytes);
        break;
      case 10:
        address = f.context_sized_realloc(this, 0, static_cast<long>(bytes), nullptr);
        break;
      case 11:
        address = f.sqlite.allocate(static_cast<int>(bytes));
        break;
      case 12:
        address = f.sqlite.reallocate(nullptr, static_cast<int>(bytes));
        break;
      default:
        address = f.expat.realloc(nullptr, bytes);
    }
    Plenty();
    const bool none = bytes > kLarge || (shape == 8 && bytes == 0);
    ASSERT_TRUE(address == nullptr ? none || scarce : !none);
    if (address == nullptr) return;
    auto* content = static_cast<char*>(address);
    const int64_t zeroes = std::count(content, content + bytes, 0);
    ASSERT_TRUE((shape != 1 && shape != 6) || zeroes == static_cast<int64_t>(bytes));
    ASSERT_TRUE(shape != 2 || text == content);
    ASSERT_EQ(f.sqlite.size(address), static_cast<int>(Meter::SizeOf(address)));
    Block block = New(address, bytes, &one);
    one.Allocated(block);
    Fill(&block);
    blocks_.push_back(block);
  }

  void Reallocate() {
    if (blocks_.empty()) return;
    const size_t index = AnyBlock();
    One& one = *blocks_[index].owner;
    const MeterFunctions& f = one.functions;
    const int64_t shape = choose_(7);
    size_t bytes = AnySize();
    if (shape >= 5) bytes = std::min(bytes, kLarge);
    const bool scarce = Scarce(one);
    const Block old = blocks_[index];
    void* address = nullptr;
    switch (shape) {
      case 0:
        address = f.realloc(old.address, bytes);
        break;
      case 1:
        address = f.sized_realloc(old.address, old.bytes, bytes);
        break;
      case 2:
        address = f.context_realloc(this, old.address, bytes);
        break;
      case 3:
        address = f.single(this, old.address, old.bytes, bytes);
        break;
      case 4:
        address = f.expat.realloc(old.address, bytes);
        break;
      case 5:
        address = f.sqlite.reallocate(old.address, static_cast<int>(bytes));
        break;
      default:
        address = f.context_sized_realloc(this, static_cast<long>(old.bytes), static_cast<long>(bytes),
                                          old.address);
    }
    Plenty();
    if (bytes == 0) {
      ASSERT_EQ(address, nullptr);
      one.Freed(Forget(index));
      return;
    }
    ASSERT_TRUE(address == nullptr ? bytes > kLarge || scarce : bytes <= kLarge);
    if (address == nullptr) return;  // and the old one is as it was
    // A checked meter copies, so both are there for a moment.
    Block next = New(address, bytes, &one);
    next.content = old.content;
    CheckContent(next, std::min(old.bytes, bytes));
    if (!one.meter->checked()) one.Freed(old);
    one.Allocated(next);
    if (one.meter->checked()) one.Freed(old);
    Fill(&next);
    blocks_[index] = next;
  }

  void CallFree(One* by, void* address, size_t bytes) {
    const MeterFunctions& f = by->functions;
    switch (choose_(6)) {
      case 0:
        return f.free(address);
      case 1:
        return f.sized_free(address, bytes);
      case 2:
        return f.context_free(this, address);
      case 3:
        return f.sqlite.free(address);
      case 4:
        return f.expat.free(address);
      default:
        ASSERT_EQ(f.single(this, address, bytes, 0), nullptr);
    }
  }

  void Free() {
    One& none = AnyOne();
    if (blocks_.empty()) return CallFree(&none, nullptr, 0);
    const Block block = Forget(AnyBlock());
    CheckContent(block, block.bytes);
    block.owner->Freed(block);
    CallFree(block.owner, block.address, block.bytes);
  }

  // By plain free(), which no meter sees, or by another meter.
  void FreeElsewhere() {
    if (blocks_.empty()) return;
    const Block block = Forget(AnyBlock());
    CheckContent(block, block.bytes);
    One& by = AnyOne();
    const bool plain = by.meter == block.owner->meter || lost().count(block.address) > 0;
    if (block.owner->meter->checked() && (plain || !by.meter->checked())) lost().insert(block.address);
    if (plain) return std::free(block.address);
    if (!by.meter->checked()) {
      by.Freed(block);
    } else if (block.owner->meter->checked()) {
      block.owner->Freed(block);
      Report(&by, block.address, block.owner->meter, false);
    } else {
      Report(&by, block.address, nullptr, false);
      by.functions.free(block.address);
      return std::free(block.address);
    }
    CallFree(&by, block.address, block.bytes);
  }

  // What is freed already, or was never allocated: a checked meter leaves it alone.
  void FreeWrongly() {
    One& one = All()[static_cast<size_t>(2 + choose_(2))];
    if (choose_(2) == 0) {
      char stranger[16];
      Report(&one, stranger, nullptr, false);
      if (choose_(2) == 0) return CallFree(&one, stranger, 0);
      ASSERT_EQ(one.functions.realloc(stranger, 10), nullptr);
      // For a moment there was a new block, of which only the meter knows.
      Block moved{nullptr, 0, one.meter->Read().allocated_bytes - one.allocated_bytes, &one, 0};
      ASSERT_GE(moved.usable, 10);
      ASSERT_LE(moved.usable, 100);
      one.Allocated(moved);
      return one.Freed(moved);
    }
    // Allocated and freed.
    Block block = New(one.functions.malloc(40), 40, &one);
    one.Allocated(block);
    one.Freed(block);
    one.functions.free(block.address);
    One& by = All()[static_cast<size_t>(2 + choose_(2))];
    Report(&by, block.address, one.meter, true);
    CallFree(&by, block.address, 40);
  }

  void Report(One* by, const void* address, const Meter* of, bool freed) {
    by->foreign++;
    if (reports_.size() < 256)
      reports_.push_back({reinterpret_cast<uintptr_t>(address), by->meter, of, freed});
  }

  void ReadReport() {
    CheckedBlocks::Report report;
    ASSERT_EQ(CheckedBlocks::NextReport(&report), !reports_.empty());
    if (reports_.empty()) return;
    const Expected expected = reports_.front();
    reports_.pop_front();
    ASSERT_EQ(report.address, expected.address);
    ASSERT_EQ(report.by, expected.by);
    using Found = CheckedBlocks::Found;
    if (expected.of == nullptr) {
      // Some block of a checked meter may have been there before.
      ASSERT_TRUE(report.found == Found::kForeign || report.found == Found::kFreed);
      return;
    }
    ASSERT_EQ(report.of, expected.of);
    ASSERT_EQ(report.found, expected.freed ? Found::kFreed : Found::kOther);
  }

#ifdef __SANITIZE_THREAD__
  static constexpr size_t kLeast =
      1;  // ThreadSanitizer takes the one byte that a block of none has for freed
#else
  static constexpr size_t kLeast = 0;
#endif
  static constexpr size_t kLarge = 4 * Meter::kGrain;

  std::function<int64_t(int64_t)> choose_;
  const size_t too_much_;
  std::vector<Block> blocks_;
  std::deque<Expected> reports_;
};

}  // namespace tally

#endif  // FFI_TALLY_TEST_METER_MODEL_H_
