// Blocks of memory, counted where they are made and freed: what the benchmark calls native bytes.
// A block is exactly what malloc() returned, and its bytes are those that malloc() set aside for it.
//
// For one thread at a time.

#include <stddef.h>
#include <stdlib.h>

#if defined(__APPLE__)
#include <malloc/malloc.h>
#define USABLE malloc_size
#elif defined(_WIN32)
#include <malloc.h>
#define USABLE _msize
#else
#include <malloc.h>
#define USABLE malloc_usable_size
#endif

#ifdef _WIN32
#define BLOCKS_API __declspec(dllexport)
#else
#define BLOCKS_API __attribute__((visibility("default")))
#endif

enum { kPage = 4096 };

static size_t made;
static size_t freed;
static size_t live;
static size_t peak;

// Every page is written to, so that the memory is real.
BLOCKS_API void* block_new(size_t bytes) {
  char* block = malloc(bytes);
  if (block == NULL) return NULL;
  for (size_t i = 0; i < bytes; i += kPage) ((volatile char*)block)[i] = 1;
  made++;
  live += USABLE(block);
  if (live > peak) peak = live;
  return block;
}

BLOCKS_API void block_free(void* block) {
  if (block == NULL) return;
  freed++;
  live -= USABLE(block);
  free(block);
}

// Nothing but malloc() and free(), which the compiler must not see through.
BLOCKS_API void block_pairs(size_t count, size_t bytes) {
  static void* volatile block;
  while (count-- > 0) {
    block = malloc(bytes);
    free(block);
  }
}

BLOCKS_API size_t blocks_made(void) { return made; }
BLOCKS_API size_t blocks_freed(void) { return freed; }
BLOCKS_API size_t blocks_live_bytes(void) { return live; }
BLOCKS_API size_t blocks_peak_bytes(void) { return peak; }
