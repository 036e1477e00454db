// A Module is a loaded program or library: an ElfModule or, on Windows, a PeModule. The names that these
// share mean the same in both.

#ifndef FFI_TALLY_METERS_MODULE_H_
#define FFI_TALLY_METERS_MODULE_H_

#include "meters/elf_module.h"
#include "meters/pe_module.h"

#if defined(TALLY_HAS_ELF_MODULES)
#define TALLY_HAS_IMPORT_SLOTS 1
namespace tally {
using Module = ElfModule;
}
#elif defined(TALLY_HAS_PE_MODULES)
#define TALLY_HAS_IMPORT_SLOTS 1
namespace tally {
using Module = PeModule;
}
#endif

#endif  // FFI_TALLY_METERS_MODULE_H_
