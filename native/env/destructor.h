// A Destructor knows how pointers of one kind are freed: by a native function of one argument called
// directly, by a native function with bound arguments called through libffi, by JavaScript, or not at
// all. It keeps the library of its function mapped from Pin to Unpin, because Koffi unloads a library
// as soon as its JavaScript objects are collected, whatever still points into it.
//
// Not thread-safe: use on the thread of its environment only.

#ifndef FFI_TALLY_ENV_DESTRUCTOR_H_
#define FFI_TALLY_ENV_DESTRUCTOR_H_

#include <array>
#include <cassert>
#include <cstdint>
#include <memory>
#include <optional>

#include "base/library_pin.h"
#include "meters/counted_blocks.h"
#include "meters/owned_blocks.h"

namespace tally {

// One bound argument: the pointer itself, the address of a place that holds it, its size at the time of the
// call, or a constant.
struct BoundArgument {
  enum class Source : uint8_t { kConstant, kPointer, kPlace, kSize };
  Source source = Source::kConstant;
  uint64_t constant = 0;
};

struct BoundArguments {
  static constexpr size_t kMost = 32;
  std::array<BoundArgument, kMost> at;
  uint32_t count = 0;
  std::optional<int32_t> ok;  // the result by which the function says that it has freed, if it says
  bool is_bool = false;       // whether it returns one: then `ok` is 0 or 1
  bool retries = false;       // whether what it has not freed is still there
};

class BoundCall;

class Destructor {
 public:
  enum class Form : uint8_t { kNone, kJavaScript, kDirect, kBound };

  Destructor();  // of form kNone
  // REQUIRES: CanBind(), for kBound. Returns a destructor of form kNone without memory, and where libffi
  // refuses the call.
  static Destructor Of(Form form, uint64_t function, const BoundArguments& arguments);

  // Calls `function` as one of form kBound does, without needing memory. What it says is lost.
  static void RunBound(uint64_t function, const BoundArguments& arguments, uint64_t address, int64_t size);

  // Whether this build has libffi.
  static bool CanBind();

  Destructor(Destructor&&) noexcept;
  Destructor& operator=(Destructor&&) noexcept;
  ~Destructor();

  Form form() const { return form_; }
  // Whether Run does what there is to do, and JavaScript need not hear of it.
  bool is_freed_here() const { return form_ != Form::kJavaScript && !ok_.has_value(); }
  // Whether it frees memory, and does not just unregister a callback.
  bool is_memory() const { return is_memory_; }
  void set_is_memory(bool is_memory) { is_memory_ = is_memory; }
  // Whether it may run on another thread, and shall.
  bool is_background() const { return is_background_; }
  void set_is_background(bool is_background) { is_background_ = is_background; }
  bool is_native() const { return form_ == Form::kDirect || form_ == Form::kBound; }
  uint64_t function() const { return function_; }

  // The result of a function that has freed, if it says so.
  std::optional<int32_t> ok() const { return ok_; }
  bool retries() const { return retries_; }

  // Frees `address`, unless that is known to be freed. REQUIRES: form() is not kJavaScript; the function's
  // library is mapped.
  void Run(uint64_t address, int64_t size) const {
    assert(form_ != Form::kJavaScript);
    if (!OwnedBlocks::Disown(address)) return Forget();
    const EndOfAccount end(address);
    if (form_ == Form::kDirect) {
      auto function = reinterpret_cast<void (*)(void*)>(static_cast<uintptr_t>(function_));
      function(reinterpret_cast<void*>(static_cast<uintptr_t>(address)));
    } else if (form_ == Form::kBound) {
      RunBound(address, size);
    }
  }
  // What Run does, for any thread, whatever becomes of the Destructor while its kind has pointers.
  class Call {
   public:
    void Run() const;

   private:
    friend class Destructor;
    uint64_t function_ = 0;
    const BoundCall* bound_ = nullptr;  // or it has one argument
    uint64_t address_ = 0;
    int64_t size_ = 0;
  };
  // REQUIRES: is_native(), with a result that says nothing.
  Call CallOf(uint64_t address, int64_t size) const;
  // What the function has said by its result when Run returned, if that was that it has not freed.
  std::optional<int32_t> failure() const;

  // Whether it unmaps memory, which the C allocator does not count. Slow when first asked.
  bool Unmaps();

  // Pinned from here on, by a pin of its own or by that of another destructor with the same function.
  const SharedPin& Pin();
  void Pin(const SharedPin& pin) { pin_ = pin; }
  void Unpin() { pin_ = {}; }
  bool is_pinned() const { return !pin_.is_empty(); }

 private:
  void RunBound(uint64_t address, int64_t size) const;
  void Forget() const;  // what it has said last

  Form form_ = Form::kNone;
  uint64_t function_ = 0;
  std::unique_ptr<BoundCall> call_;
  SharedPin pin_;
  std::optional<bool> unmaps_;
  std::optional<int32_t> ok_;
  bool retries_ = false;
  bool is_memory_ = true;
  bool is_background_ = false;
};

}  // namespace tally

#endif  // FFI_TALLY_ENV_DESTRUCTOR_H_
