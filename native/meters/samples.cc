#include "meters/samples.h"

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

#include "base/hash.h"
#include "base/spin_lock.h"
#include "meters/module.h"
#include "meters/process_modules.h"

#if defined(TALLY_HAS_ELF_MODULES)
#include <unwind.h>
#endif

namespace tally {

std::atomic<uint32_t> Samples::run_{0};

namespace {

constexpr int kMostFrames = 32;
// Of very many sites the last ones are all the same, the site 0.
constexpr size_t kMostSites = size_t{1} << 17;
// Of a call with more samples, or of calls that nobody watches, the first ones are of an unknown stack.
constexpr size_t kMostPending = 4096;
// Numbers of threads, which stand for the stack of the call that is running there, begin here.
constexpr uint32_t kUnknown = uint32_t{1} << 31;

struct Pending {
  uint64_t address;
  uint64_t bytes;
  uint32_t site;
};

// Without constructors, so that reading it needs no guard.
struct Thread {
  uint32_t run;     // the profile that the rest is of
  uint32_t number;  // of the thread
  bool is_inside;   // what is allocated now is the profile's own
  uint64_t random;
  Pending* pending;  // of the call that is running
  size_t count;
};
thread_local Thread current;

struct Frozen {
  std::unique_ptr<char[]> bytes;
  size_t length = 0;
};

struct Profile {
  double mean = 1;
  uint64_t seed = 0;
  uint32_t run = 0;
  uint32_t threads = 0;
  double live = 0;
  double peak = 0;
  uint32_t peaks = 0;
  FallibleVector<Samples::Site> sites;  // the first is that of what has no other one
};

SpinLock lock;
BlockTable live;   // by address; the account is the run of the profile and the number of the site
BlockTable known;  // sites by their two stacks; the account is their number
BlockTable named;  // stacks, which stay for ever, by hash; the account is their number
uint32_t runs = 0;

Profile& Current() {
  static Profile& profile = *new Profile;
  return profile;
}

FallibleVector<Frozen>& Stacks() {
  static FallibleVector<Frozen>& stacks = *new FallibleVector<Frozen>;
  return stacks;
}

// While it lives, nobody else uses the profile, and what this thread allocates is no sample.
class Locked {
 public:
  Locked() : was_inside_(current.is_inside) {
    current.is_inside = true;
    if (!was_inside_) lock.lock();
  }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;
  ~Locked() {
    if (!was_inside_) lock.unlock();
    current.is_inside = was_inside_;
  }
  Profile* operator->() const { return &Current(); }

 private:
  bool was_inside_;  // it forks
};

// splitmix64
uint64_t Next(uint64_t* state) {
  uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
  z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
  return z ^ z >> 31;
}

// Bytes until the next sample.
double Draw(uint64_t* random, double mean) {
  const double share = static_cast<double>(Next(random) >> 11) * 0x1p-53;  // at least 0, below 1
  return -std::log1p(-share) * mean;  // log() has a newer version than the oldest glibc of Node 18
}

Samples::Weight WeightOf(uint64_t bytes, double mean) {
  const auto size = static_cast<double>(bytes);
  const double chance = -std::expm1(-size / mean);
  return {size / chance, 1 / chance};
}

void Add(Samples::Weight* to, const Samples::Weight& more, double sign = 1) {
  to->bytes += sign * more.bytes;
  to->blocks += sign * more.blocks;
}

// The number of that stack, from 1 on; 0 without memory.
uint32_t NumberOf(const void* bytes, size_t length) {
  FallibleVector<Frozen>* const all = &Stacks();
  const uint64_t hash = HashOf(bytes, length);
  if (const BlockTable::Entry entry = named.Find(hash); entry.key != 0)
    return static_cast<uint32_t>(entry.account);
  if (all->size() >= kMostSites || !all->Reserve(1)) return 0;
  Frozen frozen{std::unique_ptr<char[]>(new (std::nothrow) char[length]), length};
  if (frozen.bytes == nullptr) return 0;
  std::memcpy(frozen.bytes.get(), bytes, length);
  all->Push(std::move(frozen));
  named.Put(hash, 0, all->size());
  return static_cast<uint32_t>(all->size());
}

uint32_t SiteOf(Profile* profile, uint32_t native, uint32_t stack) {
  const uint64_t key = (uint64_t{native} << 32 | stack) + 1;  // never 0
  if (const BlockTable::Entry entry = known.Find(key); entry.key != 0)
    return static_cast<uint32_t>(entry.account);
  if (profile->sites.size() >= kMostSites || !profile->sites.Reserve(1)) return 0;
  Samples::Site site;
  site.native = native;
  site.stack = stack;
  site.peaks = profile->peaks;
  profile->sites.Push(site);
  known.Put(key, 0, profile->sites.size() - 1);
  return static_cast<uint32_t>(profile->sites.size() - 1);
}

uint64_t AccountOf(const Profile& profile, uint32_t site) { return uint64_t{profile.run} << 32 | site; }
uint32_t SiteNumber(const BlockTable::Entry& entry) { return static_cast<uint32_t>(entry.account); }

// What the site had at the last peak is what it has, unless it has changed since.
void KeepPeak(Profile* profile, Samples::Site* site) {
  if (site->peaks == profile->peaks) return;
  site->at_peak = site->live;
  site->peaks = profile->peaks;
}

void AddLive(Profile* profile, Samples::Site* site, const Samples::Weight& weight) {
  KeepPeak(profile, site);
  Add(&site->live, weight);
  site->samples++;
  profile->live += weight.bytes;
  if (profile->live <= profile->peak) return;
  profile->peak = profile->live;
  profile->peaks++;
}

void RemoveLive(Profile* profile, const BlockTable::Entry& entry) {
  Samples::Site* site = &profile->sites[SiteNumber(entry)];
  KeepPeak(profile, site);
  const Samples::Weight weight = WeightOf(entry.bytes, profile->mean);
  profile->live -= weight.bytes;
  Add(&site->live, weight, -1);
  if (--site->samples == 0) site->live = {};  // sums of fractions leave something
}

// All that the site `from` has belongs to `to`.
void Move(Profile* profile, Samples::Site* from, Samples::Site* to) {
  KeepPeak(profile, from);
  KeepPeak(profile, to);
  Add(&to->allocated, from->allocated);
  Add(&to->live, from->live);
  Add(&to->at_peak, from->at_peak);
  Add(&to->temporary, from->temporary);
  to->samples += from->samples;
  from->allocated = from->live = from->at_peak = from->temporary = {};
  from->samples = 0;
}

#if defined(TALLY_HAS_ELF_MODULES)
// Whether nothing can be unwound from there: for arm64 Koffi says wrongly where it has saved registers, and
// to follow that is a crash. What is beyond an addon is JavaScript.
bool IsLast([[maybe_unused]] uintptr_t address) {
#ifdef __aarch64__
  const char* file = "";
  const char* name = "";
  static const uintptr_t own = FindCode(reinterpret_cast<uintptr_t>(&IsLast), &file, &name);
  const uintptr_t base = FindCode(address - 1, &file, &name);
  return base != own && Ends(file, ".node");
#else
  return false;
#endif
}
#endif

size_t Unwind(void** frames) {
#if defined(TALLY_HAS_ELF_MODULES)
  struct Found {
    void** frames;
    size_t count;
  } found{frames, 0};
  const auto add = [](_Unwind_Context* context, void* to) {
    auto* all = static_cast<Found*>(to);
    if (all->count == kMostFrames) return _URC_END_OF_STACK;
    const uintptr_t address = _Unwind_GetIP(context);
    all->frames[all->count++] = reinterpret_cast<void*>(address);
    return IsLast(address) ? _URC_END_OF_STACK : _URC_NO_REASON;
  };
  _Unwind_Backtrace(add, &found);
  return found.count;
#elif defined(TALLY_HAS_PE_MODULES)
  return CaptureStackBackTrace(0, kMostFrames, frames, nullptr);
#else
  (void)frames;
  return 0;
#endif
}

// The first that this thread allocates under the profile `run`.
void Enter(Thread* thread, uint32_t run, double* block) {
  const Locked profile;
  thread->run = run;
  thread->count = 0;
  thread->number = ++profile->threads;
  thread->random = profile->seed + UINT64_C(0x632be59bd9b4e019) * thread->number;
  block[CountedBlocks::kRun] = run;
  block[CountedBlocks::kUntil] = Draw(&thread->random, profile->mean);
}

// What waits in that thread was made from there. REQUIRES: it is of this profile.
void Settle(Profile* profile, Thread* thread, uint32_t stack) {
  for (size_t i = 0; i < thread->count; i++) {
    const Pending& pending = thread->pending[i];
    const uint32_t native = profile->sites[pending.site].native;
    const uint32_t to = SiteOf(profile, native, stack);
    Samples::Site* site = &profile->sites[to];
    const BlockTable::Entry entry = live.Find(pending.address);
    if (entry.key != 0 && SiteNumber(entry) == pending.site) {
      live.Put(entry.key, entry.bytes, AccountOf(*profile, to));
    } else {
      Add(&site->temporary, WeightOf(pending.bytes, profile->mean));
    }
    Move(profile, &profile->sites[pending.site], site);
  }
  std::free(thread->pending);  // NOLINT(*-no-malloc)
  thread->pending = nullptr;
  thread->count = 0;
}

void Wait(Thread* thread, const Pending& pending, double* block) {
  constexpr size_t kLeast = 16;
  const size_t count = thread->count;
  if (count == 0 || (count >= kLeast && (count & (count - 1)) == 0)) {
    const size_t capacity = count == 0 ? kLeast : count * 2;
    // NOLINTNEXTLINE(*-no-malloc): it has no destructor, which threads would have to run
    void* larger = std::realloc(thread->pending, capacity * sizeof(Pending));
    if (larger == nullptr) return;
    thread->pending = static_cast<Pending*>(larger);
  }
  thread->pending[thread->count++] = pending;
  block[CountedBlocks::kSamples] = static_cast<double>(thread->count);
  block[CountedBlocks::kOthers]++;  // so that calls which count exactly look
}

}  // namespace

bool Samples::Begin(double mean, uint64_t seed) {
  void* frames[kMostFrames];
  (void)Unwind(frames);  // which loads a library the first time
  const Locked profile;
  if (IsOn()) return false;
  live.Clear();
  known.Clear();
  Current() = Profile();
  profile->mean = mean;
  profile->seed = seed;
  if (!profile->sites.Extend(1)) return false;
  profile->run = ++runs;
  run_.store(profile->run, std::memory_order_release);
  Listeners::Add(Listeners::kSamples);
  return true;
}

void Samples::Stop() {
  const Locked profile;
  Listeners::Remove(Listeners::kSamples);
  run_.store(0, std::memory_order_release);
}

bool Samples::Sample(uint64_t address, uint64_t bytes, double* block, bool is_due) {
  Thread* const thread = &current;
  const uint32_t run = run_.load(std::memory_order_acquire);
  if (thread->is_inside || run == 0) return false;
  if (!is_due) {
    Enter(thread, run, block);
    if ((block[CountedBlocks::kUntil] -= static_cast<double>(bytes)) > 0) return false;
  }
  thread->is_inside = true;
  void* frames[kMostFrames];
  const size_t count = Unwind(frames);
  thread->is_inside = false;
  const bool is_called = CountedBlocks::IsOfJavaScript();

  const Locked profile;
  block[CountedBlocks::kUntil] = Draw(&thread->random, profile->mean);
  if (run != run_.load(std::memory_order_relaxed)) return false;
  if (thread->count == kMostPending) Settle(&Current(), thread, 0);
  const uint32_t native = NumberOf(frames, count * sizeof(void*));
  const uint32_t site = SiteOf(&Current(), native, is_called ? kUnknown + thread->number : 0);
  const BlockTable::Entry before = live.Put(address, bytes, AccountOf(Current(), site));
  if (before.key != 0) RemoveLive(&Current(), before);  // nobody saw that it was freed
  const Weight weight = WeightOf(bytes, profile->mean);
  Add(&profile->sites[site].allocated, weight);
  AddLive(&Current(), &profile->sites[site], weight);
  if (is_called && site != 0) Wait(thread, {address, bytes, site}, block);
  return true;
}

BlockTable::Entry Samples::Take(uint64_t address) {
  const Locked profile;
  const BlockTable::Entry entry = live.Take(address);
  if (entry.key != 0) RemoveLive(&Current(), entry);
  return entry;
}

void Samples::PutBack(const BlockTable::Entry& entry) {
  const Locked profile;
  if (entry.account >> 32 != profile->run) return;  // another profile has begun meanwhile
  live.Put(entry.key, entry.bytes, entry.account);
  AddLive(&Current(), &profile->sites[SiteNumber(entry)], WeightOf(entry.bytes, profile->mean));
}

uint32_t Samples::StackOf(const char* text, size_t length) {
  const Locked profile;
  return NumberOf(text, length);
}

void Samples::CalledFrom(uint32_t stack) {
  CountedBlocks::ThreadBlock()[CountedBlocks::kSamples] = 0;
  Thread* const thread = &current;
  const Locked profile;
  if (thread->run != run_.load(std::memory_order_relaxed)) thread->count = 0;  // they are of another profile
  Settle(&Current(), thread, stack);
}

bool Samples::Read(FallibleVector<Site>* sites) {
  const Locked profile;
  if (!sites->Reserve(profile->sites.size())) return false;
  for (Site site : profile->sites) {
    KeepPeak(&Current(), &site);
    if (site.stack >= kUnknown) site.stack = 0;
    sites->Push(site);
  }
  return true;
}

Samples::Bytes Samples::Stack(uint32_t number) {
  const Locked profile;
  if (number == 0 || number > Stacks().size()) return {};
  const Frozen& stack = Stacks()[number - 1];
  return {stack.bytes.get(), stack.length};
}

void Samples::LockAll() {
  lock.lock();
  current.is_inside = true;
  live.LockAll();
}

void Samples::UnlockAll() {
  live.UnlockAll();
  current.is_inside = false;
  lock.unlock();
}

}  // namespace tally
