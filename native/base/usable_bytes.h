// The bytes that a block from malloc really has.

#ifndef FFI_TALLY_BASE_USABLE_BYTES_H_
#define FFI_TALLY_BASE_USABLE_BYTES_H_

#include <cstddef>
#include <cstdint>

#if defined(__APPLE__)
#include <malloc/malloc.h>
#elif defined(_WIN32) || defined(__linux__)
#include <malloc.h>
#endif

#ifdef _WIN32
#include <array>

#include "base/windows_api.h"
#endif

namespace tally {

// -1 where the platform cannot tell, as of a block of another heap. REQUIRES: `block` came from an allocator
// of C and is not freed.
inline int64_t UsableBytes(void* block) {
#if defined(__APPLE__)
  const size_t bytes = malloc_size(block);
  return bytes == 0 ? -1 : static_cast<int64_t>(bytes);
#elif defined(_WIN32)
  return static_cast<int64_t>(_msize(block));  // SIZE_MAX where it cannot tell
#elif defined(__linux__)
  return static_cast<int64_t>(malloc_usable_size(block));
#else
  (void)block;
  return -1;
#endif
}

// The same for sums: 0 where the platform cannot tell.
inline size_t CountableBytes(void* block) {
  const int64_t bytes = UsableBytes(block);
  return bytes < 0 ? 0 : static_cast<size_t>(bytes);
}

#ifdef _WIN32
// The heap of that C runtime; that of the process where it is not loaded.
inline HANDLE HeapOf(const wchar_t* runtime) {
  const HMODULE module = GetModuleHandleW(runtime);
  void* get =
      module == nullptr ? nullptr : reinterpret_cast<void*>(GetProcAddress(module, "_get_heap_handle"));
  if (get == nullptr) return GetProcessHeap();
  return reinterpret_cast<HANDLE>(reinterpret_cast<intptr_t (*)()>(get)());
}

// The heaps of the C runtimes, those linked into libraries included.
inline std::array<HANDLE, 3> RuntimeHeaps() {
  return {GetProcessHeap(), HeapOf(L"ucrtbase.dll"), HeapOf(L"msvcrt.dll")};
}
#endif

// Of what is at any address: 0 where that is no block of a C runtime, or the platform cannot tell.
inline uint64_t HeapBytes(uint64_t address) {
#ifdef _WIN32
  void* block = reinterpret_cast<void*>(static_cast<uintptr_t>(address));
  if (address % MEMORY_ALLOCATION_ALIGNMENT != 0) return 0;
  for (HANDLE heap : RuntimeHeaps()) {
    if (!HeapValidate(heap, 0, block)) continue;
    const SIZE_T bytes = HeapSize(heap, 0, block);
    return bytes == SIZE_MAX ? 0 : bytes;
  }
#else
  (void)address;
#endif
  return 0;
}

}  // namespace tally

#endif  // FFI_TALLY_BASE_USABLE_BYTES_H_
