#include "meters/checked_blocks.h"

#include <array>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <new>
#include <utility>

#ifndef _WIN32
#include <pthread.h>
#endif

namespace tally {

namespace {

struct Entry {
  uintptr_t address = 0;  // 0: empty
  Meter* meter = nullptr;
  bool freed = false;
};

// Open addressing: what is freed stays where it is, so a search never meets a hole that it should not.
struct Table {
  std::mutex mutex;
  std::unique_ptr<Entry[]> entries;
  size_t capacity = 0;  // a power of two, or 0
  size_t used = 0;      // entries that are not empty
  size_t live = 0;

  static size_t Hash(uintptr_t address) { return (address >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 20; }

  // The entry of that address, or the empty one where it would go. REQUIRES: there is an empty one.
  Entry& Find(uintptr_t address) const {
    size_t i = Hash(address) & (capacity - 1);
    while (entries[i].address != 0 && entries[i].address != address) i = (i + 1) & (capacity - 1);
    return entries[i];
  }

  // Makes room for one more. What is freed is forgotten when room is made.
  bool Reserve() {
    if (capacity != 0 && used + 1 <= capacity / 4 * 3) return true;
    size_t next = 256;
    while (next / 4 < live + 1) next *= 2;
    std::unique_ptr<Entry[]> old(new (std::nothrow) Entry[next]);
    if (old == nullptr) return false;
    std::swap(old, entries);
    const size_t old_capacity = std::exchange(capacity, next);
    used = live;
    for (size_t i = 0; i < old_capacity; i++) {
      if (old[i].address != 0 && !old[i].freed) Find(old[i].address) = old[i];
    }
    return true;
  }
};

constexpr size_t kTables =
    32;  // one thread locks all, and ThreadSanitizer knows no more than 64 locks of one
constexpr size_t kReports = 256;

// Process-wide on purpose, and never destroyed: C frees until the very end.
struct State {
  std::array<Table, kTables> tables;
  std::mutex mutex;
  std::array<CheckedBlocks::Report, kReports> reports;
  size_t first = 0;
  size_t count = 0;
};

State& TheState() {
  static State& state = *new State;
  return state;
}

// Whether this thread holds every lock, because it forks. What is called meanwhile may allocate.
thread_local bool forking = false;

std::unique_lock<std::mutex> Lock(std::mutex& mutex) {
  return forking ? std::unique_lock<std::mutex>(mutex, std::defer_lock) : std::unique_lock<std::mutex>(mutex);
}

#ifndef _WIN32

void LockAll() {
  State& state = TheState();
  for (Table& table : state.tables) table.mutex.lock();
  state.mutex.lock();
  forking = true;
}

void UnlockAll() {
  State& state = TheState();
  forking = false;
  state.mutex.unlock();
  for (Table& table : state.tables) table.mutex.unlock();
}

#endif

Table& TableOf(uintptr_t address) { return TheState().tables[Table::Hash(address) >> 20 & (kTables - 1)]; }

void Note(const CheckedBlocks::Report& report) {
  State& state = TheState();
  const auto lock = Lock(state.mutex);
  if (state.count == kReports) return;
  state.reports[(state.first + state.count) % kReports] = report;
  state.count++;
}

}  // namespace

bool CheckedBlocks::Begin() {
#ifdef _WIN32
  return true;
#else
  // A child that is forked while another thread holds a lock would wait for ever for a thread that it does
  // not have.
  static const bool begun = pthread_atfork(LockAll, UnlockAll, UnlockAll) == 0;
  return begun;
#endif
}

bool CheckedBlocks::Add(void* block, Meter* meter) {
  const auto address = reinterpret_cast<uintptr_t>(block);
  Table& table = TableOf(address);
  const auto lock = Lock(table.mutex);
  if (!table.Reserve()) return false;
  Entry& entry = table.Find(address);
  if (entry.address == 0) table.used++;
  // Known as live: plain free() has freed it, and it has come again.
  if (entry.address == 0 || entry.freed) table.live++;
  entry = {address, meter, false};
  return true;
}

CheckedBlocks::Found CheckedBlocks::Take(void* block, Meter* meter, Meter** owner) {
  const auto address = reinterpret_cast<uintptr_t>(block);
  Report report{Found::kForeign, address, meter, nullptr};
  {
    Table& table = TableOf(address);
    const auto lock = Lock(table.mutex);
    if (table.capacity != 0) {
      Entry& entry = table.Find(address);
      report.of = entry.meter;
      if (entry.address != 0 && entry.freed) report.found = Found::kFreed;
      if (entry.address != 0 && !entry.freed) {
        report.found = entry.meter == meter ? Found::kOwn : Found::kOther;
        *owner = entry.meter;
        entry.freed = true;
        table.live--;
      }
    }
  }
  if (report.found != Found::kOwn) Note(report);
  return report.found;
}

bool CheckedBlocks::NextReport(Report* report) {
  State& state = TheState();
  const auto lock = Lock(state.mutex);
  if (state.count == 0) return false;
  *report = state.reports[state.first];
  state.first = (state.first + 1) % kReports;
  state.count--;
  return true;
}

}  // namespace tally
