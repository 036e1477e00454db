#include "meters/process_modules.h"

#ifdef TALLY_HAS_ELF_MODULES

#include <dlfcn.h>

#include "base/old_glibc.h"

namespace tally {

namespace {

ImportHooks::Code CodeOf(const ElfModule& module) { return {module.begin(), module.end()}; }

size_t Count() { return static_cast<size_t>(ImportHooks::end() - ImportHooks::begin()); }
const char* NameOf(size_t hook) { return ImportHooks::begin()[hook].name; }

}  // namespace

bool AppendNeeded(Bases* bases) {
  bool has_memory = true;
  for (size_t i = 0; i < bases->size() && has_memory; i++) {
    const Module user = ModuleAt((*bases)[i]);
    EachModule([&](const Module& module) {
      bool is_needed = false;
      user.EachNeeded([&](std::string_view name) { is_needed = is_needed || module.IsNamed(name); });
      if (is_needed) has_memory = Append(bases, module.base());
      return has_memory;
    });
  }
  return has_memory;
}

ProcessModules::Kind ProcessModules::KindOf(const ElfModule& module) const {
  if (module.path() == nullptr || *module.path() == '\0' || module.base() == program_.base() ||
      module.Contains(own_) || module.Contains(node_) || Ends(module.file(), ".node"))
    return Kind::kLeftAlone;
  const std::string_view file = module.file();
  for (const char* name :
       {"linux-vdso", "ld-linux", "libm.", "libdl.", "libpthread.", "librt.", "libgcc_s."}) {
    if (Begins(file, name)) return Kind::kLeftAlone;
  }
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
  // Sanitizers call it in threads that they do not know yet, and do some of its work themselves.
  if (module.IsCLibrary()) return Kind::kLeftAlone;
#endif
  if (module.IsCLibrary()) return Kind::kCRuntime;
  if (Begins(file, "libstdc++.") || Begins(file, "libc++")) return Kind::kCxxRuntime;
  return IsIn(shared_, module.base()) ? Kind::kShared : Kind::kLibrary;
}

ImportHooks::Setup ProcessModules::HookSetup() const {
  ImportHooks::Setup setup;
  ImportHooks::Code* callers = setup.not_for;
  *callers++ = CodeOf(program_);
  if (node_ != 0) *callers++ = CodeOf(node_module_);
  for (size_t i = 0; i < Count(); i++) {
    const std::string_view name(NameOf(i));
    if (name == "pthread_create") setup.create_thread = reinterpret_cast<void (*)()>(real_[i].by_name);
    // These call operator new on behalf of whoever called them.
    if (name != "_Znw" TALLY_SIZE "RKSt9nothrow_t" && name != "_Zna" TALLY_SIZE "RKSt9nothrow_t" &&
        name != "_Zna" TALLY_SIZE)
      continue;
    const uintptr_t begin = real_[i].defined;
    EachModule([&](const ElfModule& module) {
      if (!module.Contains(begin)) return true;
      *callers++ = {begin, module.EndOfFunction(begin)};
      return false;
    });
  }
  return setup;
}

bool ProcessModules::Find() {
  own_ = reinterpret_cast<uintptr_t>(&Get);
  node_ = reinterpret_cast<uintptr_t>(dlsym(RTLD_DEFAULT, "napi_create_function"));
  EachModule([this](const ElfModule& module) {
    if (program_.path() == nullptr) program_ = module;
    if (node_ != 0 && module.Contains(node_)) node_module_ = module;
    return true;
  });
  if (!Append(&shared_, program_.base()) || !AppendNeeded(&shared_)) return false;
  for (size_t i = 0; i < Count(); i++) {
    real_[i].by_name = reinterpret_cast<uintptr_t>(dlsym(RTLD_DEFAULT, NameOf(i)));
  }
  return FindDefinitions();
}

// In the order in which the program's libraries are searched: that in which they were loaded. What was
// preloaded is among them.
bool ProcessModules::FindDefinitions() {
  Bases order;
  size_t left = shared_.size();
  bool has_memory = true;
  EachModule([&](const ElfModule& module) {
    if (IsIn(shared_, module.base())) left--;
    has_memory = has_memory && Append(&order, module.base());
    return has_memory && left > 0;
  });
  for (const uintptr_t base : order) {
    const ElfModule module = ModuleAt(base);
    const bool is_library = *module.path() != '\0' && base != program_.base();
    const LibraryHandle handle = is_library ? Loaded(module.path()) : nullptr;
    if (handle == nullptr) continue;
    for (size_t i = 0; i < Count(); i++) {
      if (real_[i].defined != 0) continue;
      const auto found = reinterpret_cast<uintptr_t>(dlsym(handle.get(), NameOf(i)));
      if (module.Contains(found)) real_[i].defined = found;
    }
  }
  return has_memory;
}

}  // namespace tally

#endif  // TALLY_HAS_ELF_MODULES
