// Points the import slots of a library, and of the libraries it asks for, at ImportHooks, so that what they
// allocate is counted; and those of the C and C++ runtimes, which allocate on their behalf. Node and addons
// keep theirs.
//
// A slot is written only while it holds the function of that name which this addon would call as well, or
// waits for its first call. Slots are never written back: the hooks outlive everything.
//
// Any thread.

#ifndef FFI_TALLY_METERS_IMPORT_SLOTS_H_
#define FFI_TALLY_METERS_IMPORT_SLOTS_H_

#include <cstddef>
#include <cstdint>

namespace tally {

class ImportSlots {
 public:
  // What became of a library. kSanitized: it brings an allocator of its own. kForeign: it has slots that hold
  // something else already. kExported: it calls functions of its own name in the program, see FindExported.
  enum class Outcome : uint8_t { kPatched, kNoMemory, kNotLoaded, kSanitized, kForeign, kExported };

  struct Result {
    Outcome outcome = Outcome::kPatched;
    uint32_t modules = 0;
    uint32_t slots = 0;    // written by this call
    uint32_t rebound = 0;  // slots of the library's own functions that led into the program
    char name[64] = "";    // a function that is the reason
  };

  static bool CanPatch();

  // Whether a library can be loaded so that its own functions come first, or they always do.
  static bool CanLoadDeep();

  // `path` as it was given to dlopen(); nullptr: what the program itself has loaded. Before the first call of
  // the library; and again, as often as somebody asks.
  // `deep`: it was loaded so that its own functions come first.
  static Result Patch(const char* path, bool deep);

  // Patches what libraries have loaded since, when a thread's kStale says so.
  static Result PatchNew();

  // Has addons, such as an FFI, ask the table when they free; what they allocate is not counted.
  static void PatchFrees();

  // What counts in place of a function, if that is free() or operator delete; otherwise the function itself.
  // For whoever calls it by its address, through no slot.
  static uint64_t CountingFree(uint64_t function);

  // Whether that function, called through no slot, gives a block of memory that Adopt() may count.
  static bool IsAllocator(uint64_t function);

  // A function that the library defines, while its own calls go to one of that name in the program: Node
  // exports those of the libraries that are in it. Writes "" where there is none.
  static void FindExported(const char* path, char (*name)[64]);

  // The library and the function, as far as it tells, from which the code before `address` is. They last as
  // long as the library is loaded.
  struct Code {
    const char* file = "";
    const char* name = "";
    uint64_t offset = 0;  // in the file
  };
  static Code Describe(uint64_t address);
};

}  // namespace tally

#endif  // FFI_TALLY_METERS_IMPORT_SLOTS_H_
