#include "meters/meter_functions.h"

#include <array>
#include <cstring>
#include <utility>

namespace tally {

namespace {

template <int Index>
struct Functions {
  static Meter& meter() { return *Meter::At(Index); }

  static void* Malloc(size_t bytes) { return meter().Allocate(bytes); }
  static void* Calloc(size_t count, size_t size) { return meter().AllocateZeroed(count, size); }
  static void* Realloc(void* block, size_t bytes) { return meter().Reallocate(block, bytes); }
  static void Free(void* block) { meter().Free(block); }
  static char* Strdup(const char* string) {
    const size_t bytes = std::strlen(string) + 1;
    void* copy = meter().Allocate(bytes);
    return copy == nullptr ? nullptr : static_cast<char*>(std::memcpy(copy, string, bytes));
  }
  static void* SizedRealloc(void* block, size_t, size_t bytes) { return meter().Reallocate(block, bytes); }
  static void SizedFree(void* block, size_t) { meter().Free(block); }
  static void* ContextMalloc(void*, size_t bytes) { return meter().Allocate(bytes); }
  static void* ContextCalloc(void*, unsigned count, unsigned size) {
    return meter().AllocateZeroed(count, size);
  }
  static void* ContextRealloc(void*, void* block, size_t bytes) { return meter().Reallocate(block, bytes); }
  static void* ContextSizedRealloc(void*, long, long bytes, void* block) {
    return meter().Reallocate(block, static_cast<size_t>(bytes));
  }
  static void ContextFree(void*, void* block) { meter().Free(block); }
  static void* Single(void*, void* block, size_t, size_t bytes) {
    if (block == nullptr && bytes == 0) return nullptr;
    return meter().Reallocate(block, bytes);
  }

  static void* SqliteMalloc(int bytes) { return meter().Allocate(static_cast<size_t>(bytes)); }
  static void* SqliteRealloc(void* block, int bytes) {
    return meter().Reallocate(block, static_cast<size_t>(bytes));
  }
  static int SqliteSize(void* block) { return static_cast<int>(Meter::SizeOf(block)); }
  static int SqliteRoundUp(int bytes) { return (bytes + 7) & ~7; }
  static int SqliteInit(void*) { return 0; }
  static void SqliteShutDown(void*) {}

  static constexpr MeterFunctions kAll = {
      Malloc,
      Calloc,
      Realloc,
      Free,
      Strdup,
      SizedRealloc,
      SizedFree,
      ContextMalloc,
      ContextCalloc,
      ContextRealloc,
      ContextFree,
      ContextSizedRealloc,
      Single,
      {SqliteMalloc, Free, SqliteRealloc, SqliteSize, SqliteRoundUp, SqliteInit, SqliteShutDown, nullptr},
      {Malloc, Realloc, Free},
  };
};

template <int... Indexes>
constexpr std::array<const MeterFunctions*, sizeof...(Indexes)> Table(
    std::integer_sequence<int, Indexes...>) {
  return {&Functions<Indexes>::kAll...};
}

constexpr auto kTable = Table(std::make_integer_sequence<int, Meter::kMeters>{});

}  // namespace

const MeterFunctions& FunctionsOf(const Meter& meter) { return *kTable[static_cast<size_t>(meter.index())]; }

}  // namespace tally
