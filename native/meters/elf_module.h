// An ElfModule is a loaded program or library, as the dynamic linker sees it: which names it imports, and the
// slots (words of memory) through which it calls them or reads their addresses.
//
// Valid while the module is mapped. Any thread.

#ifndef FFI_TALLY_METERS_ELF_MODULE_H_
#define FFI_TALLY_METERS_ELF_MODULE_H_

#if defined(__linux__) && defined(__LP64__) && (defined(__x86_64__) || defined(__aarch64__))
#define TALLY_HAS_ELF_MODULES 1
#elif defined(__linux__) && defined(__ARM_EABI__) && defined(__ARM_PCS_VFP)
#define TALLY_HAS_ELF_MODULES 1
#endif

#ifdef TALLY_HAS_ELF_MODULES

#include <elf.h>
#include <link.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace tally {

class ElfModule {
 public:
  struct Slot {
    uintptr_t* address = nullptr;
    const char* name = nullptr;
    uintptr_t own = 0;  // where the module itself defines that name, or 0
    bool is_weak = false;
    bool is_function = false;  // as far as the module knows: it may not for what it does not define
    bool is_jump = false;      // a slot of the procedure linkage table, which may wait for the first call

    uintptr_t value() const { return __atomic_load_n(address, __ATOMIC_RELAXED); }
  };

  ElfModule() = default;  // contains nothing
  explicit ElfModule(const dl_phdr_info& info);

  const char* path() const { return path_; }  // "" where there is none, nullptr for no module
  bool is_empty() const { return path_ == nullptr; }
  std::string_view file() const;  // without directories
  uintptr_t base() const { return base_; }
  uintptr_t begin() const { return begin_; }
  uintptr_t end() const { return end_; }
  bool Contains(uintptr_t address) const { return address >= begin_ && address < end_; }

  // Whether the slot waits for its first call: it points back into the module.
  bool IsUnbound(const Slot& slot) const {
    const uintptr_t value = slot.value();
    return slot.is_jump && Contains(value) && value != slot.own;
  }

  // Writes a slot. A page that the dynamic linker had made read-only is so again afterwards; returns false
  // where that cannot be done. REQUIRES: no other thread writes slots of this module.
  bool Write(const Slot& slot, uintptr_t value) const;

  // Calls visit(slot) for each slot that has a name, until it returns false.
  template <typename Visit>
  void EachSlot(Visit visit) const {
    for (const Relocations& table : tables_) {
      for (size_t i = 0; i < table.count; i++) {
        Slot slot;
        if (Read(table.first[i], &slot) && !visit(slot)) return;
      }
    }
  }

  // Calls visit(file) for the file name of each library that this one asks for.
  template <typename Visit>
  void EachNeeded(Visit visit) const {
    for (const ElfW(Dyn)* entry = dynamic_; entry != nullptr && entry->d_tag != DT_NULL; entry++) {
      if (entry->d_tag == DT_NEEDED) visit(std::string_view(strings_ + entry->d_un.d_val));
    }
  }

  // Whether it is the library that others ask for by that name.
  bool IsNamed(std::string_view needed) const;

  // Whether it is the C library: that of musl is the dynamic linker, too.
  bool IsCLibrary() const;

  // Where the function that begins at `address` ends; `address` where the module defines no such function.
  uintptr_t EndOfFunction(uintptr_t address) const;

  // Whether it is compiled with a sanitizer.
  bool IsSanitized() const;

 private:
#ifdef __arm__
  using Relocation = ElfW(Rel);  // what is added stands in the slot, until that is written
#else
  using Relocation = ElfW(Rela);
#endif

  struct Relocations {
    const Relocation* first = nullptr;
    size_t count = 0;
  };

  bool Read(const Relocation& relocation, Slot* slot) const;
  size_t CountSymbols() const;
  uintptr_t Pointer(const ElfW(Dyn) & entry) const;

  const char* path_ = nullptr;
  uintptr_t base_ = 0;
  uintptr_t begin_ = UINTPTR_MAX;
  uintptr_t end_ = 0;
  const ElfW(Phdr) * headers_ = nullptr;
  size_t header_count_ = 0;
  const ElfW(Dyn) * dynamic_ = nullptr;
  const ElfW(Sym) * symbols_ = nullptr;
  const uint32_t* hashes_ = nullptr;  // DT_GNU_HASH
  const char* strings_ = "";
  const char* name_ = "";  // DT_SONAME
  Relocations tables_[2];
};

// Calls visit(module) for all that are loaded, the program first, until it returns false. They stay mapped
// until it returns, as the dynamic linker waits: `visit` must not ask it for anything.
template <typename Visit>
void EachModule(Visit visit) {
  dl_iterate_phdr([](dl_phdr_info* info, size_t,
                     void* data) { return (*static_cast<Visit*>(data))(ElfModule(*info)) ? 0 : 1; },
                  &visit);
}

// The loaded module of that base; an empty one where there is none.
ElfModule ModuleAt(uintptr_t base);

// The file and the function, as far as it tells, that the code at `address` is from; they last as long as the
// library is loaded. Returns its base, 0 where there is none.
uintptr_t FindCode(uintptr_t address, const char** file, const char** function);

struct LibraryCloser {
  void operator()(void* handle) const;
};
// Of a library that is loaded already.
using LibraryHandle = std::unique_ptr<void, LibraryCloser>;

// That of the library at `path`, as it was given to dlopen(); nullptr where there is none.
LibraryHandle Loaded(const char* path);

// The base of a loaded library.
uintptr_t BaseOf(const LibraryHandle& handle);

}  // namespace tally

#endif  // TALLY_HAS_ELF_MODULES

#endif  // FFI_TALLY_METERS_ELF_MODULE_H_
