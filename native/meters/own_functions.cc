#include "meters/own_functions.h"

#ifdef TALLY_HAS_ELF_MODULES

#include <dlfcn.h>

#include <cstdio>
#include <string_view>

#include "base/old_glibc.h"

namespace tally {

namespace {

uintptr_t InProcess(const char* name) { return reinterpret_cast<uintptr_t>(dlsym(RTLD_DEFAULT, name)); }

}  // namespace

OwnFunctions::OwnFunctions(const ProcessModules& process, const Module& module)
    : process_(process), module_(module) {
  const ProcessModules::Kind kind = process.KindOf(module);
  has_instances_ = kind == ProcessModules::Kind::kLibrary || kind == ProcessModules::Kind::kCxxRuntime;
  if (has_instances_) cxx_runtime_ = Loaded("libstdc++.so.6");
}

// A library's calls of its own instances, or of those of the C++ runtime.
uintptr_t OwnFunctions::InstanceFor(const Module::Slot& slot) const {
  if (!has_instances_) return 0;
  const bool is_unbound = module_.IsUnbound(slot);
  const uintptr_t value = slot.value();
  if (slot.own != 0) {
    const bool is_lost = slot.is_weak && slot.is_function && value != slot.own;
    return is_lost && (is_unbound || process_.IsProgram(value)) ? slot.own : 0;
  }
  const std::string_view name(slot.name);
  if (!slot.is_jump || cxx_runtime_ == nullptr) return 0;
  if (!Begins(name, "_ZNSt") && !Begins(name, "_ZNKSt") && !Begins(name, "_ZSt")) return 0;
  if (!process_.IsProgram(is_unbound ? InProcess(slot.name) : value)) return 0;
  const auto found = reinterpret_cast<uintptr_t>(dlsym(cxx_runtime_.get(), slot.name));
  return process_.IsProgram(found) ? 0 : found;
}

void OwnFunctions::FindExported(char (*name)[64]) const {
  **name = '\0';
  module_.EachSlot([&](const Module::Slot& slot) {
    if (slot.own == 0 || slot.is_weak || !slot.is_function) return true;
    if (!process_.IsProgram(module_.IsUnbound(slot) ? InProcess(slot.name) : slot.value())) return true;
    (void)std::snprintf(*name, sizeof(*name), "%s", slot.name);
    return false;
  });
}

}  // namespace tally

#endif  // TALLY_HAS_ELF_MODULES
