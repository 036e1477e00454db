// What a library asks a heap for: by the C runtime, and on Windows without it, too.

#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef _WIN32
#include <malloc.h>
#include <windows.h>
#define EXPORT __declspec(dllexport)
#else
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#define EXPORT
#endif

struct task {
  void (*work)(void*);
  void* data;
};

#ifdef _WIN32

static void* aligned(size_t bytes) { return _aligned_malloc(bytes, 128); }
static void free_of_aligned(void* block) { _aligned_free(block); }

// By hand, as the runtimes that are linked into a library do.
static void* allocate(size_t bytes) { return HeapAlloc(GetProcessHeap(), HEAP_ZERO_MEMORY, bytes); }
static void* resize(void* block, size_t bytes) { return HeapReAlloc(GetProcessHeap(), 0, block, bytes); }
static void deallocate(void* block) { HeapFree(GetProcessHeap(), 0, block); }

static DWORD WINAPI run(void* task) {
  ((struct task*)task)->work(((struct task*)task)->data);
  return 0;
}
static void run_in_thread(struct task task) {
  HANDLE thread = CreateThread(NULL, 0, run, &task, 0, NULL);
  if (thread == NULL) return;
  WaitForSingleObject(thread, INFINITE);
  CloseHandle(thread);
}

static void* load(const char* path) { return LoadLibraryA(path); }
typedef FARPROC Symbol;
static Symbol lookup(void* library, const char* name) { return GetProcAddress((HMODULE)library, name); }

static void set_error(void) { SetLastError(ERROR_FILE_NOT_FOUND); }
static int has_error(void) { return GetLastError() == ERROR_FILE_NOT_FOUND; }

// A heap of its own, which goes with all that is in it.
EXPORT void* make_heap(intptr_t blocks) {
  HANDLE heap = HeapCreate(0, 0, 0);
  for (intptr_t i = 0; i < blocks; i++) (void)HeapAlloc(heap, 0, 100 + (size_t)i);
  return heap;
}
EXPORT void free_heap(void* heap) { HeapDestroy(heap); }

#else

static void* aligned(size_t bytes) {
  void* block = NULL;
  return posix_memalign(&block, 128, bytes) == 0 ? block : NULL;
}
static void free_of_aligned(void* block) { free(block); }

static void* allocate(size_t bytes) { return calloc(1, bytes); }
static void* resize(void* block, size_t bytes) { return realloc(block, bytes); }
static void deallocate(void* block) { free(block); }

static void* run(void* task) {
  ((struct task*)task)->work(((struct task*)task)->data);
  return NULL;
}
static void run_in_thread(struct task task) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, run, &task) == 0) pthread_join(thread, NULL);
}

static void* load(const char* path) { return dlopen(path, RTLD_NOW); }
typedef void* Symbol;
static Symbol lookup(void* library, const char* name) { return dlsym(library, name); }

static void set_error(void) { errno = ENOENT; }
static int has_error(void) { return errno == ENOENT; }

#endif

EXPORT char* duplicate(const char* text) { return strdup(text); }
EXPORT void release(void* block) { free(block); }

EXPORT void* open_stream(const char* path) {
  FILE* stream = fopen(path, "rb");
  if (stream != NULL) (void)fgetc(stream);  // for which it gets its buffer
  return stream;
}
EXPORT void close_stream(void* stream) { fclose(stream); }

EXPORT void* make_aligned(intptr_t bytes) { return aligned((size_t)bytes); }
EXPORT void free_aligned(void* block) { free_of_aligned(block); }

// Grows, and becomes less again.
struct list {
  size_t count;
  char* text;
};
EXPORT void* make_list(void) { return calloc(1, sizeof(struct list)); }
EXPORT void resize_list(struct list* list, intptr_t count) {
  list->text = realloc(list->text, (size_t)count);
  list->count = (size_t)count;
  if (list->text != NULL) memset(list->text, 1, list->count);
}
EXPORT void free_list(struct list* list) {
  free(list->text);
  free(list);
}
EXPORT intptr_t count_of(const struct list* list) { return (intptr_t)list->count; }

EXPORT void* make_block(intptr_t bytes) {
  void* block = allocate((size_t)bytes / 2);
  return block == NULL ? NULL : resize(block, (size_t)bytes);
}
EXPORT void free_block(void* block) { deallocate(block); }

static void shrink(void* list) {
  free(((struct list*)list)->text);
  ((struct list*)list)->text = NULL;
}
// Frees what is in there, on a thread of its own.
EXPORT void clear_list(struct list* list) { run_in_thread((struct task){shrink, list}); }

static void copy(void* text) { *(char**)text = strdup(*(char**)text); }
// What a thread has duplicated.
EXPORT char* duplicate_in_thread(char* text) {
  run_in_thread((struct task){copy, &text});
  return text;
}

// Another library, and what a function of that makes.
EXPORT void* load_plugin(const char* path) {
  void** plugin = malloc(sizeof(*plugin));
  if (plugin != NULL) *plugin = load(path);
  return plugin;
}
typedef void* (*Make)(intptr_t);
EXPORT void* make_by(void** plugin, const char* name, intptr_t bytes) {
  Symbol found = lookup(*plugin, name);
  Make make;
  memcpy(&make, &found, sizeof(make));
  return make(bytes);
}
// Whether the error of the thread is there still after a block was freed.
EXPORT int keeps_error(void) {
  void* volatile block = malloc(10);  // which no compiler leaves out
  set_error();
  free(block);
  return has_error();
}
