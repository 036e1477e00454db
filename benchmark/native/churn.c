// Allocates and frees as fast as it can, through whatever functions it is given, on one or more threads at a
// time. What a meter costs is the difference between its functions and those of libc.

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#ifdef _WIN32
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

enum { MAX_THREADS = 16, KEPT = 64 };

typedef struct {
  void* (*allocate)(size_t);
  void (*release)(void*);
  size_t rounds;
  double nanoseconds;
} work;

// Of this thread alone: two threads on one processor would otherwise pay for each other.
static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

// A window of blocks, of sizes as a parser has them: the oldest goes for each that comes.
static void* churn(void* data) {
  work* job = data;
  void* kept[KEPT] = {0};
  uint32_t random = 12345;
  const double start = now();
  for (size_t i = 0; i < job->rounds; i++) {
    random = random * 1664525 + 1013904223;
    void** place = &kept[i % KEPT];
    job->release(*place);
    *place = job->allocate(16 + (random >> 24));
    *(char*)*place = 1;
  }
  for (size_t i = 0; i < KEPT; i++) job->release(kept[i]);
  job->nanoseconds = now() - start;
  return NULL;
}

// Nanoseconds of a pair of calls, on average over all threads.
EXPORT double churn_pair(void* allocate, void* release, size_t rounds, int threads) {
  work jobs[MAX_THREADS];
  pthread_t ids[MAX_THREADS];
  double sum = 0;
  for (int i = 0; i < threads; i++) {
    memcpy(&jobs[i].allocate, &allocate, sizeof allocate);
    memcpy(&jobs[i].release, &release, sizeof release);
    jobs[i].rounds = rounds;
    if (pthread_create(&ids[i], NULL, churn, &jobs[i]) != 0) return -1;
  }
  for (int i = 0; i < threads; i++) {
    pthread_join(ids[i], NULL);
    sum += jobs[i].nanoseconds;
  }
  return sum / threads / (double)rounds;
}
