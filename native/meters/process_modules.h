// Which modules the process consists of: the program with what it asks for, the C and C++ runtimes, addons,
// and the libraries, whose import slots may be patched. And the modules that there were before a library
// loaded others.
//
// Any thread.

#ifndef FFI_TALLY_METERS_PROCESS_MODULES_H_
#define FFI_TALLY_METERS_PROCESS_MODULES_H_

#include "meters/module.h"

#ifdef TALLY_HAS_IMPORT_SLOTS

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/fallible_vector.h"
#include "meters/import_hooks.h"

namespace tally {

// Modules by their bases.
using Bases = FallibleVector<uintptr_t>;

bool IsIn(const Bases& bases, uintptr_t base);

// Returns false without memory.
bool Append(Bases* bases, uintptr_t base);

// Appends what the modules there already ask for, and what those ask for. Returns false without memory.
// REQUIRES: they stay loaded.
bool AppendNeeded(Bases* bases);

bool Begins(std::string_view text, std::string_view with);
bool Ends(std::string_view text, std::string_view with);

// Found once, and then the same until the process ends.
class ProcessModules {
 public:
  enum class Kind : uint8_t { kLeftAlone, kCRuntime, kCxxRuntime, kShared, kLibrary };

  // Begins ImportHooks when it is called first. Returns nullptr without memory.
  static const ProcessModules* Get();

  Kind KindOf(const Module& module) const;

  bool IsProgram(uintptr_t address) const {
    return program_.Contains(address) || (node_module_.Contains(address) && node_ != 0);
  }

  bool IsOtherAddon(const Module& module) const;

  // Whether `value` is the function of the hook that this addon calls, by any of its two addresses.
  bool IsReal(const ImportHooks::Hook* hook, uintptr_t value) const {
    const auto& [by_name, defined] = real_[hook - ImportHooks::begin()];
    return value != 0 && (value == by_name || value == defined);
  }

  // The modules that there were before a library loaded another one, once; false where none has.
  static bool TakeRemembered(Bases* before);

 private:
  struct Addresses {
    uintptr_t by_name = 0;  // what the program sees: its own procedure linkage table, maybe
    uintptr_t defined = 0;  // where the first library that has it defines it; on Windows kernelbase.dll
  };
  static constexpr size_t kHooks = 64;

  static const ProcessModules* Make();
  ImportHooks::Setup HookSetup() const;
  bool Find();
  bool FindDefinitions();

  uintptr_t own_ = 0;
  uintptr_t node_ = 0;
  Module program_;
  Module node_module_;
  Bases shared_;  // what the program asks for
  Addresses real_[kHooks];
};

}  // namespace tally

#endif  // TALLY_HAS_IMPORT_SLOTS

#endif  // FFI_TALLY_METERS_PROCESS_MODULES_H_
