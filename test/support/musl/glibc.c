// What glibc has, and what Debian's C++ library asks for that Debian's musl does not have.

#define _GNU_SOURCE
#include <link.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

char __libc_single_threaded = 0;

// libgcc_s has them, in a version that musl does not look for.
unsigned __cpu_model[4];
int __cpu_indicator_init(void) { return 0; }

struct at_exit {
  void (*destroy)(void*);
  void* object;
  struct at_exit* next;
};
static __thread struct at_exit* first;
static pthread_key_t key;

static void leave(void* unused) {
  for (struct at_exit* each; (each = first) != NULL;) {
    first = each->next;
    each->destroy(each->object);
    free(each);
  }
}

__attribute__((constructor)) static void make_key(void) { pthread_key_create(&key, leave); }

int __cxa_thread_atexit_impl(void (*destroy)(void*), void* object, void* library) {
  struct at_exit* each = malloc(sizeof *each);
  if (each == NULL) return -1;
  *each = (struct at_exit){destroy, object, first};
  first = each;
  return pthread_setspecific(key, &key);
}

uint32_t arc4random(void) {
  uint32_t value;
  if (getrandom(&value, sizeof value, 0) != sizeof value) abort();
  return value;
}

size_t __strftime_l(char* to, size_t bytes, const char* format, const struct tm* time, locale_t locale) {
  return strftime_l(to, bytes, format, time, locale);
}

struct dl_find_object {
  unsigned long long flags;
  void *begin, *end, *map, *frames;
  unsigned long long reserved[7];
};

static int find(struct dl_phdr_info* info, size_t bytes, void* data) {
  struct dl_find_object* found = data;
  const uintptr_t pc = found->reserved[0];
  found->begin = found->frames = NULL;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr)* header = &info->dlpi_phdr[i];
    const uintptr_t at = info->dlpi_addr + header->p_vaddr;
    if (header->p_type == PT_GNU_EH_FRAME) found->frames = (void*)at;
    if (header->p_type != PT_LOAD || pc - at >= header->p_memsz) continue;
    found->begin = (void*)at;
    found->end = (void*)(at + header->p_memsz);
  }
  return found->begin != NULL && found->frames != NULL;
}

int _dl_find_object(void* pc, struct dl_find_object* found) {
  found->reserved[0] = (uintptr_t)pc;
  return dl_iterate_phdr(find, found) == 1 ? 0 : -1;
}
