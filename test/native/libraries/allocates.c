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

static void* allocate_for(void* place) {
  *(void**)place = malloc(*(size_t*)place);
  return NULL;
}

// At most 16 blocks, each by a thread of its own.
void allocate_in_threads(void** blocks, int count, size_t bytes) {
  pthread_t threads[16];
  for (int i = 0; i < count; i++) {
    blocks[i] = (void*)bytes;
    pthread_create(&threads[i], NULL, allocate_for, &blocks[i]);
  }
  for (int i = 0; i < count; i++) pthread_join(threads[i], NULL);
}

// A thread that waits for work: allocates `bytes`, or frees `block`.
struct pool {
  pthread_t thread;
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  enum { kIdle, kAllocate, kRelease, kStop } task;
  size_t bytes;
  void* block;
};

static void* run_pool(void* data) {
  struct pool* pool = data;
  pthread_mutex_lock(&pool->mutex);
  for (;;) {
    while (pool->task == kIdle) pthread_cond_wait(&pool->changed, &pool->mutex);
    if (pool->task == kStop) break;
    if (pool->task == kAllocate) pool->block = malloc(pool->bytes);
    if (pool->task == kRelease) free(pool->block);
    pool->task = kIdle;
    pthread_cond_broadcast(&pool->changed);
  }
  pthread_mutex_unlock(&pool->mutex);
  pthread_exit(NULL);
}

static void* ask_pool(struct pool* pool, int task, size_t bytes, void* block) {
  pthread_mutex_lock(&pool->mutex);
  pool->bytes = bytes;
  pool->block = block;
  pool->task = task;
  pthread_cond_broadcast(&pool->changed);
  while (pool->task != kIdle && task != kStop) pthread_cond_wait(&pool->changed, &pool->mutex);
  void* result = pool->block;
  pthread_mutex_unlock(&pool->mutex);
  return result;
}

void* start_pool(void) {
  struct pool* pool = calloc(1, sizeof(*pool));
  pthread_mutex_init(&pool->mutex, NULL);
  pthread_cond_init(&pool->changed, NULL);
  pthread_create(&pool->thread, NULL, run_pool, pool);
  return pool;
}
void* allocate_in_pool(struct pool* pool, size_t bytes) { return ask_pool(pool, kAllocate, bytes, NULL); }
void release_in_pool(struct pool* pool, void* block) { ask_pool(pool, kRelease, 0, block); }
void stop_pool(struct pool* pool) {
  ask_pool(pool, kStop, 0, NULL);
  pthread_join(pool->thread, NULL);
  free(pool);
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
