#include "env/destructor.h"

#include <cassert>
#include <new>
#include <utility>

#ifdef TALLY_HAS_LIBFFI
#include <ffi.h>
#endif

#include "base/process_memory.h"

namespace tally {

#ifdef TALLY_HAS_LIBFFI

class BoundCall {
 public:
  explicit BoundCall(const BoundArguments& arguments) : arguments_(arguments) {
    for (uint32_t i = 0; i < arguments.count; i++) types_[i] = TypeOf(arguments.at[i]);
    ffi_type* result = &ffi_type_void;
    if (arguments.ok.has_value()) result = arguments.is_bool ? &ffi_type_uint8 : &ffi_type_sint32;
    prepared_ = ffi_prep_cif(&cif_, FFI_DEFAULT_ABI, arguments.count, result, types_.data()) == FFI_OK;
  }
  BoundCall(const BoundCall&) = delete;  // cif_ points into it
  BoundCall& operator=(const BoundCall&) = delete;

  bool prepared() const { return prepared_; }

  void Run(uint64_t function, uint64_t address, int64_t size) const {
    void* place = reinterpret_cast<void*>(static_cast<uintptr_t>(address));
    std::array<Value, BoundArguments::kMost> values;
    std::array<void*, BoundArguments::kMost> pointers;
    for (uint32_t i = 0; i < arguments_.count; i++) {
      switch (arguments_.at[i].source) {
        case BoundArgument::Source::kPointer:
          values[i].pointer = place;
          break;
        case BoundArgument::Source::kPlace:
          values[i].pointer = &place;
          break;
        case BoundArgument::Source::kSize:
          values[i].size = static_cast<size_t>(size);
          break;
        case BoundArgument::Source::kConstant:
          values[i].size = static_cast<size_t>(arguments_.at[i].constant);
          break;
      }
      pointers[i] = &values[i];
    }
    ffi_sarg result = 0;  // a small integer comes as a large one
    ffi_call(&cif_, reinterpret_cast<void (*)()>(static_cast<uintptr_t>(function)), &result, pointers.data());
    if (!arguments_.ok.has_value()) return;
    const auto told = static_cast<int32_t>(arguments_.is_bool ? (result & 0xff) != 0 : result);
    failure_ = told == *arguments_.ok ? std::nullopt : std::optional(told);
  }

  std::optional<int32_t> failure() const { return failure_; }
  void Forget() const { failure_.reset(); }

 private:
  union Value {
    void* pointer;
    size_t size;  // or a constant
  };

  static ffi_type* TypeOf(const BoundArgument& argument) {
    switch (argument.source) {
      case BoundArgument::Source::kPointer:
      case BoundArgument::Source::kPlace:
        return &ffi_type_pointer;
      case BoundArgument::Source::kSize:
      case BoundArgument::Source::kConstant:
        break;
    }
    return sizeof(size_t) == 8 ? &ffi_type_uint64 : &ffi_type_uint32;
  }

  BoundArguments arguments_;
  std::array<ffi_type*, BoundArguments::kMost> types_{};
  mutable ffi_cif cif_{};  // ffi_call takes it as non-const and does not write to it
  bool prepared_ = false;
  mutable std::optional<int32_t> failure_;
};

#else

class BoundCall {
 public:
  explicit BoundCall(const BoundArguments&) {}
  bool prepared() const { return false; }
  void Run(uint64_t, uint64_t, int64_t) const {}
  std::optional<int32_t> failure() const { return std::nullopt; }
  void Forget() const {}
};

#endif

Destructor::Destructor() = default;
Destructor::Destructor(Destructor&&) noexcept = default;
Destructor& Destructor::operator=(Destructor&&) noexcept = default;
Destructor::~Destructor() = default;

Destructor Destructor::Of(Form form, uint64_t function, const BoundArguments& arguments) {
  Destructor destructor;
  if (form == Form::kBound) {
    assert(CanBind());
    destructor.call_.reset(new (std::nothrow) BoundCall(arguments));
    if (destructor.call_ == nullptr || !destructor.call_->prepared()) return {};
    destructor.ok_ = arguments.ok;
    destructor.retries_ = arguments.retries;
  }
  destructor.form_ = form;
  if (destructor.is_native()) destructor.function_ = function;
  return destructor;
}

void Destructor::RunBound(uint64_t function, const BoundArguments& arguments, uint64_t address,
                          int64_t size) {
  const BoundCall call(arguments);
  if (call.prepared()) call.Run(function, address, size);
}

bool Destructor::CanBind() {
#ifdef TALLY_HAS_LIBFFI
  return true;
#else
  return false;
#endif
}

void Destructor::RunBound(uint64_t address, int64_t size) const { call_->Run(function_, address, size); }

void Destructor::Call::Run() const {
  if (!OwnedBlocks::Disown(address_)) return;
  const EndOfAccount end(address_);
  if (bound_ != nullptr) return bound_->Run(function_, address_, size_);
  auto function = reinterpret_cast<void (*)(void*)>(static_cast<uintptr_t>(function_));
  function(reinterpret_cast<void*>(static_cast<uintptr_t>(address_)));
}

Destructor::Call Destructor::CallOf(uint64_t address, int64_t size) const {
  assert(is_native() && !ok_.has_value());
  Call call;
  call.function_ = function_;
  call.bound_ = call_.get();
  call.address_ = address;
  call.size_ = size;
  return call;
}

void Destructor::Forget() const {
  if (call_ != nullptr) call_->Forget();
}

std::optional<int32_t> Destructor::failure() const {
  return call_ == nullptr ? std::nullopt : call_->failure();
}

bool Destructor::Unmaps() {
  if (!unmaps_.has_value()) unmaps_ = is_native() && IsUnmap(function_);
  return *unmaps_;
}

const SharedPin& Destructor::Pin() {
  if (!is_pinned() && is_native()) pin_ = SharedPin(function_);
  return pin_;
}

}  // namespace tally
