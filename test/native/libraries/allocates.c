// A library whose import slots are counted at. Loaded by import_slots_test.cc.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

void* allocate(size_t bytes) { return malloc(bytes); }
void* allocate_zeroed(size_t count, size_t size) { return calloc(count, size); }
void* resize(void* block, size_t bytes) { return realloc(block, bytes); }
void release(void* block) { free(block); }

// One block of each function, 100 bytes and more. Returns how many.
int every_way(void** blocks) {
  int n = 0;
  blocks[n++] = malloc(100);
  blocks[n++] = calloc(10, 11);
  blocks[n++] = realloc(NULL, 120);
  blocks[n++] = reallocarray(NULL, 10, 13);
  blocks[n++] = aligned_alloc(64, 192);
  blocks[n++] = memalign(32, 150);
  blocks[n++] = valloc(160);
  if (posix_memalign(&blocks[n], 64, 170) == 0) n++;
  return n;
}

char* duplicate(const char* text) { return strdup(text); }
void* open_stream(const char* path) { return fopen(path, "r"); }
int close_stream(void* stream) { return fclose(stream); }

// A function pointer that is initialised by a relocation.
static void* (*through_pointer)(size_t) = malloc;
void* allocate_through_pointer(size_t bytes) { return through_pointer(bytes); }
void set_pointer(void* (*function)(size_t)) { through_pointer = function; }

static void* work(void* text) {
  char* copy = strdup(text);
  void* block = malloc(1000);
  free(block);
  return copy;
}

// What a thread of the library has duplicated.
void* duplicate_in_thread(const char* text) {
  pthread_t thread;
  void* copy = NULL;
  if (pthread_create(&thread, NULL, work, (void*)text) == 0) pthread_join(thread, &copy);
  return copy;
}

// A plugin that only this library's search path has.
static int loaded = 0;
void* load_plugin(const char* name) {
  void* plugin = dlopen(name, RTLD_NOW);
  loaded += plugin != NULL;  // so that the call is none that ends this function
  return plugin;
}
void* find(void* plugin, const char* name) { return dlsym(plugin, name); }
int unload_plugin(void* plugin) { return dlclose(plugin); }
