// The bytes that libFuzzer made up, as choices. When they are used up, every choice is the first.

#ifndef FFI_TALLY_TEST_FUZZ_CHOICES_H_
#define FFI_TALLY_TEST_FUZZ_CHOICES_H_

#include <cstddef>
#include <cstdint>

namespace tally {

class Choices {
 public:
  Choices(const uint8_t* data, size_t size) : data_(data), size_(size) {}

  bool left() const { return size_ > 0; }

  // A number from zero to less than `limit`.
  int64_t Below(int64_t limit) {
    uint64_t number = 0;
    for (int64_t rest = limit - 1; rest > 0 && size_ > 0; rest >>= 8) {
      number = number << 8 | *data_++;
      size_--;
    }
    return static_cast<int64_t>(number % static_cast<uint64_t>(limit));
  }

 private:
  const uint8_t* data_;
  size_t size_;
};

}  // namespace tally

#endif  // FFI_TALLY_TEST_FUZZ_CHOICES_H_
