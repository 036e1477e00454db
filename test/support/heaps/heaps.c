// What goes down to the heaps of Windows: by a C runtime, and without one.

#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#define EXPORT __declspec(dllexport)

EXPORT char* duplicate(const char* text) { return strdup(text); }
EXPORT void release(void* block) { free(block); }

EXPORT void* open_stream(const char* path) {
  FILE* stream = fopen(path, "rb");
  if (stream != NULL) (void)fgetc(stream);  // for which it gets its buffer
  return stream;
}
EXPORT void close_stream(void* stream) { fclose(stream); }

EXPORT void* make_aligned(int64_t bytes) { return _aligned_malloc((size_t)bytes, 128); }
EXPORT void free_aligned(void* block) { _aligned_free(block); }

// Grows, and becomes less again.
struct list {
  size_t count;
  char* text;
};
EXPORT void* make_list(void) { return calloc(1, sizeof(struct list)); }
EXPORT void resize_list(struct list* list, int64_t count) {
  list->text = realloc(list->text, (size_t)count);
  list->count = (size_t)count;
  if (list->text != NULL) memset(list->text, 1, list->count);
}
EXPORT void free_list(struct list* list) {
  free(list->text);
  free(list);
}
EXPORT int64_t count_of(const struct list* list) { return (int64_t)list->count; }

// By hand, as the runtimes that are linked into a library do.
EXPORT void* make_block(int64_t bytes) {
  void* block = HeapAlloc(GetProcessHeap(), HEAP_ZERO_MEMORY, (size_t)bytes / 2);
  return block == NULL ? NULL : HeapReAlloc(GetProcessHeap(), 0, block, (size_t)bytes);
}
EXPORT void free_block(void* block) { HeapFree(GetProcessHeap(), 0, block); }

// A heap of its own, which goes with all that is in it.
EXPORT void* make_heap(int64_t blocks) {
  HANDLE heap = HeapCreate(0, 0, 0);
  for (int64_t i = 0; i < blocks; i++) (void)HeapAlloc(heap, 0, 100 + (size_t)i);
  return heap;
}
EXPORT void free_heap(void* heap) { HeapDestroy(heap); }

static DWORD WINAPI shrink(void* list) {
  free(((struct list*)list)->text);
  ((struct list*)list)->text = NULL;
  return 0;
}
// Frees what is in there, on a thread of its own.
EXPORT void clear_list(struct list* list) {
  HANDLE thread = CreateThread(NULL, 0, shrink, list, 0, NULL);
  if (thread == NULL) return;
  WaitForSingleObject(thread, INFINITE);
  CloseHandle(thread);
}

static DWORD WINAPI copy(void* text) {
  *(char**)text = strdup(*(char**)text);
  return 0;
}
// What a thread has duplicated.
EXPORT char* duplicate_in_thread(char* text) {
  HANDLE thread = CreateThread(NULL, 0, copy, &text, 0, NULL);
  if (thread == NULL) return NULL;
  WaitForSingleObject(thread, INFINITE);
  CloseHandle(thread);
  return text;
}

// Another library, and what a function of that makes.
EXPORT void* load_plugin(const char* path) { return LoadLibraryA(path); }
typedef void* (*Make)(int64_t);
EXPORT void* make_by(void* plugin, const char* name, int64_t bytes) {
  FARPROC found = GetProcAddress((HMODULE)plugin, name);
  Make make;
  memcpy(&make, &found, sizeof(make));
  return make(bytes);
}
// Whether the error of the thread is there still after a block was freed.
EXPORT int keeps_error(void) {
  void* volatile block = malloc(10);  // which no compiler leaves out
  SetLastError(ERROR_FILE_NOT_FOUND);
  free(block);
  return GetLastError() == ERROR_FILE_NOT_FOUND;
}
