#include "meters/import_slots.h"

#include "meters/module.h"

#ifdef TALLY_HAS_IMPORT_SLOTS

#ifdef __linux__
#include <dlfcn.h>
#endif

#include <cstdio>
#include <cstring>
#include <mutex>
#include <string_view>

#include "base/fallible_vector.h"
#include "base/library_pin.h"
#include "meters/counted_blocks.h"
#include "meters/import_hooks.h"
#include "meters/own_functions.h"
#include "meters/process_modules.h"

namespace tally {

namespace {

using Result = ImportSlots::Result;
using Outcome = ImportSlots::Outcome;

// One thread writes slots at a time.
std::mutex& Writing() {
  static std::mutex& mutex = *new std::mutex;
  return mutex;
}

const ImportHooks::Hook* HookFor(const char* name) {
  if (std::strchr(ImportHooks::kInitials, *name) == nullptr) return nullptr;
  for (const ImportHooks::Hook* hook = ImportHooks::begin(); hook != ImportHooks::end(); hook++) {
    if (std::strcmp(hook->name, name) == 0) return hook;
  }
  return nullptr;
}

// What goes into the slot; 0 for nothing. What the C++ runtime gets from malloc() is for operator new, of
// Node as well, or for an exception.
uintptr_t HookOf(const ImportHooks::Hook& hook, ProcessModules::Kind kind) {
  const std::string_view name(hook.name);
  if (kind == ProcessModules::Kind::kLibrary) return reinterpret_cast<uintptr_t>(hook.library);
  if (kind == ProcessModules::Kind::kCxxRuntime && name[0] != '_' && name != "free" &&
      name != "pthread_create")
    return 0;
  return reinterpret_cast<uintptr_t>(hook.runtime);
}

void Name(Result* result, Outcome outcome, const char* name) {
  if (result->outcome != Outcome::kPatched) return;
  result->outcome = outcome;
  (void)std::snprintf(result->name, sizeof(result->name), "%s", name);
}

// A library's own function of that name asks for memory through slots that are patched as well.
bool IsWithin(const ProcessModules& process, const Bases& bases, uintptr_t address) {
  for (const uintptr_t base : bases) {
    const Module module = ModuleAt(base);
    if (module.Contains(address)) return process.KindOf(module) == ProcessModules::Kind::kLibrary;
  }
  return false;
}

// `bases` are the modules that are patched with this one.
void PatchModule(const ProcessModules& process, const Module& module, const Bases& bases, Result* result) {
  const ProcessModules::Kind kind = process.KindOf(module);
  if (kind == ProcessModules::Kind::kLeftAlone) return;
  result->modules++;
  const OwnFunctions own_functions(process, module);
  module.EachSlot([&](const Module::Slot& slot) {
    const uintptr_t own = own_functions.InstanceFor(slot);
    if (own != 0 && module.Write(slot, own)) result->rebound++;
    const ImportHooks::Hook* hook = HookFor(slot.name);
    const uintptr_t target = hook == nullptr ? 0 : HookOf(*hook, kind);
    const uintptr_t value = slot.value();
    if (target == 0 || value == target) return true;
    // The C++ runtime's own operator new, which it calls for others, may not have been called yet.
    const bool leads_there = slot.own == 0 || process.IsReal(hook, slot.own);
    if (process.IsReal(hook, value) || (leads_there && module.IsUnbound(slot))) {
      if (module.Write(slot, target)) result->slots++;
    } else if (kind == ProcessModules::Kind::kLibrary && module.base() == bases[0] && value != 0 &&
               !IsWithin(process, bases, value)) {
      Name(result, Outcome::kForeign, slot.name);
    }
    return true;
  });
}

}  // namespace

bool ImportSlots::CanPatch() { return true; }
bool ImportSlots::CanLoadDeep() {
#if defined(__linux__) && !defined(RTLD_DEEPBIND)
  return false;
#else
  return true;
#endif
}

Result ImportSlots::Patch(const char* path, bool deep) {
  Result result;
  const std::lock_guard<std::mutex> lock(Writing());
  const ProcessModules* process = ProcessModules::Get();
  const LibraryHandle handle = Loaded(path);
  if (handle == nullptr) result.outcome = Outcome::kNotLoaded;
  Bases bases;
  if (process == nullptr || (handle != nullptr && !(Append(&bases, BaseOf(handle)) && AppendNeeded(&bases))))
    result.outcome = Outcome::kNoMemory;
  if (result.outcome != Outcome::kPatched) return result;
  for (const uintptr_t base : bases) {
    const Module module = ModuleAt(base);
    if (process->KindOf(module) != ProcessModules::Kind::kLibrary) continue;
    if (module.IsSanitized()) Name(&result, Outcome::kSanitized, "");
    if (deep || base != bases[0]) continue;
    char name[64] = "";
    OwnFunctions(*process, module).FindExported(&name);
    if (*name != '\0') Name(&result, Outcome::kExported, name);
  }
  if (result.outcome != Outcome::kPatched) return result;
  for (const uintptr_t base : bases) PatchModule(*process, ModuleAt(base), bases, &result);
  return result;
}

Result ImportSlots::PatchNew() {
  CountedBlocks::SetStale(false);
  Result result;
  const std::lock_guard<std::mutex> lock(Writing());
  Bases known;
  if (!ProcessModules::TakeRemembered(&known)) return result;
  const ProcessModules* process = ProcessModules::Get();
  for (;;) {
    uintptr_t base = 0;
    EachModule([&](const Module& module) {
      if (IsIn(known, module.base())) return true;
      base = module.base();
      return false;
    });
    if (base == 0 || !Append(&known, base)) return result;
    const LibraryPin pin(base);  // it may be on its way out
    const Module module = ModuleAt(base);
    if (process->KindOf(module) == ProcessModules::Kind::kLibrary && !module.IsSanitized())
      PatchModule(*process, module, known, &result);
  }
}

void ImportSlots::PatchFrees() {
  const std::lock_guard<std::mutex> lock(Writing());
  const ProcessModules* process = ProcessModules::Get();
  if (process == nullptr) return;
  const ImportHooks::Hook* hook = HookFor(ImportHooks::kFree);
  const auto target = reinterpret_cast<uintptr_t>(hook->library);
  Bases addons;
  EachModule(
      [&](const Module& module) { return !process->IsOtherAddon(module) || Append(&addons, module.base()); });
  for (const uintptr_t base : addons) {
    const Module module = ModuleAt(base);
    module.EachSlot([&](const Module::Slot& slot) {
      if (std::strcmp(slot.name, hook->name) != 0) return true;
      if (process->IsReal(hook, slot.value()) || module.IsUnbound(slot)) (void)module.Write(slot, target);
      return true;
    });
  }
}

uint64_t ImportSlots::CountingFree(uint64_t function) {
  const std::lock_guard<std::mutex> lock(Writing());
  const ProcessModules* process = ProcessModules::Get();
  if (process == nullptr) return function;
  for (const ImportHooks::Hook* hook = ImportHooks::begin(); hook != ImportHooks::end(); hook++) {
    const bool frees = std::strcmp(hook->name, "free") == 0 || Begins(hook->name, "_Zd");
    if (frees && process->IsReal(hook, static_cast<uintptr_t>(function)))
      return reinterpret_cast<uintptr_t>(hook->library);
  }
  return function;
}

bool ImportSlots::IsAllocator(uint64_t function) {
  const std::lock_guard<std::mutex> lock(Writing());
  const ProcessModules* process = ProcessModules::Get();
  if (process == nullptr) return false;
  for (const ImportHooks::Hook* hook = ImportHooks::begin(); hook != ImportHooks::end(); hook++) {
    const std::string_view name(hook->name);
    const bool makes = Ends(name, "alloc") || Ends(name, "memalign") || Begins(name, "_Zn");
    if (makes && name != "realloc" && process->IsReal(hook, function)) return true;
  }
  return false;
}

void ImportSlots::FindExported(const char* path, char (*name)[64]) {
  **name = '\0';
  const std::lock_guard<std::mutex> lock(Writing());
  const ProcessModules* process = ProcessModules::Get();
  const LibraryHandle handle = path == nullptr ? nullptr : Loaded(path);
  if (process == nullptr || handle == nullptr) return;
  const Module module = ModuleAt(BaseOf(handle));
  if (process->KindOf(module) == ProcessModules::Kind::kLibrary)
    OwnFunctions(*process, module).FindExported(name);
}

ImportSlots::Code ImportSlots::Describe(uint64_t address) {
  Code code;
#ifdef __arm__
  address &= ~uint64_t{1};  // which says what instructions they are
#endif
  const uintptr_t base = FindCode(static_cast<uintptr_t>(address - 1), &code.file, &code.name);
  if (base != 0) code.offset = address - base;
  return code;
}

}  // namespace tally

#else

namespace tally {

bool ImportSlots::CanPatch() { return false; }
bool ImportSlots::CanLoadDeep() { return true; }
ImportSlots::Result ImportSlots::Patch(const char*, bool) { return {}; }
ImportSlots::Result ImportSlots::PatchNew() { return {}; }
void ImportSlots::PatchFrees() {}
uint64_t ImportSlots::CountingFree(uint64_t function) { return function; }
bool ImportSlots::IsAllocator(uint64_t) { return false; }
void ImportSlots::FindExported(const char*, char (*name)[64]) { **name = '\0'; }
ImportSlots::Code ImportSlots::Describe(uint64_t) { return {}; }

}  // namespace tally

#endif  // TALLY_HAS_IMPORT_SLOTS
