// Functions to be handed to the allocator hooks of C libraries, for each meter in each shape that hooks have.
// Hooks without a context pointer leave only the address of the function to tell meters apart, so each meter
// has functions of its own, compiled in advance. Context pointers are ignored.
//
// On x64 and arm64, where arguments are in registers, a function may get more than it takes: plain malloc
// serves hooks that add the source file and line.

#ifndef FFI_TALLY_METERS_METER_FUNCTIONS_H_
#define FFI_TALLY_METERS_METER_FUNCTIONS_H_

#include <cstddef>

#include "meters/meter.h"

namespace tally {

// As struct sqlite3_mem_methods.
struct SqliteMethods {
  void* (*allocate)(int bytes);
  void (*free)(void* block);
  void* (*reallocate)(void* block, int bytes);
  int (*size)(void* block);
  int (*round_up)(int bytes);
  int (*init)(void* data);
  void (*shut_down)(void* data);
  void* data;
};

// As struct XML_Memory_Handling_Suite.
struct ExpatSuite {
  void* (*malloc)(size_t bytes);
  void* (*realloc)(void* block, size_t bytes);
  void (*free)(void* block);
};

struct MeterFunctions {
  void* (*malloc)(size_t bytes);
  void* (*calloc)(size_t count, size_t size);
  void* (*realloc)(void* block, size_t bytes);
  void (*free)(void* block);
  char* (*strdup)(const char* string);
  void* (*sized_realloc)(void* block, size_t old_bytes, size_t bytes);
  void (*sized_free)(void* block, size_t bytes);
  void* (*context_malloc)(void* context, size_t bytes);
  void* (*context_calloc)(void* context, unsigned count, unsigned size);
  void* (*context_realloc)(void* context, void* block, size_t bytes);
  void (*context_free)(void* context, void* block);
  void* (*context_sized_realloc)(void* context, long old_bytes, long bytes, void* block);
  void* (*single)(void* context, void* block, size_t old_bytes, size_t bytes);
  SqliteMethods sqlite;
  ExpatSuite expat;
};

// Valid until the process ends.
const MeterFunctions& FunctionsOf(const Meter& meter);

}  // namespace tally

#endif  // FFI_TALLY_METERS_METER_FUNCTIONS_H_
