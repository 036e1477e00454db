#include "meters/elf_module.h"

#ifdef TALLY_HAS_ELF_MODULES

#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/old_glibc.h"

namespace tally {

namespace {

#ifdef __x86_64__
constexpr uint32_t kAbsolute = R_X86_64_64;
constexpr uint32_t kGlobal = R_X86_64_GLOB_DAT;
constexpr uint32_t kJump = R_X86_64_JUMP_SLOT;
#elif defined(__arm__)
constexpr uint32_t kAbsolute = R_ARM_ABS32;
constexpr uint32_t kGlobal = R_ARM_GLOB_DAT;
constexpr uint32_t kJump = R_ARM_JUMP_SLOT;
#else
constexpr uint32_t kAbsolute = R_AARCH64_ABS64;
constexpr uint32_t kGlobal = R_AARCH64_GLOB_DAT;
constexpr uint32_t kJump = R_AARCH64_JUMP_SLOT;
#endif

#ifdef __arm__
constexpr int64_t kTable = DT_REL;
constexpr int64_t kTableBytes = DT_RELSZ;
uint32_t TypeOf(const ElfW(Rel) & relocation) { return ELF32_R_TYPE(relocation.r_info); }
uint32_t SymbolOf(const ElfW(Rel) & relocation) { return ELF32_R_SYM(relocation.r_info); }
bool HasAddend(const ElfW(Rel) &) { return false; }
#else
constexpr int64_t kTable = DT_RELA;
constexpr int64_t kTableBytes = DT_RELASZ;
uint32_t TypeOf(const ElfW(Rela) & relocation) {
  return static_cast<uint32_t>(ELF64_R_TYPE(relocation.r_info));
}
uint32_t SymbolOf(const ElfW(Rela) & relocation) {
  return static_cast<uint32_t>(ELF64_R_SYM(relocation.r_info));
}
bool HasAddend(const ElfW(Rela) & relocation) { return relocation.r_addend != 0; }
#endif

std::string_view AfterSlash(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

bool IsC(std::string_view file) { return file.substr(0, 5) == "libc."; }
bool IsMusl(std::string_view file) { return file.substr(0, 8) == "ld-musl-"; }

}  // namespace

ElfModule::ElfModule(const dl_phdr_info& info)
    : path_(info.dlpi_name == nullptr ? "" : info.dlpi_name),
      base_(info.dlpi_addr),
      headers_(info.dlpi_phdr),
      header_count_(info.dlpi_phnum) {
  for (size_t i = 0; i < header_count_; i++) {
    const ElfW(Phdr)& header = headers_[i];
    const uintptr_t at = base_ + header.p_vaddr;
    if (header.p_type == PT_DYNAMIC) dynamic_ = reinterpret_cast<const ElfW(Dyn)*>(at);
    if (header.p_type != PT_LOAD) continue;
    if (at < begin_) begin_ = at;
    if (at + header.p_memsz > end_) end_ = at + header.p_memsz;
  }
  size_t name = 0;
  for (const ElfW(Dyn)* entry = dynamic_; entry != nullptr && entry->d_tag != DT_NULL; entry++) {
    switch (entry->d_tag) {
      case DT_SYMTAB:
        symbols_ = reinterpret_cast<const ElfW(Sym)*>(Pointer(*entry));
        break;
      case DT_STRTAB:
        strings_ = reinterpret_cast<const char*>(Pointer(*entry));
        break;
      case DT_GNU_HASH:
        hashes_ = reinterpret_cast<const uint32_t*>(Pointer(*entry));
        break;
      case DT_SONAME:
        name = entry->d_un.d_val;
        break;
      case kTable:
        tables_[0].first = reinterpret_cast<const Relocation*>(Pointer(*entry));
        break;
      case kTableBytes:
        tables_[0].count = entry->d_un.d_val / sizeof(Relocation);
        break;
      case DT_JMPREL:
        tables_[1].first = reinterpret_cast<const Relocation*>(Pointer(*entry));
        break;
      case DT_PLTRELSZ:
        tables_[1].count = entry->d_un.d_val / sizeof(Relocation);
        break;
      default:
        break;
    }
  }
  for (Relocations& table : tables_) {
    if (table.first == nullptr || symbols_ == nullptr) table.count = 0;
  }
  name_ = strings_ + name;
}

// glibc has added the base, except in modules whose dynamic section is read-only, such as the vDSO.
uintptr_t ElfModule::Pointer(const ElfW(Dyn) & entry) const {
  const uintptr_t pointer = entry.d_un.d_ptr;
  return pointer < begin_ ? base_ + pointer : pointer;
}

std::string_view ElfModule::file() const { return AfterSlash(path_); }

bool ElfModule::IsNamed(std::string_view needed) const {
  return needed == name_ || AfterSlash(needed) == file() || (IsMusl(file()) && IsC(AfterSlash(needed)));
}

bool ElfModule::IsCLibrary() const { return IsC(file()) || IsMusl(file()); }

// Those that are defined come last, and each is in a chain of this table; the end of a chain is marked.
size_t ElfModule::CountSymbols() const {
  if (hashes_ == nullptr || symbols_ == nullptr) return 0;
  const uint32_t buckets = hashes_[0];
  const uint32_t first_hashed = hashes_[1];
  const uint32_t* bucket = hashes_ + 4 + hashes_[2] * sizeof(size_t) / sizeof(uint32_t);
  const uint32_t* chain = bucket + buckets;
  const uint32_t last = *std::max_element(bucket, chain);
  if (last < first_hashed) return first_hashed;
  uint32_t count = last;
  while ((chain[count++ - first_hashed] & 1) == 0) continue;
  return count;
}

uintptr_t ElfModule::EndOfFunction(uintptr_t address) const {
  for (size_t i = CountSymbols(); i-- > 0;) {
    const ElfW(Sym)& symbol = symbols_[i];
    if (symbol.st_shndx != SHN_UNDEF && ELF64_ST_TYPE(symbol.st_info) == STT_FUNC &&
        base_ + symbol.st_value == address)
      return address + symbol.st_size;
  }
  return address;
}

bool ElfModule::IsSanitized() const {
  bool is_sanitized = false;
  EachSlot([&](const Slot& slot) {
    for (const char* name : {"__asan_init", "__tsan_init", "__msan_init", "__hwasan_init"}) {
      is_sanitized = is_sanitized || std::strcmp(slot.name, name) == 0;
    }
    return !is_sanitized;
  });
  return is_sanitized;
}

bool ElfModule::Read(const Relocation& relocation, Slot* slot) const {
  const uint32_t type = TypeOf(relocation);
  const uint32_t index = SymbolOf(relocation);
  if (index == 0 || (type != kAbsolute && type != kGlobal && type != kJump)) return false;
  if (type == kAbsolute && HasAddend(relocation)) return false;
  const ElfW(Sym)& symbol = symbols_[index];
  slot->address = reinterpret_cast<uintptr_t*>(base_ + relocation.r_offset);
  slot->name = strings_ + symbol.st_name;
  slot->own = symbol.st_shndx == SHN_UNDEF ? 0 : base_ + symbol.st_value;
  slot->is_weak = ELF64_ST_BIND(symbol.st_info) == STB_WEAK;
  slot->is_function = ELF64_ST_TYPE(symbol.st_info) == STT_FUNC;
  slot->is_jump = type == kJump;
  return true;
}

bool ElfModule::Write(const Slot& slot, uintptr_t value) const {
  const auto at = reinterpret_cast<uintptr_t>(slot.address);
  const auto page_size = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  bool is_writable = false;
  bool is_relro = false;
  for (size_t i = 0; i < header_count_; i++) {
    const ElfW(Phdr)& header = headers_[i];
    const uintptr_t begin = base_ + header.p_vaddr;
    const uintptr_t end = begin + header.p_memsz;
    if (header.p_type == PT_LOAD && at >= begin && at < end) is_writable = (header.p_flags & PF_W) != 0;
    // The linker protects whole pages: from that of the beginning up to that of the end.
    if (header.p_type == PT_GNU_RELRO) {
      is_relro = at >= begin / page_size * page_size && at < end / page_size * page_size;
    }
  }
  if (!is_writable) return false;
  void* page = reinterpret_cast<void*>(at / page_size * page_size);
  if (is_relro && mprotect(page, page_size, PROT_READ | PROT_WRITE) != 0) return false;
  __atomic_store_n(slot.address, value, __ATOMIC_RELAXED);
  return !is_relro || mprotect(page, page_size, PROT_READ) == 0;
}

ElfModule ModuleAt(uintptr_t base) {
  ElfModule found;
  EachModule([&](const ElfModule& module) {
    if (module.base() == base) found = module;
    return module.base() != base;
  });
  return found;
}

uintptr_t FindCode(uintptr_t address, const char** file, const char** function) {
  Dl_info info{};
  if (dladdr(reinterpret_cast<void*>(address), &info) == 0) return 0;
  if (info.dli_fname != nullptr) *file = info.dli_fname;
  if (info.dli_sname != nullptr) *function = info.dli_sname;
  return reinterpret_cast<uintptr_t>(info.dli_fbase);
}

void LibraryCloser::operator()(void* handle) const { dlclose(handle); }

LibraryHandle Loaded(const char* path) {
  LibraryHandle handle(dlopen(path, RTLD_LAZY | RTLD_NOLOAD));
  // musl does not know its own by the path that it tells.
  if (handle == nullptr && IsMusl(AfterSlash(path))) handle.reset(dlopen("libc.so", RTLD_LAZY | RTLD_NOLOAD));
  return handle;
}

uintptr_t BaseOf(const LibraryHandle& handle) {
  link_map* map = nullptr;
  return dlinfo(handle.get(), RTLD_DI_LINKMAP, &map) == 0 ? map->l_addr : UINTPTR_MAX;
}

}  // namespace tally

#endif  // TALLY_HAS_ELF_MODULES
