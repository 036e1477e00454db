// A function of another library has two addresses in a program that is not position-independent, as Node is
// on Linux: its own, which lookups in that library find, and that of a stub in the program, which everybody
// else does who asks for it. And what a name stands for need not be a function.

#ifndef FFI_TALLY_BASE_FUNCTION_ADDRESS_H_
#define FFI_TALLY_BASE_FUNCTION_ADDRESS_H_

#include <cstdint>

namespace tally {

// The function's own address, where `address` is that of its stub; otherwise `address`. Takes a millisecond
// where it is in the program.
uint64_t FunctionAddress(uint64_t address);

// Whether `address` is in a library or in the program, but not in code: to call it would end the process.
// False where nobody can tell.
bool IsVariable(uint64_t address);

}  // namespace tally

#endif  // FFI_TALLY_BASE_FUNCTION_ADDRESS_H_
