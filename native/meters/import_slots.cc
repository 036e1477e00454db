#include "meters/import_slots.h"

#include "meters/elf_module.h"

#ifdef TALLY_HAS_IMPORT_SLOTS

#include <dlfcn.h>

#include <climits>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <string_view>

#include "base/fallible_vector.h"
#include "base/old_glibc.h"
#include "meters/counted_blocks.h"
#include "meters/import_hooks.h"
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
  if (std::strchr("mcrfpav_d", *name) == nullptr) return nullptr;
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

bool IsSanitized(const ElfModule& module) {
  bool is_sanitized = false;
  module.EachSlot([&](const ElfModule::Slot& slot) {
    for (const char* name : {"__asan_init", "__tsan_init", "__msan_init", "__hwasan_init"}) {
      is_sanitized = is_sanitized || std::strcmp(slot.name, name) == 0;
    }
    return !is_sanitized;
  });
  return is_sanitized;
}

// Node exports instances of templates of the C++ library, and a library's calls of its own ones, or of those
// of the C++ runtime, lead there. Returns the function that the slot should hold instead; 0 for what it
// holds. Data stays where it is: there must be one of it.
uintptr_t OwnInstance(const ProcessModules& process, const ElfModule& module, const ElfModule::Slot& slot,
                      const LibraryHandle& cxx_runtime) {
  const bool is_unbound = module.IsUnbound(slot);
  const uintptr_t value = slot.value();
  if (slot.own != 0) {
    const bool is_lost = slot.is_weak && slot.is_function && value != slot.own;
    return is_lost && (is_unbound || process.IsProgram(value)) ? slot.own : 0;
  }
  const std::string_view name(slot.name);
  if (!slot.is_jump || cxx_runtime == nullptr) return 0;
  if (!Begins(name, "_ZNSt") && !Begins(name, "_ZNKSt") && !Begins(name, "_ZSt")) return 0;
  const uintptr_t target = is_unbound ? reinterpret_cast<uintptr_t>(dlsym(RTLD_DEFAULT, slot.name)) : value;
  if (!process.IsProgram(target)) return 0;
  const auto found = reinterpret_cast<uintptr_t>(dlsym(cxx_runtime.get(), slot.name));
  return process.IsProgram(found) ? 0 : found;
}

// A library's own function of that name asks for memory through slots that are patched as well.
bool IsWithin(const ProcessModules& process, const Bases& bases, uintptr_t address) {
  for (const uintptr_t base : bases) {
    const ElfModule module = ModuleAt(base);
    if (module.Contains(address)) return process.KindOf(module) == ProcessModules::Kind::kLibrary;
  }
  return false;
}

// `bases` are the modules that are patched with this one.
void PatchModule(const ProcessModules& process, const ElfModule& module, const Bases& bases, Result* result) {
  const ProcessModules::Kind kind = process.KindOf(module);
  if (kind == ProcessModules::Kind::kLeftAlone) return;
  result->modules++;
  const bool has_instances =
      kind == ProcessModules::Kind::kLibrary || kind == ProcessModules::Kind::kCxxRuntime;
  const LibraryHandle cxx_runtime = has_instances ? Loaded("libstdc++.so.6") : nullptr;
  module.EachSlot([&](const ElfModule::Slot& slot) {
    const uintptr_t own = has_instances ? OwnInstance(process, module, slot, cxx_runtime) : 0;
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

void FindExportedBy(const ProcessModules& process, const ElfModule& module, char (*name)[64]) {
  module.EachSlot([&](const ElfModule::Slot& slot) {
    if (slot.own == 0 || slot.is_weak || !slot.is_function) return true;
    const uintptr_t value =
        module.IsUnbound(slot) ? reinterpret_cast<uintptr_t>(dlsym(RTLD_DEFAULT, slot.name)) : slot.value();
    if (!process.IsProgram(value)) return true;
    (void)std::snprintf(*name, sizeof(*name), "%s", slot.name);
    return false;
  });
}

}  // namespace

bool ImportSlots::CanPatch() { return true; }

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
    const ElfModule module = ModuleAt(base);
    if (process->KindOf(module) != ProcessModules::Kind::kLibrary) continue;
    if (IsSanitized(module)) Name(&result, Outcome::kSanitized, "");
    if (deep || base != bases[0]) continue;
    char name[64] = "";
    FindExportedBy(*process, module, &name);
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
    char path[PATH_MAX];
    uintptr_t base = 0;
    EachModule([&](const ElfModule& module) {
      if (IsIn(known, module.base())) return true;
      base = module.base();
      (void)std::snprintf(path, sizeof(path), "%s", module.path());
      return false;
    });
    if (base == 0 || !Append(&known, base)) return result;
    const LibraryHandle handle = Loaded(path);
    if (handle == nullptr || BaseOf(handle) != base) continue;
    const ElfModule module = ModuleAt(base);
    if (process->KindOf(module) == ProcessModules::Kind::kLibrary && !IsSanitized(module))
      PatchModule(*process, module, known, &result);
  }
}

void ImportSlots::PatchFrees() {
  const std::lock_guard<std::mutex> lock(Writing());
  const ProcessModules* process = ProcessModules::Get();
  if (process == nullptr) return;
  const ImportHooks::Hook* hook = HookFor("free");
  const auto target = reinterpret_cast<uintptr_t>(hook->library);
  Bases addons;
  EachModule([&](const ElfModule& module) {
    return !process->IsOtherAddon(module) || Append(&addons, module.base());
  });
  for (const uintptr_t base : addons) {
    const ElfModule module = ModuleAt(base);
    module.EachSlot([&](const ElfModule::Slot& slot) {
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
  const ElfModule module = ModuleAt(BaseOf(handle));
  if (process->KindOf(module) == ProcessModules::Kind::kLibrary) FindExportedBy(*process, module, name);
}

ImportSlots::Code ImportSlots::Describe(uint64_t address) {
  Code code;
  Dl_info info{};
  if (dladdr(reinterpret_cast<void*>(address - 1), &info) == 0) return code;
  if (info.dli_fname != nullptr) code.file = info.dli_fname;
  if (info.dli_sname != nullptr) code.name = info.dli_sname;
  code.offset = address - reinterpret_cast<uintptr_t>(info.dli_fbase);
  return code;
}

}  // namespace tally

#else

namespace tally {

bool ImportSlots::CanPatch() { return false; }
ImportSlots::Result ImportSlots::Patch(const char*, bool) { return {}; }
ImportSlots::Result ImportSlots::PatchNew() { return {}; }
void ImportSlots::PatchFrees() {}
uint64_t ImportSlots::CountingFree(uint64_t function) { return function; }
bool ImportSlots::IsAllocator(uint64_t) { return false; }
void ImportSlots::FindExported(const char*, char (*name)[64]) { **name = '\0'; }
ImportSlots::Code ImportSlots::Describe(uint64_t) { return {}; }

}  // namespace tally

#endif  // TALLY_HAS_IMPORT_SLOTS
