#include "meters/process_modules.h"

#ifdef TALLY_HAS_IMPORT_SLOTS

#include <memory>
#include <mutex>
#include <utility>

#include "meters/counted_blocks.h"

namespace tally {

namespace {

// What was loaded when a library began to load another one.
struct Remembered {
  std::mutex mutex;
  bool is_stale = false;
  Bases bases;
};

Remembered& TheRemembered() {
  static Remembered& remembered = *new Remembered;
  return remembered;
}

// In the thread of a library, which may hold the dynamic linker's lock: so ours is not held while that is
// asked.
void RememberLoaded() {
  CountedBlocks::SetStale(true);
  Bases bases;
  bool has_memory = true;
  EachModule([&](const Module& module) {
    has_memory = Append(&bases, module.base());
    return has_memory;
  });
  Remembered& remembered = TheRemembered();
  const std::lock_guard<std::mutex> lock(remembered.mutex);
  if (!has_memory || remembered.is_stale) return;
  remembered.is_stale = true;
  remembered.bases = std::move(bases);
}

}  // namespace

bool IsIn(const Bases& bases, uintptr_t base) {
  for (const uintptr_t each : bases) {
    if (each == base) return true;
  }
  return false;
}

bool Append(Bases* bases, uintptr_t base) {
  if (IsIn(*bases, base)) return true;
  if (!bases->Reserve(1)) return false;
  bases->Push(base);
  return true;
}

bool Begins(std::string_view text, std::string_view with) { return text.substr(0, with.size()) == with; }

bool Ends(std::string_view text, std::string_view with) {
  return text.size() >= with.size() && text.substr(text.size() - with.size()) == with;
}

const ProcessModules* ProcessModules::Get() {
  static const ProcessModules* process = Make();
  return process;
}

const ProcessModules* ProcessModules::Make() {
  auto process = std::make_unique<ProcessModules>();
  if (!process->Find()) return nullptr;
  ImportHooks::Setup setup = process->HookSetup();
  setup.before_load = RememberLoaded;
  return ImportHooks::Begin(setup) ? process.release() : nullptr;
}

bool ProcessModules::IsOtherAddon(const Module& module) const {
  return !module.is_empty() && Ends(module.file(), ".node") && !module.Contains(own_);
}

bool ProcessModules::TakeRemembered(Bases* before) {
  Remembered& remembered = TheRemembered();
  const std::lock_guard<std::mutex> lock(remembered.mutex);
  if (!std::exchange(remembered.is_stale, false)) return false;
  *before = std::move(remembered.bases);
  return true;
}

}  // namespace tally

#endif  // TALLY_HAS_IMPORT_SLOTS
