// The Nursery holds the pointers tracked last, before they get a slot and a weak reference: most
// pointers that are disposed at all are disposed soon, and these need neither. JavaScript writes it
// without calling C++; it lies in memory that C++ can read when JavaScript can no longer run, so that a
// worker ended in the middle of a loop loses nothing.
//
// One ArrayBuffer of columns, mirrored by lib/binding/nursery-columns.js:
//   count     Uint32   x 8        [0] entries in use; of the last Flush: [1] those put into a batch,
//                                 [2] whether JavaScript has to go on with another array of objects,
//                                 [3] its Refusal; [4] so many there may be, which other threads change
//   address   Uint64   x entries
//   size      Float64  x entries
//   kind      Uint32   x entries
//   slot      Uint32   x entries  kWaiting, kGiven, kGone, or the slot that Flush gave
//
// The last entry is not one of those in use. While its slot is kWaiting, the pointer there is in hand: C has
// just returned it, and JavaScript has not entered it yet.

#ifndef FFI_TALLY_ENV_NURSERY_H_
#define FFI_TALLY_ENV_NURSERY_H_

#include <napi.h>

#include <atomic>
#include <cstdint>

namespace tally {

// Why Flush has changed nothing. kStopped: the stack is full, or JavaScript is being terminated.
// kProcessFull: with one more, the process may pass its limit.
enum class Refusal : uint32_t { kNone, kNoMemory, kTooMuch, kOverLimit, kStopped, kProcessFull };

class Nursery {
 public:
  static constexpr size_t kCapacity = 256;
  static constexpr uint32_t kHand = kCapacity;
  static constexpr uint32_t kGone = UINT32_MAX;
  static constexpr uint32_t kWaiting = UINT32_MAX - 1;
  static constexpr uint32_t kGiven = UINT32_MAX - 2;  // a C call that takes the pointer is under way
  static constexpr uint32_t kSmallestBatch = 8;       // fewer pointers are cheaper one by one

  explicit Nursery(Napi::Env env) {
    Napi::HandleScope scope(env);
    Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(env, kBytes);
    buffer_ = Napi::Persistent(buffer);
    data_ = static_cast<unsigned char*>(buffer.Data());
    *most() = kCapacity;
  }

  Napi::Value buffer() const { return buffer_.Value(); }

  // What other threads may read and write.
  const std::atomic<uint32_t>* waiting() { return At<std::atomic<uint32_t>>(0); }
  std::atomic<uint32_t>* most() { return At<std::atomic<uint32_t>>(16); }
  uint32_t& count() { return At<uint32_t>(0)[0]; }
  uint32_t& batched() { return At<uint32_t>(0)[1]; }
  uint32_t& renew() { return At<uint32_t>(0)[2]; }
  void set_refusal(Refusal refusal) { At<uint32_t>(0)[3] = static_cast<uint32_t>(refusal); }
  uint64_t address(uint32_t index) { return At<uint64_t>(kAddress)[index]; }
  int64_t size(uint32_t index) { return static_cast<int64_t>(At<double>(kSize)[index]); }
  uint32_t kind(uint32_t index) { return At<uint32_t>(kKind)[index]; }
  bool holds(uint32_t index) { return slot(index) == kWaiting || slot(index) == kGiven; }
  // JavaScript does not look whether what C has returned is NULL.
  bool has_in_hand() { return slot(kHand) == kWaiting && address(kHand) != 0; }
  // Enters a pointer as JavaScript does. REQUIRES: there is room.
  void Put(uint64_t address, int64_t size, uint32_t kind) {
    const uint32_t index = count();
    At<uint64_t>(kAddress)[index] = address;
    At<double>(kSize)[index] = static_cast<double>(size);
    At<uint32_t>(kKind)[index] = kind;
    slot(index) = kWaiting;
    count() = index + 1;
  }
  uint32_t& slot(uint32_t index) { return At<uint32_t>(kSlot)[index]; }

 private:
  static constexpr size_t kEntries = kCapacity + 1;
  static constexpr size_t kAddress = 32;
  static constexpr size_t kSize = kAddress + 8 * kEntries;
  static constexpr size_t kKind = kSize + 8 * kEntries;
  static constexpr size_t kSlot = kKind + 4 * kEntries;
  static constexpr size_t kBytes = kSlot + 4 * kEntries;

  template <typename T>
  T* At(size_t offset) {
    return reinterpret_cast<T*>(data_ + offset);
  }

  Napi::Reference<Napi::ArrayBuffer> buffer_;
  unsigned char* data_ = nullptr;  // V8 does not move backing stores
};

}  // namespace tally

#endif  // FFI_TALLY_ENV_NURSERY_H_
