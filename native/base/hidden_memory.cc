#include "base/hidden_memory.h"

#ifdef __MINGW32__

#include <cstdlib>
#include <new>

// What this addon allocates itself, also while a call of C is marked: here its runtime is that of the
// libraries.

void* operator new(size_t bytes) {
  void* block = tally::HiddenCalloc(1, bytes);
  if (block == nullptr) std::abort();  // it is compiled without exceptions
  return block;
}

void* operator new(size_t bytes, const std::nothrow_t&) noexcept { return tally::HiddenCalloc(1, bytes); }

void operator delete(void* block) noexcept { tally::HiddenFree(block); }
void operator delete(void* block, size_t) noexcept { tally::HiddenFree(block); }

#endif  // __MINGW32__
