// What import slots of C libraries are pointed at: malloc() and its like, which count in CountedBlocks. What
// the library itself allocates is always counted; what the C and C++ runtimes do, which everybody uses, while
// somebody is marked.
//
// Process-wide on purpose, as slots are. Any thread.

#ifndef FFI_TALLY_METERS_IMPORT_HOOKS_H_
#define FFI_TALLY_METERS_IMPORT_HOOKS_H_

#include <cstddef>
#include <cstdint>

// How names of functions of C++ say size_t.
#ifdef __LP64__
#define TALLY_SIZE "m"
#else
#define TALLY_SIZE "j"
#endif

namespace tally {

class ImportHooks {
 public:
  struct Hook {
    const char* name;
    void (*library)();  // for slots of libraries
    void (*runtime)();  // for those of the C and C++ runtimes; nullptr: left as they are
  };
  static const Hook* begin();
  static const Hook* end();
#ifdef _WIN32
  static constexpr const char* kInitials = "HCL";  // of their names
  static constexpr const char* kFree = "HeapFree";
#else
  static constexpr const char* kInitials = "mcrfpav_d";  // of their names
  static constexpr const char* kFree = "free";
#endif

  // What operator new of the C++ runtime is called from and is nobody's but the caller's. On Windows, what
  // frees for others.
  struct Code {
    uintptr_t begin = 0;
    uintptr_t end = 0;
  };
  static constexpr size_t kCallers = 8;

  struct Setup {
    void (*create_thread)() = nullptr;  // what starts threads
    void (*before_load)() = nullptr;    // what is told before a library loads another one
    Code not_for[kCallers];
  };
  // REQUIRES: before the first slot is written. Returns false without memory.
  static bool Begin(const Setup& setup);
};

template <typename F>
auto AnyFunction(F* function) noexcept {
  return reinterpret_cast<void (*)()>(function);
}

}  // namespace tally

#endif  // FFI_TALLY_METERS_IMPORT_HOOKS_H_
