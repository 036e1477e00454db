// The functions that a library defines itself, while its calls of them go to those of the same names in the
// program: Node exports functions of the libraries that are in it, and instances of templates of C++. On
// Windows there is nothing of the kind: an import names the library that it is from.

#ifndef FFI_TALLY_METERS_OWN_FUNCTIONS_H_
#define FFI_TALLY_METERS_OWN_FUNCTIONS_H_

#include "meters/process_modules.h"

#ifdef TALLY_HAS_IMPORT_SLOTS

#include <cstdint>

namespace tally {

// REQUIRES: `process` and the library stay while it lives.
class OwnFunctions {
 public:
#ifdef TALLY_HAS_ELF_MODULES
  OwnFunctions(const ProcessModules& process, const Module& module);

  // The function that the slot should hold instead; 0 for what it holds. Data stays where it is: there must
  // be one of it.
  uintptr_t InstanceFor(const Module::Slot& slot) const;

  // One that is no instance of a template; "" where there is none.
  void FindExported(char (*name)[64]) const;

 private:
  const ProcessModules& process_;
  const Module& module_;
  LibraryHandle cxx_runtime_;  // where it may have instances
  bool has_instances_ = false;
#else
  OwnFunctions(const ProcessModules&, const Module&) {}
  uintptr_t InstanceFor(const Module::Slot&) const { return 0; }
  void FindExported(char (*name)[64]) const { **name = '\0'; }
#endif
};

}  // namespace tally

#endif  // TALLY_HAS_IMPORT_SLOTS

#endif  // FFI_TALLY_METERS_OWN_FUNCTIONS_H_
