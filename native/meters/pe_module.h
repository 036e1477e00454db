// A PeModule is a loaded program or library of Windows: what it imports by name, and the slots (words of
// memory) through which it calls that.
//
// Valid while the module is mapped. Any thread.

#ifndef FFI_TALLY_METERS_PE_MODULE_H_
#define FFI_TALLY_METERS_PE_MODULE_H_

#ifdef _WIN64
#define TALLY_HAS_PE_MODULES 1

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/fallible_vector.h"
#include "base/windows_api.h"

namespace tally {

class PeModule {
 public:
  struct Slot {
    uintptr_t* address = nullptr;
    const char* name = nullptr;
    uintptr_t own = 0;        // a module imports nothing that it defines
    bool is_delayed = false;  // may wait for the first call, which loads the library

    uintptr_t value() const { return *static_cast<volatile uintptr_t*>(address); }
  };

  PeModule() = default;  // contains nothing
  // REQUIRES: `base` is that of a loaded module.
  explicit PeModule(uintptr_t base);

  bool is_empty() const { return base_ == 0; }
  std::string_view file() const {
    return file_;
  }  // without directories, in small letters; the end of a long one
  bool is_of_system() const { return is_of_system_; }
  uintptr_t base() const { return base_; }
  uintptr_t bytes() const { return bytes_; }
  bool Contains(uintptr_t address) const { return address - base_ < bytes_; }

  // Whether the slot waits for its first call: it points back into the module.
  bool IsUnbound(const Slot& slot) const { return slot.is_delayed && Contains(slot.value()); }

  // Writes a slot, whose page has the protection afterwards that it had before; returns false where that
  // cannot be done. REQUIRES: no other thread writes slots of this module.
  bool Write(const Slot& slot, uintptr_t value) const;

  // Calls visit(slot) for each slot that has a name, until it returns false.
  template <typename Visit>
  void EachSlot(Visit visit) const {
    EachImport([&](const Import& import) {
      if (import.names == nullptr) return true;
      for (size_t i = 0; import.names[i].u1.AddressOfData != 0; i++) {
        if (IMAGE_SNAP_BY_ORDINAL(import.names[i].u1.Ordinal)) continue;
        const auto* named = At<IMAGE_IMPORT_BY_NAME>(import.names[i].u1.AddressOfData);
        const Slot slot{&import.slots[i], reinterpret_cast<const char*>(named->Name), 0, import.is_delayed};
        if (!visit(slot)) return false;
      }
      return true;
    });
  }

  // Calls visit(name) for each library that this one asks for.
  template <typename Visit>
  void EachNeeded(Visit visit) const {
    EachImport([&](const Import& import) {
      visit(import.library);
      return true;
    });
  }

  // Whether it is compiled with a sanitizer.
  bool IsSanitized() const;

  // What it calls itself; "" where it does not tell.
  const char* name() const;
  // The exported function that begins last before `address`; "" where there is none.
  const char* FunctionAt(uintptr_t address) const;

 private:
  // What is imported from one library.
  struct Import {
    const char* library;
    const IMAGE_THUNK_DATA* names;  // nullptr: nobody knows any more what the slots are for
    uintptr_t* slots;
    bool is_delayed;
  };

  template <typename T>
  T* At(uint64_t offset) const {
    return reinterpret_cast<T*>(base_ + static_cast<uintptr_t>(offset));
  }
  // nullptr where the module has none.
  template <typename T>
  const T* Directory(size_t index) const {
    if (headers_ == nullptr || headers_->OptionalHeader.NumberOfRvaAndSizes <= index) return nullptr;
    const IMAGE_DATA_DIRECTORY& directory = headers_->OptionalHeader.DataDirectory[index];
    return directory.Size == 0 ? nullptr : At<T>(directory.VirtualAddress);
  }

  // Until visit(import) returns false.
  template <typename Visit>
  void EachImport(Visit visit) const {
    const auto* each = Directory<IMAGE_IMPORT_DESCRIPTOR>(IMAGE_DIRECTORY_ENTRY_IMPORT);
    for (; each != nullptr && each->Name != 0; each++) {
      const Import import{At<char>(each->Name), NamesAt(each->OriginalFirstThunk),
                          At<uintptr_t>(each->FirstThunk), false};
      if (!visit(import)) return;
    }
    const auto* delayed = Directory<IMAGE_DELAYLOAD_DESCRIPTOR>(IMAGE_DIRECTORY_ENTRY_DELAY_IMPORT);
    for (; delayed != nullptr && delayed->DllNameRVA != 0; delayed++) {
      if (delayed->Attributes.RvaBased == 0) continue;  // of compilers of the last century
      const Import import{At<char>(delayed->DllNameRVA), NamesAt(delayed->ImportNameTableRVA),
                          At<uintptr_t>(delayed->ImportAddressTableRVA), true};
      if (!visit(import)) return;
    }
  }

  const IMAGE_THUNK_DATA* NamesAt(DWORD offset) const {
    return offset == 0 ? nullptr : At<IMAGE_THUNK_DATA>(offset);
  }

  uintptr_t base_ = 0;
  uintptr_t bytes_ = 0;
  const IMAGE_NT_HEADERS* headers_ = nullptr;
  bool is_of_system_ = false;
  char file_[64] = "";
};

struct LibraryCloser {
  void operator()(void* handle) const;
};
// Of a library that is loaded already.
using LibraryHandle = std::unique_ptr<void, LibraryCloser>;

// That of the library at `path`, as it was given to LoadLibrary(); nullptr where there is none.
LibraryHandle Loaded(const char* path);

// The base of a loaded library.
inline uintptr_t BaseOf(const LibraryHandle& handle) { return reinterpret_cast<uintptr_t>(handle.get()); }

// Of the library in which `address` is; nullptr where there is none.
LibraryHandle HandleOf(uintptr_t address);

// Returns false without memory.
bool ListModules(FallibleVector<HMODULE>* modules);

inline PeModule ModuleAt(uintptr_t base) { return HandleOf(base) == nullptr ? PeModule() : PeModule(base); }

// What the code at `address` is from calls itself, and its function, as far as it tells; they last as long as
// the library is loaded. Returns its base, 0 where there is none.
uintptr_t FindCode(uintptr_t address, const char** file, const char** function);

// Calls visit(module) for all that are loaded, the program first, until it returns false. Each stays mapped
// while it is visited.
template <typename Visit>
void EachModule(Visit visit) {
  FallibleVector<HMODULE> modules;
  if (!ListModules(&modules)) return;
  for (HMODULE module : modules) {
    const LibraryHandle handle = HandleOf(reinterpret_cast<uintptr_t>(module));
    if (handle != nullptr && !visit(PeModule(BaseOf(handle)))) return;
  }
}

}  // namespace tally

#endif  // _WIN64

#endif  // FFI_TALLY_METERS_PE_MODULE_H_
