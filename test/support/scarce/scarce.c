// To be preloaded: operator new that fails when it is told to, for the addon alone. What the addon asks for
// without std::nothrow would end the process when there is no memory, and is counted.

#define _GNU_SOURCE

#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static bool armed;
static int64_t asked;
static int64_t unchecked;
static int64_t first;
static int64_t last;

// Where the addon's code is.
static uintptr_t addon_start;
static uintptr_t addon_end;

static int find_addon(struct dl_phdr_info* object, size_t size, void* data) {
  (void)size;
  (void)data;
  if (strstr(object->dlpi_name, "ffi_tally") == NULL) return 0;
  for (int i = 0; i < object->dlpi_phnum; i++) {
    const ElfW(Phdr)* segment = &object->dlpi_phdr[i];
    if (segment->p_type != PT_LOAD || (segment->p_flags & PF_X) == 0) continue;
    addon_start = object->dlpi_addr + segment->p_vaddr;
    addon_end = addon_start + segment->p_memsz;
  }
  return 1;
}

static bool is_addon(const void* caller) {
  return (uintptr_t)caller >= addon_start && (uintptr_t)caller < addon_end;
}

static void* checked_new(size_t size, const void* caller) {
  if (armed && is_addon(caller)) {
    int64_t index = asked++;
    if (index >= first && index <= last) return NULL;
  }
  return malloc(size == 0 ? 1 : size);
}

static void* unchecked_new(size_t size, const void* caller) {
  if (armed && is_addon(caller)) unchecked++;
  void* block = malloc(size == 0 ? 1 : size);
  if (block == NULL) abort();
  return block;
}

// How C++ writes size_t.
#ifdef __LP64__
#define SIZE "m"
#else
#define SIZE "j"
#endif

void* new_one(size_t size) __asm__("_Znw" SIZE);
void* new_many(size_t size) __asm__("_Zna" SIZE);
void* new_one_nothrow(size_t size, const void* tag) __asm__("_Znw" SIZE "RKSt9nothrow_t");
void* new_many_nothrow(size_t size, const void* tag) __asm__("_Zna" SIZE "RKSt9nothrow_t");

void* new_one(size_t size) { return unchecked_new(size, __builtin_return_address(0)); }
void* new_many(size_t size) { return unchecked_new(size, __builtin_return_address(0)); }

void* new_one_nothrow(size_t size, const void* tag) {
  (void)tag;
  return checked_new(size, __builtin_return_address(0));
}
void* new_many_nothrow(size_t size, const void* tag) {
  (void)tag;
  return checked_new(size, __builtin_return_address(0));
}

// From now on the addon's allocations number `from` to `to` fail, counted from zero.
void scarce_arm(int64_t from, int64_t to) {
  if (dl_iterate_phdr(find_addon, NULL) == 0) abort();
  asked = 0;
  unchecked = 0;
  first = from;
  last = to;
  armed = true;
}

void scarce_disarm(void) { armed = false; }
int64_t scarce_asked(void) { return asked; }
int64_t scarce_unchecked(void) { return unchecked; }
