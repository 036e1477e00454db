// Puts Relacy Race Detector under sources of native/ that were not written for it: in what is included after
// this header, std::atomic and std::mutex are Relacy's, which tries interleavings of threads and, for each
// load, the values that its memory order allows. Everything else in std is what it was.
//
// Include it after all headers that those sources include, and nothing of std after them.
//
// Relacy's threads are fibers of one thread. thread_local is static for them; who owns such a variable names
// it in `fiber_local`, and it is put back whenever its fiber goes on. Plain variables are not watched: that
// is what ThreadSanitizer is for.

#ifndef FFI_TALLY_TEST_MODEL_MODEL_STD_H_
#define FFI_TALLY_TEST_MODEL_MODEL_STD_H_

#include <atomic>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <new>
#include <relacy/relacy.hpp>

// Relacy's own, which only sources written for it can live with.
#undef new
#undef delete
#undef malloc
#undef calloc
#undef realloc
#undef free
#undef errno
#undef assert
#include <cassert>
#include <cerrno>
#undef memory_order_relaxed
#undef memory_order_acquire
#undef memory_order_release

namespace model_std {

using namespace std;  // but for what follows

// A memory order as the sources ask for it. Those that are more than relaxed are known by their line, and one
// of them can be weakened, to see whether anybody notices.
struct Order {
  rl::memory_order order;

  static inline bitset<1000> lines;  // that asked for more than relaxed
  static inline int weakened = 0;    // one of them, or 0

  static Order Strong(rl::memory_order order, int line) {
    lines.set(static_cast<size_t>(line));
    return {line == weakened ? rl::mo_relaxed : order};
  }
  static Order Acquire(int line = __builtin_LINE()) { return Strong(rl::mo_acquire, line); }
  static Order Release(int line = __builtin_LINE()) { return Strong(rl::mo_release, line); }
};
constexpr Order kRelaxed{rl::mo_relaxed};
using memory_order = Order;  // stands for std::memory_order

// What the code under test has in thread_local variables, here one pointer.
inline void** fiber_local = nullptr;

// What Relacy must be told of: in each execution anew if it is static, and else until the execution ends.
class Watched {
 public:
  Watched() : next_(first_) {
    first_ = this;
    if (!rl::is_ctx()) first_static_ = this;
  }
  virtual ~Watched() {
    Watched** at = &first_;
    while (*at != this) at = &(*at)->next_;
    *at = next_;
  }
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;

  // In before() and after(). What an execution that failed has left is forgotten.
  static void BeginAll() {
    first_ = first_static_;
    for (Watched* it = first_; it != nullptr; it = it->next_) it->Begin();
  }
  static void EndAll() {
    for (Watched* it = first_; it != nullptr; it = it->next_) it->End();
    first_ = first_static_;
  }

 private:
  virtual void Begin() = 0;
  virtual void End() = 0;

  static inline Watched* first_ = nullptr;
  static inline Watched* first_static_ = nullptr;
  Watched* next_;
};

// An operation of Relacy's, in which other fibers run.
template <typename Operation>
auto Switching(Operation operation) {
  void* mine = fiber_local == nullptr ? nullptr : *fiber_local;
  const auto result = operation();
  if (fiber_local != nullptr) *fiber_local = mine;
  return result;
}

template <typename T>
class atomic : Watched {  // stands for std::atomic
 public:
  static constexpr bool is_always_lock_free = true;

  atomic(T initial) : initial_(ToBits(initial)) {
    if (rl::is_ctx()) Begin();
  }
  ~atomic() override {
    if (rl::is_ctx()) End();
  }

  // Outside of executions nothing changes.
  T load(Order order) const {
    if (!rl::is_ctx()) return FromBits(initial_);
    return FromBits(Switching([&] { return at_->load(order.order, RL_INFO); }));
  }
  void store(T value, Order order) {
    if (rl::is_ctx()) Switching([&] { return at_->store(ToBits(value), order.order, RL_INFO), 0; });
  }
  T fetch_add(T delta, Order order) {
    if (!rl::is_ctx()) return FromBits(initial_);
    return FromBits(Switching([&] { return at_->fetch_add(ToBits(delta), order.order, RL_INFO); }));
  }
  T fetch_sub(T delta, Order order) { return fetch_add(T{} - delta, order); }
  bool compare_exchange_weak(T& expected, T value, int line = __builtin_LINE()) {
    return Exchange<true>(&expected, value, Order::Strong(rl::mo_acq_rel, line));
  }
  bool compare_exchange_weak(T& expected, T value, Order order) {
    return Exchange<true>(&expected, value, order);
  }
  bool compare_exchange_strong(T& expected, T value, int line = __builtin_LINE()) {
    return Exchange<false>(&expected, value, Order::Strong(rl::mo_acq_rel, line));
  }
  bool compare_exchange_strong(T& expected, T value, Order order) {
    return Exchange<false>(&expected, value, order);
  }

 private:
  // Relacy knows integers best.
  using Bits = uint64_t;
  using Atomic = rl::atomic<Bits>;

  static Bits ToBits(T value) {
    if constexpr (is_pointer_v<T>)
      return reinterpret_cast<Bits>(value);
    else
      return static_cast<Bits>(value);
  }
  static T FromBits(Bits bits) {
    if constexpr (is_pointer_v<T>)
      return reinterpret_cast<T>(bits);
    else
      return static_cast<T>(bits);
  }

  template <bool Weak>
  bool Exchange(T* expected, T value, Order order) {
    if (!rl::is_ctx()) return true;
    Bits bits = ToBits(*expected);
    const bool exchanged = Switching(
        [&] { return at_->compare_exchange(rl::bool_t<Weak>(), bits, ToBits(value), order.order, RL_INFO); });
    *expected = FromBits(bits);
    return exchanged;
  }
  // Nobody else knows of it yet.
  void Begin() override {
    rl::ctx().disable_preemption();
    at_ = new (place_) Atomic(initial_);
    rl::ctx().enable_preemption();
  }
  void End() override { at_->~Atomic(); }

  Bits initial_;
  Atomic* at_ = nullptr;
  alignas(Atomic) std::byte place_[sizeof(Atomic)];
};

class mutex : Watched {  // stands for std::mutex
 public:
  void lock() {
    if (rl::is_ctx()) Switching([&] { return at_->lock(RL_INFO), 0; });
  }
  void unlock() {
    if (rl::is_ctx()) Switching([&] { return at_->unlock(RL_INFO), 0; });
  }

 private:
  using Mutex = rl::mutex;

  void Begin() override { at_ = new (place_) Mutex; }
  void End() override { at_->~Mutex(); }

  Mutex* at_ = nullptr;
  alignas(Mutex) std::byte place_[sizeof(Mutex)];
};

}  // namespace model_std

#ifdef __clang__
#pragma clang diagnostic ignored "-Wkeyword-macro"
#endif
#define std model_std
#define thread_local static
#define memory_order_relaxed kRelaxed
#define memory_order_acquire Order::Acquire()
#define memory_order_release Order::Release()

#endif  // FFI_TALLY_TEST_MODEL_MODEL_STD_H_
