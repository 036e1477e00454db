// An allocator in place of the system's, for LD_PRELOAD: malloc() as a stranger whom nobody can ask for
// figures. It takes from one mapping and never gives anything back.

#define _DEFAULT_SOURCE

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

static const size_t kBytes = (size_t)1 << (sizeof(size_t) > 4 ? 32 : 30);
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static char* next;
static char* end;

static size_t* size_of(void* block) { return (size_t*)block - 1; }

void* memalign(size_t alignment, size_t bytes) {
  if (alignment < 16) alignment = 16;
  pthread_mutex_lock(&mutex);
  if (next == NULL) {
    next = mmap(NULL, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    end = next + kBytes;
  }
  char* block = (char*)(((uintptr_t)next + sizeof(size_t) + alignment - 1) & ~(alignment - 1));
  const int fits = bytes < (size_t)(end - block);
  if (fits) next = block + bytes;
  pthread_mutex_unlock(&mutex);
  if (!fits) return NULL;
  *size_of(block) = bytes;
  return block;
}

void* malloc(size_t bytes) { return memalign(16, bytes); }

void* aligned_alloc(size_t alignment, size_t bytes) { return memalign(alignment, bytes); }

int posix_memalign(void** block, size_t alignment, size_t bytes) {
  *block = memalign(alignment, bytes);
  return *block == NULL ? ENOMEM : 0;
}

void* calloc(size_t count, size_t bytes) { return memalign(16, count * bytes); }

void* realloc(void* block, size_t bytes) {
  void* moved = memalign(16, bytes);
  if (block != NULL && moved != NULL) {
    const size_t before = *size_of(block);
    memcpy(moved, block, before < bytes ? before : bytes);
  }
  return moved;
}

void free(void* block) { (void)block; }

size_t malloc_usable_size(void* block) { return block == NULL ? 0 : *size_of(block); }
