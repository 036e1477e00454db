#include "meters/process_modules.h"

#ifdef TALLY_HAS_PE_MODULES

namespace tally {

namespace {

uintptr_t FunctionOf(const wchar_t* library, const char* name) {
  const HMODULE module = GetModuleHandleW(library);  // always loaded
  return module == nullptr ? 0 : reinterpret_cast<uintptr_t>(GetProcAddress(module, name));
}

ImportHooks::Code CodeOf(const PeModule& module) { return {module.base(), module.base() + module.bytes()}; }

bool IsCRuntime(const PeModule& module) {
  return Begins(module.file(), "ucrtbase") || Begins(module.file(), "msvcr");
}

}  // namespace

bool AppendNeeded(Bases* bases) {
  bool has_memory = true;
  for (size_t i = 0; i < bases->size() && has_memory; i++) {
    ModuleAt((*bases)[i]).EachNeeded([&](const char* name) {
      const LibraryHandle handle = Loaded(name);
      if (handle != nullptr) has_memory = has_memory && Append(bases, BaseOf(handle));
    });
  }
  return has_memory;
}

// What comes with Windows allocates for Windows, except for its runtimes of C.
ProcessModules::Kind ProcessModules::KindOf(const PeModule& module) const {
  if (module.is_empty() || module.Contains(own_) || module.base() == program_.base() ||
      Ends(module.file(), ".node"))
    return Kind::kLeftAlone;
  if (IsCRuntime(module)) return Kind::kCRuntime;
  return module.is_of_system() ? Kind::kLeftAlone : Kind::kLibrary;
}

ImportHooks::Setup ProcessModules::HookSetup() const {
  ImportHooks::Setup setup;
  size_t count = 0;
  setup.not_for[count++] = CodeOf(ModuleAt(BaseOf(HandleOf(own_))));
  EachModule([&](const PeModule& module) {
    if (IsCRuntime(module)) setup.not_for[count++] = CodeOf(module);
    return count < ImportHooks::kCallers;
  });
  return setup;
}

// A function of kernel32.dll is one of kernelbase.dll, or a jump to it, and some are ntdll.dll's.
bool ProcessModules::Find() {
  own_ = reinterpret_cast<uintptr_t>(&Get);
  program_ = PeModule(reinterpret_cast<uintptr_t>(GetModuleHandleW(nullptr)));
  for (const ImportHooks::Hook* hook = ImportHooks::begin(); hook != ImportHooks::end(); hook++) {
    Addresses* real = &real_[hook - ImportHooks::begin()];
    real->by_name = FunctionOf(L"kernel32.dll", hook->name);
    real->defined = FunctionOf(L"kernelbase.dll", hook->name);
  }
  return true;
}

}  // namespace tally

#endif  // TALLY_HAS_PE_MODULES
