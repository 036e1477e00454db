// The referee of the tests: an ordinary C library that knows nothing of Node and counts what is done to it.
//
// Everything it knows about a thing stands in a table beside the things, never inside them. A pointer is
// looked up before it is touched, so freeing one twice, or one that was never ours, is counted and does not
// crash; and a thing's address is exactly what malloc() returned.
//
// When malloc() hands out a freed address again, a second free of the first owner ends the second owner's
// thing; it is the second owner's own free that counts as double then. Once everybody has freed, the count is
// right.
//
// Thread-safe, with one set of books per process: workers share the library. Counters are atomic and can be
// read at any time; everything else stands under the one mutex.

#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { kPage = 4096, kFirstCapacity = 65536, kLogLength = 65536 };
static const uint64_t kTooManyBytes = UINT64_C(1) << 40;

// ---- Counters ----

enum {
  kLive,
  kLiveBytes,
  kPeakBytes,
  kMade,
  kFreed,
  kDoubleFrees,     // of an address that was ours and is gone
  kForeignFrees,    // of an address that never was ours (or so long ago that we forgot)
  kSizeMismatches,  // thing_free_sized() was told another size than the thing has
  kOrphans,         // children whose parent was freed, or moved, before them
  kFreedUnderfoot,  // things that were gone when C was handed them, or while C was using them
  kLateFrees,       // after the library's own static objects would have been destroyed
  kDamaged,         // blocks that somebody wrote into after they were freed, see things_poison()
  kLastContext,     // what thing_free_ctx() was given last
  kCounters
};

static const char* const counter_names[kCounters] = {
    "live",         "live_bytes",    "peak_bytes",      "made",    "freed",
    "double_frees", "foreign_frees", "size_mismatches", "orphans", "freed_underfoot",
    "late_frees",   "damaged",       "last_context",
};

static _Atomic int64_t counters[kCounters];

static void count(int counter, int64_t delta) { atomic_fetch_add(&counters[counter], delta); }

// ---- The table: open addressing; the dead stay in it until it is rebuilt ----

typedef struct {
  char* address;  // NULL: an empty slot
  int64_t id;
  size_t bytes;  // of the block itself
  char* buffer;  // what thing_enlarge() added
  size_t buffer_bytes;
  char* parent;
  int32_t children;
  bool alive;
} Slot;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static Slot* slots;
static size_t capacity;    // a power of two
static size_t slots_used;  // by the living and the dead
static int64_t last_id;
static int64_t freed_log[kLogLength];

// Returns the slot of `address`, or the empty one where it belongs.
static Slot* slot_of(const void* address) {
  size_t index = (size_t)(((uint64_t)(uintptr_t)address * UINT64_C(0x9E3779B97F4A7C15)) >> 32);
  for (;; index++) {
    Slot* slot = &slots[index & (capacity - 1)];
    if (slot->address == NULL || slot->address == address) return slot;
  }
}

static void rebuild(size_t new_capacity, bool keep_dead) {
  Slot* old = slots;
  size_t old_capacity = capacity;
  slots = calloc(new_capacity, sizeof(Slot));
  if (slots == NULL) {
    fputs("counting: no memory for the referee\n", stderr);
    abort();
  }
  capacity = new_capacity;
  slots_used = 0;
  for (size_t i = 0; i < old_capacity; i++) {
    if (old[i].address == NULL || !(old[i].alive || keep_dead)) continue;
    *slot_of(old[i].address) = old[i];
    slots_used++;
  }
  free(old);
}

static void forget_dead(void) {
  size_t needed = kFirstCapacity;
  while (needed < 4 * (size_t)counters[kLive]) needed *= 2;
  rebuild(needed, false);
}

static void lock(void) {
  pthread_mutex_lock(&mutex);
  if (slots == NULL) rebuild(kFirstCapacity, false);
}

static void unlock(void) { pthread_mutex_unlock(&mutex); }

// REQUIRES: the lock. Returns NULL, and counts, when C was handed something that is not alive.
static Slot* expect_alive(const void* thing) {
  Slot* slot = slot_of(thing);
  if (slot->address != NULL && slot->alive) return slot;
  count(kFreedUnderfoot, 1);
  return NULL;
}

static int64_t id_if_alive(const void* thing) {
  lock();
  Slot* slot = expect_alive(thing);
  int64_t id = slot == NULL ? -1 : slot->id;
  unlock();
  return id;
}

// REQUIRES: the lock.
static void count_bytes(int64_t delta) {
  count(kLiveBytes, delta);
  if (counters[kLiveBytes] > counters[kPeakBytes]) counters[kPeakBytes] = counters[kLiveBytes];
}

// ---- Life and death ----

static void touch(char* block, size_t from, size_t to) {
  size_t first = (from + kPage - 1) / kPage * kPage;
  for (size_t i = first; i < to; i += kPage) ((volatile char*)block)[i] = 1;
}

static char* block_new(size_t bytes) {
  if (bytes == 0 || bytes > kTooManyBytes) return NULL;
  char* block = malloc(bytes);
  if (block != NULL) touch(block, 0, bytes);
  return block;
}

// REQUIRES: the lock.
static Slot* insert(char* block, size_t bytes, int64_t id) {
  if (slots_used + 1 > capacity / 4 * 3) {
    if ((size_t)counters[kLive] < capacity / 4) {
      forget_dead();
    } else {
      rebuild(capacity * 2, true);
    }
  }
  Slot* slot = slot_of(block);
  if (slot->address == NULL) slots_used++;
  *slot = (Slot){.address = block, .id = id, .bytes = bytes, .alive = true};
  return slot;
}

// REQUIRES: the lock.
static void orphan_children(Slot* parent) {
  if (parent->children == 0) return;
  count(kOrphans, parent->children);
  for (size_t i = 0; i < capacity; i++) {
    if (slots[i].parent == parent->address) slots[i].parent = NULL;
  }
}

static void* make(char* parent, size_t bytes) {
  char* block = block_new(bytes);
  if (block == NULL) return NULL;
  lock();
  if (parent != NULL) {
    Slot* parent_slot = expect_alive(parent);
    if (parent_slot == NULL) {
      unlock();
      free(block);
      return NULL;
    }
    parent_slot->children++;
  }
  insert(block, bytes, ++last_id)->parent = parent;
  count(kMade, 1);
  count(kLive, 1);
  count_bytes((int64_t)bytes);
  unlock();
  return block;
}

// ---- Poison: who uses a block after it was freed finds it full of these, as long as it lies in quarantine
// ----

enum { kPoison = 0xDD, kMostQuarantined = 4096 };

static size_t quarantine_bytes;  // 0: blocks are freed at once
static size_t quarantined;
static struct {
  char* block;
  size_t bytes;
} quarantine[kMostQuarantined];  // a ring
static size_t oldest, youngest;

// REQUIRES: the lock. Frees the oldest block, and counts if it is not as it was left.
static void leave_quarantine(void) {
  char* block = quarantine[oldest % kMostQuarantined].block;
  size_t bytes = quarantine[oldest % kMostQuarantined].bytes;
  oldest++;
  quarantined -= bytes;
  if ((unsigned char)block[0] != kPoison || memcmp(block, block + 1, bytes - 1) != 0) count(kDamaged, 1);
  free(block);
}

// REQUIRES: the lock.
static void free_block(char* block, size_t bytes) {
  if (quarantine_bytes == 0) {
    free(block);
    return;
  }
  memset(block, kPoison, bytes);
  while (oldest < youngest &&
         (youngest - oldest == kMostQuarantined || quarantined + bytes > quarantine_bytes))
    leave_quarantine();
  quarantine[youngest % kMostQuarantined].block = block;
  quarantine[youngest++ % kMostQuarantined].bytes = bytes;
  quarantined += bytes;
}

// From now on so many bytes of freed blocks are kept and watched; 0: none.
void things_poison(size_t bytes) {
  lock();
  quarantine_bytes = bytes;
  while (oldest < youngest) leave_quarantine();
  unlock();
}

static const size_t kAnySize = SIZE_MAX;

static atomic_bool closed;

static void close_library(void) { closed = true; }

// As a library of C++ has its static objects destroyed: when the process exits, before what was registered
// earlier; or when it is unloaded.
__attribute__((constructor)) static void open_library(void) { atexit(close_library); }

static void end(void* thing, size_t expected_size) {
  if (thing == NULL) return;
  if (closed) count(kLateFrees, 1);
  lock();
  Slot* slot = slot_of(thing);
  if (slot->address == NULL || !slot->alive) {
    count(slot->address == NULL ? kForeignFrees : kDoubleFrees, 1);
    unlock();
    return;
  }
  size_t size = slot->bytes + slot->buffer_bytes;
  if (expected_size != kAnySize && expected_size != size) count(kSizeMismatches, 1);
  orphan_children(slot);
  if (slot->parent != NULL) slot_of(slot->parent)->children--;
  freed_log[counters[kFreed] % kLogLength] = slot->id;
  count(kFreed, 1);
  count(kLive, -1);
  count_bytes(-(int64_t)size);
  char* buffer = slot->buffer;
  size_t bytes = slot->bytes;
  *slot = (Slot){.address = slot->address};
  free_block(thing, bytes);
  unlock();
  free(buffer);
}

static void sleep_ms(int ms) {
  struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
  nanosleep(&time, NULL);
}

// ---- Things ----

void* thing_new(size_t bytes) { return make(NULL, bytes); }

// A thing that is also a string of `length` letters.
char* thing_text(size_t length) {
  char* text = length >= kTooManyBytes ? NULL : make(NULL, length + 1);
  if (text == NULL) return NULL;
  memset(text, 'x', length);
  text[length] = '\0';
  return text;
}

void thing_free(void* thing) { end(thing, kAnySize); }

// A variable with a function in it, as xmlFree of libxml2 is.
void (*thing_free_variable)(void* thing) = thing_free;

void thing_free_sized(void* thing, size_t size) { end(thing, size); }

void thing_free_ctx(void* context, void* thing) {
  counters[kLastContext] = (int64_t)(intptr_t)context;
  end(thing, kAnySize);
}

// Frees what is there, and writes NULL.
void thing_freep(void** place) {
  end(*place, kAnySize);
  *place = NULL;
}

// Frees what is in an array, and leaves it there.
void things_delete(int count, void** things) {
  for (int i = 0; i < count; i++) end(things[i], kAnySize);
}

// Frees the thing and returns 0; while it is refused, frees nothing and returns `refusal`.
static _Atomic int refusal;

void things_refuse(int result) { refusal = result; }

int thing_close(void* thing) {
  int result = refusal;
  if (result == 0) end(thing, kAnySize);
  return result;
}

// What is in the register of the result where such a function returns bool: its lowest byte says whether it
// has freed.
int thing_close_bool(void* thing) { return 0x5a00 | (thing_close(thing) == 0); }

// Frees the thing and returns -1.
int thing_lose(void* thing) {
  end(thing, kAnySize);
  return -1;
}

// Keeps the processor busy for a millisecond first.
void thing_free_slow(void* thing) {
  struct timespec start;
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &start);
  do {
    clock_gettime(CLOCK_MONOTONIC, &now);
  } while ((now.tv_sec - start.tv_sec) * 1000000000L + (now.tv_nsec - start.tv_nsec) < 1000000L);
  end(thing, kAnySize);
}

int64_t thing_id(const void* thing) { return id_if_alive(thing); }

int thing_value(const void* thing) { return (int)id_if_alive(thing); }

size_t thing_size(const void* thing) {
  lock();
  Slot* slot = expect_alive(thing);
  size_t size = slot == NULL ? 0 : slot->bytes + slot->buffer_bytes;
  unlock();
  return size;
}

// The size, or the refusal.
int64_t thing_size_unless_refused(const void* thing) {
  int result = refusal;
  return result == 0 ? (int64_t)thing_size(thing) : result;
}

void* thing_interior(void* thing, size_t offset) {
  lock();
  Slot* slot = expect_alive(thing);
  void* interior = slot == NULL || offset >= slot->bytes ? NULL : slot->address + offset;
  unlock();
  return interior;
}

// The id of the living thing that `interior` points into. Slow: it looks at every thing.
int64_t thing_owner_id(const void* interior) {
  uintptr_t at = (uintptr_t)interior;
  int64_t id = -1;
  lock();
  for (size_t i = 0; i < capacity; i++) {
    uintptr_t start = (uintptr_t)slots[i].address;
    if (slots[i].alive && at >= start && at - start < slots[i].bytes) id = slots[i].id;
  }
  if (id == -1) count(kFreedUnderfoot, 1);
  unlock();
  return id;
}

// Like realloc(): the same thing, id and all, at another address if it had to grow.
void* thing_grow(void* thing, size_t bytes) {
  if (thing == NULL) return make(NULL, bytes);
  char* block = block_new(bytes);
  if (block == NULL) return NULL;
  lock();
  Slot* slot = expect_alive(thing);
  if (slot == NULL || bytes <= slot->bytes) {
    if (slot != NULL) {
      count_bytes((int64_t)bytes - (int64_t)slot->bytes);
      slot->bytes = bytes;
    }
    unlock();
    free(block);
    return slot == NULL ? NULL : thing;
  }
  orphan_children(slot);
  Slot old = *slot;
  *slot = (Slot){.address = old.address};
  memcpy(block, old.address, old.bytes);
  Slot* moved = insert(block, bytes, old.id);
  moved->buffer = old.buffer;
  moved->buffer_bytes = old.buffer_bytes;
  moved->parent = old.parent;
  count_bytes((int64_t)bytes - (int64_t)old.bytes);
  unlock();
  free(old.address);
  return block;
}

// The thing stays where it is; a buffer of its own grows by `bytes`.
void thing_enlarge(void* thing, size_t bytes) {
  if (bytes == 0 || bytes > kTooManyBytes) return;
  lock();
  Slot* slot = expect_alive(thing);
  char* buffer = slot == NULL ? NULL : realloc(slot->buffer, slot->buffer_bytes + bytes);
  if (buffer != NULL) {
    touch(buffer, slot->buffer_bytes, slot->buffer_bytes + bytes);
    slot->buffer = buffer;
    slot->buffer_bytes += bytes;
    count_bytes((int64_t)bytes);
  }
  unlock();
}

// ---- Parents and children ----

void* parent_new(size_t bytes) { return make(NULL, bytes); }

void parent_free(void* parent) { end(parent, kAnySize); }

void* child_new(void* parent, size_t bytes) { return parent == NULL ? NULL : make(parent, bytes); }

void child_free(void* child) { end(child, kAnySize); }

// ---- Handles: integers from 0, few ----

enum { kHandles = 20 };
static _Atomic bool handles[kHandles];

// Returns -1 where there is none left.
int handle_open(void) {
  for (int i = 0; i < kHandles; i++) {
    if (!atomic_exchange(&handles[i], true)) {
      count(kMade, 1);
      count(kLive, 1);
      return i;
    }
  }
  return -1;
}

// Returns 0, or -1 for one that is not open.
int handle_close(int handle) {
  if (handle < 0 || handle >= kHandles || !atomic_exchange(&handles[handle], false)) {
    count(kDoubleFrees, 1);
    return -1;
  }
  count(kFreed, 1);
  count(kLive, -1);
  return 0;
}

// Opens two, and returns 0, or -1 where there are not two left.
int handle_pair(int* pair) {
  pair[0] = handle_open();
  pair[1] = handle_open();
  if (pair[1] >= 0) return 0;
  if (pair[0] >= 0) handle_close(pair[0]);
  pair[0] = -1;
  return -1;
}

// Closes one, and opens another in its place.
int handle_swap(int* handle) {
  const int closed = handle_close(*handle);
  *handle = handle_open();
  return closed;
}

int64_t handle_wide(void) { return handle_open(); }

// Whether it is open.
int handle_is_open(int handle) { return handle >= 0 && handle < kHandles && handles[handle]; }

typedef struct {
  int handle;
  int code;
} HandleCode;

int handle_code(const HandleCode* found) { return handle_is_open(found->handle) ? found->code : -1; }

// Frees a child, which is an orphan unless that is its parent and alive.
void child_drop(void* parent, void* child) {
  lock();
  Slot* slot = slot_of(child);
  const bool is_right = parent != NULL && slot->address == child && slot->parent == parent;
  unlock();
  if (!is_right || id_if_alive(parent) < 0) count(kOrphans, 1);
  end(child, kAnySize);
}

// ---- Calls during which the caller must not free ----

int thing_call(void* thing, int (*callback)(void* thing, int value), int value) {
  int64_t before = id_if_alive(thing);
  int result = callback(thing, value);
  int64_t after = before == -1 ? -1 : id_if_alive(thing);
  if (after != -1 && after != before) count(kFreedUnderfoot, 1);
  return result;
}

// Makes things and gives them away.
int things_each(int count, size_t bytes, void (*give)(void* thing)) {
  for (int i = 0; i < count; i++) give(make(NULL, bytes));
  return count;
}

// Makes three things and gives them away at once.
void things_three(size_t bytes, void (*give)(void* first, void* second, void* third)) {
  give(make(NULL, bytes), make(NULL, bytes), make(NULL, bytes));
}

// What a callback that sets no result returns is what is left on the stack: let that be no thing.
static __attribute__((noinline)) void poison_stack(void) {
  char below[4096];
  memset(below, 0x10, sizeof below);
  __asm__ volatile("" : : "r"(below) : "memory");
}

// Stores a callback for later, with what it is to get.
static int (*kept)(void* data, int value);
static void* kept_data;

void callback_keep(void* thing, int (*callback)(void* data, int value), void* data) {
  (void)thing;
  kept = callback;
  kept_data = data;
}

int callback_call(int value) { return kept == NULL ? -1 : kept(kept_data, value); }

// Gives another thing, whatever it is given.
void* thing_despite(void* (*take)(int value), int value, void** stored) {
  end(take(value), kAnySize);
  *stored = make(NULL, 10);
  return make(NULL, 10);
}

void int_from(int (*take)(int value), int value, int* taken) {
  poison_stack();
  *taken = take(value);
}

// Takes a thing, and frees it. Returns its id; 0 for NULL.
int64_t thing_from(void* (*take)(int value), int value) {
  poison_stack();
  void* thing = take(value);
  if (thing == NULL) return 0;
  const int64_t id = id_if_alive(thing);
  end(thing, kAnySize);
  return id;
}

static atomic_int sleeping;
static atomic_int woken;

// How many calls wait for wake_one(), which lets one of them go on.
int count_sleeping(void) { return sleeping; }
void wake_one(void) { woken++; }

static void sleep_until_woken(void) {
  sleeping++;
  for (;;) {
    int calls = woken;
    if (calls > 0 && atomic_compare_exchange_strong(&woken, &calls, calls - 1)) break;
    sleep_ms(1);
  }
  sleeping--;
}

// Sleeps, until it is woken if `ms` is negative; then adds up the ones that touch() wrote: the result is the
// number of the thing's pages, -1 if it is gone.
int thing_sum_slow(void* thing, int ms) {
  int64_t before = id_if_alive(thing);
  if (before == -1) return -1;
  if (ms < 0) {
    sleep_until_woken();
  } else {
    sleep_ms(ms);
  }
  int sum = 0;
  lock();
  Slot* slot = expect_alive(thing);
  if (slot == NULL) {
    sum = -1;
  } else if (slot->id != before) {
    count(kFreedUnderfoot, 1);
    sum = -1;
  } else {
    for (size_t i = 0; i < slot->bytes; i += kPage) sum += slot->address[i];
  }
  unlock();
  return sum;
}

// Frees the thing when it is woken.
void thing_free_woken(void* thing) {
  sleep_until_woken();
  end(thing, kAnySize);
}

// Reads the caller's memory after a while: garbage when the caller let go of it.
int64_t bytes_sum_slow(const uint8_t* bytes, size_t length, int ms) {
  sleep_ms(ms);
  int64_t sum = 0;
  for (size_t i = 0; i < length; i++) sum += bytes[i];
  return sum;
}

// ---- Out parameters; 0 is success ----

int thing_make(void** out, size_t bytes) {
  *out = make(NULL, bytes);
  return *out == NULL;
}

int thing_replace(void** inout, size_t bytes) {
  void* thing = thing_grow(*inout, bytes);
  if (thing == NULL) return 1;
  *inout = thing;
  return 0;
}

// What C gives and takes by outcome. Gives a thing for 0; for others `known`, which stays whose it is.
int thing_find(int outcome, void* known, void** out) {
  *out = outcome == 0 ? make(NULL, 16) : known;
  return outcome;
}

void* thing_found(int outcome, void* known, int* given) {
  *given = outcome == 0;
  return outcome == 0 ? make(NULL, 16) : known;
}

// Takes the thing for 0.
int thing_take(void* thing, int outcome) {
  if (outcome == 0) end(thing, kAnySize);
  return outcome;
}

// Takes what is there for 0 and 1, and gives another for 0 and 2.
int thing_swap(void** inout, int outcome) {
  if (outcome <= 1) end(*inout, kAnySize);
  if (outcome == 0 || outcome == 2) *inout = make(NULL, 16);
  if (outcome == 1) *inout = NULL;
  return outcome;
}

// ---- Pointers inside ----

int things_values(void** things, int count) {
  int sum = 0;
  for (int i = 0; i < count; i++) sum += (i + 1) * thing_value(things[i]);
  return sum;
}

typedef struct {
  void* first;
  void* second;
  int ms;
} Pair;

int pair_values(const Pair* pair) {
  void* things[] = {pair->first, pair->second};
  if (pair->ms > 0) sleep_ms(pair->ms);
  return things_values(things, 2);
}

// Exchanges the first of the one with the second of the other, which is the same one for NULL.
void pair_swap(Pair* one, Pair* other) {
  if (other == NULL) other = one;
  void* first = one->first;
  one->first = other->second;
  other->second = first;
}

int pair_values_by_value(Pair pair) { return pair_values(&pair); }

int pair_call(const Pair* pair, int (*callback)(void* thing, int value)) {
  int result = callback(NULL, 0);
  return pair_values(pair) < 0 ? -1 : result;
}

typedef struct {
  int n;
  Pair pair;
  void* list[2];
  const Pair* more;
} Outer;

int outer_values(const Outer* outer) {
  return pair_values(&outer->pair) + 10 * things_values((void**)outer->list, outer->n) +
         100 * pair_values(outer->more);
}

// Fills an array.
int thing_fill(void** array, int count, size_t bytes) {
  for (int i = 0; i < count; i++) array[i] = make(NULL, bytes);
  return count;
}

// ---- Structs that own ----

// Members that are owned.
typedef struct {
  void* first;
  int count;
  struct {
    void* list[2];
  } more;
} Gift;

Gift gift_of(void* parent, size_t bytes) {
  return (Gift){make(parent, bytes), 3, {{make(parent, bytes), bytes > 100 ? NULL : make(parent, bytes)}}};
}

Gift gift_new(size_t bytes) { return gift_of(NULL, bytes); }

// Gives it if `outcome` is 0.
int gift_fill(Gift* gift, int count, size_t bytes, int outcome) {
  for (int i = 0; i < count; i++) gift[i] = outcome == 0 ? gift_new(bytes) : (Gift){.first = (void*)16};
  return outcome;
}

// Owned as a whole: by value, or where it is.
typedef struct {
  uint64_t length;
  char* text;
  void* thing;
  float part;
} Holder;

Holder holder_new(size_t bytes) { return (Holder){bytes, (char*)"text", make(NULL, bytes), 0.5F}; }

int holder_init(Holder* holder, int count, size_t bytes, int outcome) {
  for (int i = 0; i < count; i++) holder[i] = outcome == 0 ? holder_new(bytes + (size_t)i) : (Holder){0};
  return outcome;
}

// What is in it, or -1: `part` of the right one is 0.5.
int64_t holder_id(Holder holder) { return holder.part == 0.5F ? id_if_alive(holder.thing) : -1; }

int64_t holder_id_at(const Holder* holder) { return holder_id(*holder); }

void holder_free(Holder holder) { end(holder.thing, kAnySize); }

void holder_clear(Holder* holder) {
  end(holder->thing, kAnySize);
  holder->thing = NULL;
}

typedef struct {
  char* text;
  int code;
} Note;

Note thing_note(size_t length, int code) { return (Note){thing_text(length), code}; }

void thing_store_note(Note* note, size_t length, int code) { *note = thing_note(length, code); }

static void act(char letter, uint64_t argument) {
  void* thing = (void*)(uintptr_t)argument;
  void** place = thing;
  if (thing == NULL || letter == '.') return;
  if (letter == 'b') id_if_alive(thing);  // borrowed
  if (letter == 'e') thing_enlarge(thing, 8);
  if (letter == 't') end(thing, kAnySize);                                 // taken
  if (letter == 'z' || letter == 'r') end(*place, kAnySize);               // taken out of its place
  if (letter == 'g' && *place != NULL) *place = thing_grow(*place, 4096);  // taken and given back
  if (letter == 'n' || letter == 'z') *place = NULL;
  if (letter == 'o' || letter == 'r') *place = make(NULL, 16);  // given
  if (letter == 's') *place = thing_text(3);
}

// Any function: does to each argument what its letter in `script` says, and returns what the letter after '>'
// says. Arguments and results are integers and pointers, which all prototypes pass in the same places.
uint64_t thing_act(const char* script, uint64_t a, uint64_t b, uint64_t c, volatile uint64_t d) {
  uint64_t arguments[] = {a, b, c, 0};
  // On Windows it is on the stack, and where a prototype has not so many, there is nothing to read.
  size_t count = 0;
  for (; script[count] != '>'; count++) {
    if (count == 3) arguments[3] = d;
    act(script[count], arguments[count]);
  }
  char letter = script[count + 1];
  void* which = letter == 'c' || letter == 'i' ? (void*)(uintptr_t)arguments[script[count + 2] - '0'] : NULL;
  if (letter == 'o') return (uintptr_t)make(NULL, 16);
  if (letter == 'c') return (uintptr_t)make(which, 16);  // a child of that argument
  if (letter == 'i') return (uintptr_t)which;
  if (letter == 's') return (uintptr_t)thing_text(3);
  return 0;
}

// A plain malloc()ed string, not in the books: for free() of libc.
char* text_new(size_t length) {
  char* text = length >= kTooManyBytes ? NULL : malloc(length + 1);
  if (text == NULL) return NULL;
  memset(text, 'x', length);
  text[length] = '\0';
  return text;
}

// ---- Reading the books ----

int64_t counter(const char* name) {
  for (int i = 0; i < kCounters; i++) {
    if (strcmp(counter_names[i], name) == 0) return counters[i];
  }
  return -1;
}

// For a gauge.
int64_t live_bytes(void) { return counters[kLiveBytes]; }

void counters_reset(void) {
  lock();
  for (int i = 0; i < kCounters; i++) {
    if (i != kLive && i != kLiveBytes) counters[i] = 0;
  }
  counters[kPeakBytes] = counters[kLiveBytes];
  forget_dead();
  unlock();
}

// The id of the index-th thing freed since the last reset; -1 when it is not among the last 65536.
int64_t freed_id(int64_t index) {
  lock();
  int64_t freed = counters[kFreed];
  bool known = index >= 0 && index < freed && index >= freed - kLogLength;
  int64_t id = known ? freed_log[index % kLogLength] : -1;
  unlock();
  return id;
}

// When the library goes, at the end of the process or before, it writes its counters to the file that the
// environment names: by then no JavaScript could ask.
__attribute__((destructor)) static void write_report(void) {
  const char* path = getenv("COUNTING_REPORT");
  FILE* file = path == NULL ? NULL : fopen(path, "a");
  if (file == NULL) return;
  for (int i = 0; i < kCounters; i++) {
    fprintf(file, "%s\"%s\": %lld", i == 0 ? "{" : ", ", counter_names[i], (long long)counters[i]);
  }
  fputs("}\n", file);
  fclose(file);
}
