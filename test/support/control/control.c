// Says what a library allocates for an object: the control of what is counted at import slots. A program of
// its own, without Node. On Linux its allocator is around that of the C library. On Windows it looks through
// all heaps.
//
//   control LIBRARY FREE COUNT MAKE [ARGUMENT ...] [-- FUNCTION [ARGUMENT ...]] ...
//
// makes and frees COUNT objects, and prints for each how many bytes it had, and how many of them were left.
// Each FUNCTION is called with the object first. An ARGUMENT is i:NUMBER, s:TEXT, null, out (where the object
// is stored), b:BYTES, memory of zeroes, or m:FUNCTION=TEXT, what that function makes of the text. FREE may
// end in *: then it takes the address of the pointer.

#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef _WIN32

#include <windows.h>

// Nobody else's thread runs.
static int64_t live(void) {
  enum { kMost = 64 };
  HANDLE heaps[kMost];
  const DWORD count = GetProcessHeaps(kMost, heaps);
  if (count > kMost) exit(4);
  int64_t bytes = 0;
  for (DWORD i = 0; i < count; i++) {
    PROCESS_HEAP_ENTRY entry = {0};
    while (HeapWalk(heaps[i], &entry)) {
      if (entry.wFlags & PROCESS_HEAP_ENTRY_BUSY) bytes += (int64_t)HeapSize(heaps[i], 0, entry.lpData);
    }
  }
  return bytes;
}

static void* load(const char* name) { return LoadLibraryA(name); }
static void* lookup(void* library, const char* name) {
  FARPROC found = GetProcAddress((HMODULE)library, name);
  void* symbol;
  memcpy(&symbol, &found, sizeof(symbol));
  return symbol;
}

#else

#include <dlfcn.h>
#include <pthread.h>

static void* load(const char* name) { return dlopen(name, RTLD_LAZY | RTLD_LOCAL); }
static void* lookup(void* library, const char* name) { return dlsym(library, name); }

#ifdef __GLIBC__
extern void* __libc_malloc(size_t);
extern void* __libc_realloc(void*, size_t);
extern void* __libc_memalign(size_t, size_t);
extern void __libc_free(void*);
#else
// Writes a pointer to the C library's own function.
static void real(const char* name, void* function) {
  void* symbol = dlsym(RTLD_NEXT, name);
  memcpy(function, &symbol, sizeof(symbol));
}
static void* __libc_malloc(size_t bytes) {
  void* (*function)(size_t);
  real("malloc", &function);
  return function(bytes);
}
static void* __libc_realloc(void* block, size_t bytes) {
  void* (*function)(void*, size_t);
  real("realloc", &function);
  return function(block, bytes);
}
static void* __libc_memalign(size_t alignment, size_t bytes) {
  void* (*function)(size_t, size_t);
  real("aligned_alloc", &function);
  return function(alignment, bytes);
}
static void __libc_free(void* block) {
  void (*function)(void*);
  real("free", &function);
  function(block);
}
#endif

// Blocks and what was asked for, by open addressing. What is freed is marked, and its place used again.
enum { kPlaces = 1 << 22 };
static struct {
  void* block;
  size_t bytes;
} places[kPlaces];
static char gone;
static int64_t live_bytes;
static int64_t live(void) { return live_bytes; }
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static size_t place_of(void* block) { return ((uintptr_t)block >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 42; }

static void* made(void* block, size_t bytes) {
  if (block == NULL) return NULL;
  pthread_mutex_lock(&mutex);
  size_t i = place_of(block);
  while (places[i].block != NULL && places[i].block != &gone) i = (i + 1) % kPlaces;
  places[i].block = block;
  places[i].bytes = bytes;
  live_bytes += (int64_t)bytes;
  pthread_mutex_unlock(&mutex);
  return block;
}

static size_t given(void* block) {
  size_t bytes = 0;
  pthread_mutex_lock(&mutex);
  for (size_t i = place_of(block); places[i].block != NULL; i = (i + 1) % kPlaces) {
    if (places[i].block != block) continue;
    places[i].block = &gone;
    bytes = places[i].bytes;
    live_bytes -= (int64_t)bytes;
    break;
  }
  pthread_mutex_unlock(&mutex);
  return bytes;
}

void* malloc(size_t bytes) { return made(__libc_malloc(bytes), bytes); }
void* calloc(size_t count, size_t size) {
  void* block = malloc(count * size);
  return block == NULL ? NULL : memset(block, 0, count * size);
}
void free(void* block) {
  if (block == NULL) return;
  given(block);
  __libc_free(block);
}
void* realloc(void* block, size_t bytes) {
  const size_t before = block == NULL ? 0 : given(block);
  void* moved = __libc_realloc(block, bytes);
  if (moved == NULL && bytes != 0 && block != NULL) made(block, before);
  return made(moved, bytes);
}
void* memalign(size_t alignment, size_t bytes) { return made(__libc_memalign(alignment, bytes), bytes); }
void* aligned_alloc(size_t alignment, size_t bytes) { return memalign(alignment, bytes); }
int posix_memalign(void** block, size_t alignment, size_t bytes) {
  void* memory = memalign(alignment, bytes);
  if (memory == NULL) return ENOMEM;
  *block = memory;
  return 0;
}

#endif

static void* object;

typedef uintptr_t (*Function)(uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t);

static Function find(void* library, const char* name) {
  void* symbol = lookup(library, name);
  if (symbol == NULL) exit(3);
  Function function;
  memcpy(&function, &symbol, sizeof(function));
  return function;
}

static uintptr_t made_of(void* library, const char* text) {
  const size_t length = strcspn(text, "=");
  char name[64];
  snprintf(name, sizeof(name), "%.*s", (int)length, text);
  return find(library, name)((uintptr_t)(text + length + 1), 0, 0, 0, 0, 0);
}

static uintptr_t argument(void* library, const char* text) {
  if (strcmp(text, "out") == 0) return (uintptr_t)&object;
  if (strncmp(text, "i:", 2) == 0) return (uintptr_t)strtoll(text + 2, NULL, 10);
  if (strncmp(text, "s:", 2) == 0) return (uintptr_t)(text + 2);
  if (strncmp(text, "m:", 2) == 0) return made_of(library, text + 2);
  if (strncmp(text, "b:", 2) == 0) {
    static char memory[16][256];
    static int used = 0;
    return (uintptr_t)memory[used++ % 16];
  }
  return 0;
}

// Calls what stands at the beginning of `words`, behind `count` arguments; returns how many words that was.
static int call(void* library, char** words, int count, uintptr_t* arguments, uintptr_t* result) {
  const Function function = find(library, words[0]);
  int i = 1;
  for (; words[i] != NULL && strcmp(words[i], "--") != 0 && count < 6; i++)
    arguments[count++] = argument(library, words[i]);
  *result = function(arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
  return i;
}

int main(int argc, char** argv) {
  if (argc < 5) return 1;
  void* library = load(argv[1]);
  if (library == NULL) return 2;
  char* name = argv[2];
  const int by_address = name[strlen(name) - 1] == '*';
  if (by_address) name[strlen(name) - 1] = '\0';
  const Function destroy = find(library, name);
  for (int n = atoi(argv[3]); n > 0; n--) {
    const int64_t before = live();
    char** words = argv + 4;
    uintptr_t arguments[6] = {0};
    uintptr_t result = 0;
    object = NULL;
    words += call(library, words, 0, arguments, &result);
    if (object == NULL) object = (void*)result;
    while (*words != NULL) {
      uintptr_t more[6] = {(uintptr_t)object};
      words += 1 + call(library, words + 1, 1, more, &result);
    }
    const int64_t with = live();
    destroy(by_address ? (uintptr_t)&object : (uintptr_t)object, 0, 0, 0, 0, 0);
    char line[64];
    snprintf(line, sizeof(line), "%lld %lld\n", (long long)(with - before), (long long)(live() - before));
    fputs(line, stdout);
  }
  return 0;
}
