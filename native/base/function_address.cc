#include "base/function_address.h"

#if defined(__linux__)
#include <dlfcn.h>
#include <link.h>

#include "base/old_glibc.h"
#elif defined(_WIN32)
#include "base/windows_api.h"
#endif

namespace tally {

#if defined(__linux__)

namespace {

// The segment of `module` that `address` is in, or null.
const ElfW(Phdr) * SegmentOf(const dl_phdr_info& module, uint64_t address) {
  for (int i = 0; i < module.dlpi_phnum; i++) {
    const ElfW(Phdr)& segment = module.dlpi_phdr[i];
    if (segment.p_type != PT_LOAD) continue;
    if (address - (module.dlpi_addr + segment.p_vaddr) < segment.p_memsz) return &segment;
  }
  return nullptr;
}

}  // namespace

bool IsVariable(uint64_t address) {
  const auto visit = [](dl_phdr_info* module, size_t, void* wanted) {
    uint64_t& sought = *static_cast<uint64_t*>(wanted);
    const auto* segment = SegmentOf(*module, sought);
    if (segment == nullptr) return 0;
    sought = (segment->p_flags & PF_X) == 0 ? 1 : 0;
    return 1;
  };
  return dl_iterate_phdr(visit, &address) != 0 && address == 1;
}

#elif defined(_WIN32)

bool IsVariable(uint64_t address) {
  MEMORY_BASIC_INFORMATION page;
  if (VirtualQuery(reinterpret_cast<void*>(static_cast<uintptr_t>(address)), &page, sizeof(page)) == 0) {
    return false;
  }
  constexpr DWORD kCode = PAGE_EXECUTE | PAGE_EXECUTE_READ | PAGE_EXECUTE_READWRITE | PAGE_EXECUTE_WRITECOPY;
  return page.Type == MEM_IMAGE && (page.Protect & kCode) == 0;
}

#else

bool IsVariable(uint64_t) { return false; }

#endif

#if defined(__GLIBC__)

namespace {

// Whether an address is in the program itself, the first that is told. Finding a symbol there takes long.
bool IsInProgram(uint64_t address) {
  const auto visit = [](dl_phdr_info* program, size_t, void* wanted) {
    uint64_t& sought = *static_cast<uint64_t*>(wanted);
    sought = SegmentOf(*program, sought) != nullptr ? 1 : 0;
    return 1;
  };
  dl_iterate_phdr(visit, &address);
  return address == 1;
}

}  // namespace

uint64_t FunctionAddress(uint64_t address) {
  if (!IsInProgram(address)) return address;
  Dl_info info{};
  ElfW(Sym)* symbol = nullptr;
  void* const stub = reinterpret_cast<void*>(static_cast<uintptr_t>(address));
  if (dladdr1(stub, &info, reinterpret_cast<void**>(&symbol), RTLD_DL_SYMENT) == 0) return address;
  if (symbol == nullptr || info.dli_saddr != stub || symbol->st_shndx != SHN_UNDEF) return address;
  void* const program = dlopen(nullptr, RTLD_LAZY);
  if (program == nullptr) return address;
  // A handle is a link_map. In the order in which the program has looked it up.
  for (const link_map* map = static_cast<link_map*>(program)->l_next; map != nullptr; map = map->l_next) {
    void* const library = dlopen(map->l_name, RTLD_LAZY | RTLD_NOLOAD);
    if (library == nullptr) continue;
    void* const found = dlsym(library, info.dli_sname);
    dlclose(library);
    if (found == nullptr || found == stub) continue;
    dlclose(program);
    return reinterpret_cast<uintptr_t>(found);
  }
  dlclose(program);
  return address;
}

#else

uint64_t FunctionAddress(uint64_t address) { return address; }

#endif

}  // namespace tally
