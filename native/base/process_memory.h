// What the C allocator says about itself and about one block, and the kernel about the process, per platform.
// Any thread.

#ifndef FFI_TALLY_BASE_PROCESS_MEMORY_H_
#define FFI_TALLY_BASE_PROCESS_MEMORY_H_

#include <cstddef>
#include <cstdint>

namespace tally {

struct AllocatorFigures {
  int64_t in_use = 0;  // bytes in blocks that the program holds, touched or not
  int64_t held = 0;    // bytes that the allocator keeps for later, resident or not
};

// A block of zeroes from the allocator that this addon was built with, or 0; and the address of the
// function that frees such a block. Both sides from one place: a program may contain several allocators.
uintptr_t AllocateBlock(size_t bytes);
uintptr_t FreeBlockAddress();

// The address of a function that does nothing, whatever it is called with (by the caller-cleans-up
// conventions that Koffi uses by default).
uintptr_t NothingAddress();

// Copies bytes of this process, which may be gone or protected. Returns how many it could copy; 0 where the
// platform has no way to try.
size_t ReadMemory(uint64_t address, size_t bytes, void* to);

// Many small blocks have been freed. glibc puts off merging them until somebody's next large request, which
// then takes tens of milliseconds for a million of them; here it is done for those freed since the last call.
void MergeFreedBlocks();

// From now on up to `bytes` will be freed at once. glibc returns the end of its heap to the kernel when more
// is free there than twice the largest mapped block that was ever freed, 128 KiB at first: meant for programs
// that free one block after the other, while after a garbage collection the next blocks pay for the same
// pages again. Has glibc's own adaptation go as far as that, or to its end, 64 MiB; unless the user has set
// one of its thresholds.
void ExpectBulkFrees(int64_t bytes);

// Returns false where the platform cannot tell, as where malloc was replaced by another than jemalloc. Takes
// time for every free block that lies between others.
bool ReadAllocator(AllocatorFigures* figures);

// Gives what the allocator holds free back to the kernel. Returns false where the platform cannot.
bool TrimAllocator();

int64_t ProcessId();

// Milliseconds for which this thread has had a CPU.
double ThreadCpuTime();

// Whether `function` unmaps: what it frees does not come from the allocator.
bool IsUnmap(uint64_t function);

}  // namespace tally

#endif  // FFI_TALLY_BASE_PROCESS_MEMORY_H_
