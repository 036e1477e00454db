// Allocation that fails, for what asks with std::nothrow: the core does, and nobody else here.

#ifndef FFI_TALLY_SCARCE_MEMORY_H_
#define FFI_TALLY_SCARCE_MEMORY_H_

// How many allocations with std::nothrow still succeed; below zero all do.
extern int allocations_left;

#endif  // FFI_TALLY_SCARCE_MEMORY_H_
