#include "base/function_address.h"

#if defined(__linux__)
#include <dlfcn.h>
#include <link.h>

#include "base/old_glibc.h"
#endif

namespace tally {

#if defined(__GLIBC__)

namespace {

// Whether an address is in the program itself, the first that is told. Finding a symbol there takes long.
bool IsInProgram(uint64_t address) {
  const auto visit = [](dl_phdr_info* program, size_t, void* wanted) {
    const uint64_t sought = *static_cast<uint64_t*>(wanted);
    *static_cast<uint64_t*>(wanted) = 0;
    for (int i = 0; i < program->dlpi_phnum; i++) {
      const ElfW(Phdr)& segment = program->dlpi_phdr[i];
      if (segment.p_type != PT_LOAD) continue;
      if (sought - (program->dlpi_addr + segment.p_vaddr) < segment.p_memsz) {
        *static_cast<uint64_t*>(wanted) = 1;
      }
    }
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
