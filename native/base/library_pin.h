// A LibraryPin keeps the shared library that contains an address mapped for as long as the pin lives.
// An address in no library (the program itself, generated code) needs no pin and gets none.

#ifndef FFI_TALLY_BASE_LIBRARY_PIN_H_
#define FFI_TALLY_BASE_LIBRARY_PIN_H_

#include <cstdint>
#include <new>
#include <utility>

#ifdef _WIN32
#include "base/windows_api.h"
#else
#include <dlfcn.h>

#include "base/old_glibc.h"
#endif

namespace tally {

class LibraryPin {
 public:
  LibraryPin() = default;
#ifdef _WIN32
  explicit LibraryPin(uint64_t address) {
    HMODULE module = nullptr;
    if (GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS,
                           reinterpret_cast<LPCWSTR>(static_cast<uintptr_t>(address)), &module)) {
      handle_ = module;
    }
  }
  ~LibraryPin() {
    if (handle_ != nullptr) FreeLibrary(static_cast<HMODULE>(handle_));
  }
#else
  // RTLD_NOLOAD: takes one more reference on what is mapped and never maps anything itself.
  explicit LibraryPin(uint64_t address) {
    Dl_info info{};
    if (dladdr(reinterpret_cast<void*>(static_cast<uintptr_t>(address)), &info) != 0 &&
        info.dli_fname != nullptr) {
      handle_ = dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
    }
  }
  ~LibraryPin() {
    if (handle_ != nullptr) dlclose(handle_);
  }
#endif
  LibraryPin(LibraryPin&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  LibraryPin& operator=(LibraryPin&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }

 private:
  void* handle_ = nullptr;
};

// A LibraryPin that several share, because taking one costs some microseconds. Not thread-safe. Without
// memory each has its own.
class SharedPin {
 public:
  SharedPin() = default;
  explicit SharedPin(uint64_t address) : address_(address), shared_(new (std::nothrow) Shared(address)) {
    if (shared_ == nullptr) own_ = LibraryPin(address);
  }
  SharedPin(const SharedPin& other) : address_(other.address_), shared_(other.shared_) {
    if (shared_ != nullptr) {
      shared_->users++;
    } else if (!is_empty()) {
      own_ = LibraryPin(address_);
    }
  }
  SharedPin(SharedPin&& other) noexcept
      : address_(std::exchange(other.address_, 0)),
        shared_(std::exchange(other.shared_, nullptr)),
        own_(std::move(other.own_)) {}
  SharedPin& operator=(SharedPin other) noexcept {
    std::swap(address_, other.address_);
    std::swap(shared_, other.shared_);
    std::swap(own_, other.own_);
    return *this;
  }
  ~SharedPin() {
    if (shared_ != nullptr && --shared_->users == 0) delete shared_;
  }

  bool is_empty() const { return address_ == 0; }

 private:
  struct Shared {
    explicit Shared(uint64_t address) : pin(address) {}
    LibraryPin pin;
    uint32_t users = 1;
  };
  uint64_t address_ = 0;
  Shared* shared_ = nullptr;
  LibraryPin own_;
};

// Keeps this addon mapped until the process ends. Node closes it with the last thread that has loaded it, and
// with it would go what is the process's: pointers in transit, totals, and functions that C libraries still
// call.
inline void PinAddon() {
  // Never destroyed.
  static LibraryPin& pin = *new LibraryPin(reinterpret_cast<uintptr_t>(&PinAddon));
  (void)pin;
}

}  // namespace tally

#endif  // FFI_TALLY_BASE_LIBRARY_PIN_H_
