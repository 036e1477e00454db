// Random hand-overs, and a model as simple as can be that says what must come of them: whoever takes a
// pointer first has it, and what nobody takes is freed once. Who chooses is told by `choose`: a random
// generator in transit_test.cc, libFuzzer in fuzz/transit_fuzz.cc.

#ifndef FFI_TALLY_TEST_TRANSIT_MODEL_H_
#define FFI_TALLY_TEST_TRANSIT_MODEL_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdio>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "env/transit.h"
#include "scarce_memory.h"

namespace tally {

// A key, which is never that of another number.
inline std::string KeyOf(uint64_t number) {
  char key[Transit::kKey + 1];
  std::snprintf(key, sizeof(key), "%08x-0000-4000-8000-%012llx", static_cast<unsigned>(number * 2654435761U),
                static_cast<unsigned long long>(number));
  return key;
}

class TransitModel {
 public:
  // `choose` returns a number from zero to less than the one it is given.
  explicit TransitModel(std::function<int64_t(int64_t)> choose) : choose_(std::move(choose)) {
    bool known = false;
    meter_ = Meter::For("in transit", false, &known);
    attributed_ = meter_->attributed();
  }

  void Step() {
    switch (choose_(8)) {
      case 0:
      case 1:
      case 2:
        return Put();
      case 3:
      case 4:
        return Peek();
      case 5:
      case 6:
        return Take();
      default:
        if (choose_(16) == 0) FreeAll();
    }
  }

  void Check() {
    Transit::Sum expected;
    int64_t metered = 0;
    for (const auto& [number, stay] : stays_) {
      expected.bytes += stay.transferred.size;
      expected.pointers++;
      if (stay.transferred.meter != nullptr) metered += stay.transferred.size;
    }
    const Transit::Sum sum = transit_.Total();
    ASSERT_EQ(sum.bytes, expected.bytes);
    ASSERT_EQ(sum.pointers, expected.pointers);
    ASSERT_EQ(meter_->attributed() - attributed_, metered);
  }

  void Finish() {
    FreeAll();
    Check();
  }

 private:
  struct Stay {
    TransferredPointer transferred;
    std::string label;
  };

  static void Note(uint64_t address, int64_t size) { freed().emplace(address, size); }
  static void Free(void* address) { Note(reinterpret_cast<uintptr_t>(address), -1); }
  static void FreeBound(uint64_t constant, void* address, size_t size) {
    if (constant == kConstant) Note(reinterpret_cast<uintptr_t>(address), static_cast<int64_t>(size));
  }
  // What destructors were called with: -1 for one that is not told the size.
  static std::multimap<uint64_t, int64_t>& freed() {
    static std::multimap<uint64_t, int64_t> freed;
    return freed;
  }

  void Put() {
    Stay stay;
    TransferredPointer& transferred = stay.transferred;
    transferred.address = 0x10000 + 16 * ++last_;
    transferred.size = choose_(1 << 20);
    transferred.shared = choose_(2) == 1;
    switch (choose_(Destructor::CanBind() ? 3 : 2)) {
      case 0:
        break;
      case 1:
        transferred.form = Destructor::Form::kDirect;
        transferred.function = reinterpret_cast<uintptr_t>(&Free);
        break;
      default:
        transferred.form = Destructor::Form::kBound;
        transferred.function = reinterpret_cast<uintptr_t>(&FreeBound);
        transferred.arguments.at[0].constant = kConstant;
        transferred.arguments.at[1].source = BoundArgument::Source::kPointer;
        transferred.arguments.at[2].source = BoundArgument::Source::kSize;
        transferred.arguments.count = 3;
    }
    if (choose_(2) == 1) transferred.meter = meter_;
    stay.label = std::string(static_cast<size_t>(choose_(64)), 'x');
    Label label;
    ASSERT_TRUE(label.Set(stay.label));
    // A stay, and the call of a bound destructor.
    const int needed = transferred.form == Destructor::Form::kBound ? 2 : 1;
    allocations_left = choose_(8) == 0 ? static_cast<int>(choose_(needed)) : -1;
    const bool expected = allocations_left < 0;
    const bool put = transit_.Put(KeyOf(last_), transferred, std::move(label));
    allocations_left = -1;
    ASSERT_EQ(put, expected);
    if (!put) return;
    if (transferred.meter != nullptr) meter_->Attribute(transferred.size);
    stays_.emplace(last_, std::move(stay));
  }

  // Of any that ever were and some that never were.
  uint64_t AnyNumber() { return static_cast<uint64_t>(choose_(static_cast<int64_t>(last_) + 2)); }
  // Now and then of another length.
  std::string AnyKey(uint64_t number) {
    const std::string key = KeyOf(number);
    return choose_(16) == 0 ? (choose_(2) == 0 ? key.substr(0, 35) : key + "0") : key;
  }

  void Peek() {
    const uint64_t number = AnyNumber();
    const std::string key = AnyKey(number);
    const auto at = key.size() == Transit::kKey ? stays_.find(number) : stays_.end();
    const bool with_label = choose_(2) == 1;
    const bool scarce = choose_(8) == 0;
    TransferredPointer transferred;
    Label label;
    if (scarce) allocations_left = 0;
    const Transit::Found found = transit_.Peek(key, &transferred, with_label ? &label : nullptr);
    allocations_left = -1;
    if (at == stays_.end()) {
      ASSERT_EQ(found, Transit::Found::kGone);
      return;
    }
    if (scarce && with_label) {
      ASSERT_EQ(found, Transit::Found::kNoMemory);
      return;
    }
    ASSERT_EQ(found, Transit::Found::kYes);
    const TransferredPointer& expected = at->second.transferred;
    ASSERT_EQ(transferred.address, expected.address);
    ASSERT_EQ(transferred.size, expected.size);
    ASSERT_EQ(transferred.shared, expected.shared);
    ASSERT_EQ(transferred.meter, expected.meter);
    ASSERT_EQ(transferred.form, expected.form);
    ASSERT_EQ(transferred.function, expected.function);
    ASSERT_EQ(transferred.arguments.count, expected.arguments.count);
    ASSERT_EQ(label.text(), with_label ? at->second.label : "");
  }

  void Take() {
    const uint64_t number = AnyNumber();
    const std::string key = AnyKey(number);
    const auto at = key.size() == Transit::kKey ? stays_.find(number) : stays_.end();
    ASSERT_EQ(transit_.Take(key), at != stays_.end());
    if (at == stays_.end()) return;
    if (at->second.transferred.meter != nullptr) meter_->Attribute(-at->second.transferred.size);
    stays_.erase(at);
  }

  void FreeAll() {
    std::multimap<uint64_t, int64_t> expected;
    for (const auto& [number, stay] : stays_) {
      const TransferredPointer& transferred = stay.transferred;
      if (transferred.form == Destructor::Form::kNone) continue;
      const bool told = transferred.form == Destructor::Form::kBound;
      expected.emplace(transferred.address, told ? transferred.size : -1);
    }
    stays_.clear();
    freed().clear();
    transit_.FreeAll();
    ASSERT_EQ(freed(), expected);
  }

  static constexpr uint64_t kConstant = 0x123456789abcdef;

  std::function<int64_t(int64_t)> choose_;
  Transit transit_;
  Meter* meter_ = nullptr;
  int64_t attributed_ = 0;
  uint64_t last_ = 0;
  std::map<uint64_t, Stay> stays_;
};

}  // namespace tally

#endif  // FFI_TALLY_TEST_TRANSIT_MODEL_H_
