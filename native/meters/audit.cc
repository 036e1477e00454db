#include "meters/audit.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <mutex>

#include "base/hash.h"
#include "base/spin_lock.h"
#include "meters/counted_blocks.h"
#include "meters/held_pointers.h"

namespace tally {

std::atomic<uint32_t> Audit::count_{0};
std::atomic<uint32_t> Audit::elsewhere_{0};

namespace {

using Field = CountedBlocks::Field;

struct Maker {
  std::atomic<int64_t> made_bytes{0};
  std::atomic<int64_t> made_blocks{0};
  std::atomic<int64_t> freed_bytes{0};
  std::atomic<int64_t> freed_blocks{0};
  std::atomic<int64_t> calls{0};
  std::atomic<int64_t> keeping{0};
  std::atomic<int64_t> kept{0};
  std::atomic<int64_t> returned{0};
  std::atomic<int64_t> whole{0};
  std::atomic<int64_t> tracked{0};
  std::atomic<int64_t> tracked_bytes{0};
  std::atomic<int64_t> adopted{0};
  std::atomic<uint32_t> renamed{0};
  char* text = nullptr;
  size_t length = 0;
};

constexpr uint32_t kChunk = 1024;
constexpr uint32_t kChunks = 256;
std::atomic<Maker*> chunks[kChunks];

BlockTable blocks;  // the account of each is its maker and what is known of it
constexpr uint64_t kReturned = uint64_t{1} << 62;
constexpr uint64_t kTracked = uint64_t{1} << 61;
constexpr uint64_t kFlags = kReturned | kTracked;
// Between the maker and these is the call that made the block.
constexpr int kCallShift = 32;
constexpr uint64_t kCalls = (uint64_t{1} << 28) - 1;

// Blocks that were returned, with what the call has kept, where that is more than the block: an object of
// several.
BlockTable objects;

constexpr uint64_t kWord = 8;

std::mutex& Naming() {
  static std::mutex& mutex = *new std::mutex;
  return mutex;
}
BlockTable names;  // by hash

// By Done, packed into a key; the bytes are its amount.
BlockTable acts;
SpinLock acts_lock;
FallibleVector<uint64_t>& ActKeys() {
  static FallibleVector<uint64_t>& keys = *new FallibleVector<uint64_t>;
  return keys;
}

uint64_t KeyOf(uint32_t maker, uint32_t by, Audit::Act act) {
  return uint64_t{maker} << 34 | uint64_t{by} << 2 | static_cast<uint64_t>(act);
}

// REQUIRES: there is one of that number.
Maker& At(uint32_t id) {
  return chunks[(id - 1) / kChunk].load(std::memory_order_acquire)[(id - 1) % kChunk];
}

// The maker of that number or of its new name; nullptr for 0.
Maker* Find(uint32_t id) {
  for (;;) {
    if (id == 0) return nullptr;
    Maker* maker = &At(id);
    const uint32_t renamed = maker->renamed.load(std::memory_order_acquire);
    if (renamed == 0) return maker;
    id = renamed;
  }
}

uint32_t IdOf(uint64_t account) { return static_cast<uint32_t>(account & ~kFlags); }

template <typename T>
void Add(std::atomic<T>* to, int64_t value) {
  to->fetch_add(value, std::memory_order_relaxed);
}

void AddBlock(Maker* maker, int64_t bytes, int64_t count) {
  if (maker == nullptr) return;
  Add(&maker->made_bytes, bytes);
  Add(&maker->made_blocks, count);
}

void NoteAct(uint64_t account, uint32_t by, Audit::Act act, uint64_t amount) {
  const uint64_t key = KeyOf(IdOf(account), by, act);
  const std::lock_guard<SpinLock> lock(acts_lock);
  const BlockTable::Entry known = acts.Take(key);
  if (known.key == 0) {
    if (!ActKeys().Reserve(1)) return;
    ActKeys().Push(key);
  }
  acts.Put(key, known.bytes + amount, 0);
}

// Whether the call was given a pointer into it: an allocator of the library's own may put a header before
// what it gives.
bool IsArgument(const double* block, const BlockTable::Entry& entry) {
  const auto count = static_cast<size_t>(block[Field::kArguments]);
  for (size_t i = 0; i < count && i < CountedBlocks::kMostArguments; i++) {
    const auto at = static_cast<uint64_t>(block[Field::kArgument + i]);
    if (at >= entry.key && at - entry.key < entry.bytes) return true;
  }
  return false;
}

// The block that a pointer into its first bytes belongs to.
BlockTable::Entry Containing(uint64_t address) {
  for (uint64_t header = 0; header <= CountedBlocks::kLargestHeader; header += kWord) {
    const BlockTable::Entry entry = blocks.Find(address - header);
    if (entry.key != 0) return header < entry.bytes ? entry : BlockTable::Entry{};
  }
  return {};
}

uint64_t CallOf(uint64_t account) { return account >> kCallShift & kCalls; }

uint64_t AccountOf(uint32_t id, const double* block) {
  return (static_cast<uint64_t>(block[Field::kCall]) & kCalls) << kCallShift | id;
}

// The last blocks that this thread has made.
struct Recent {
  uint64_t addresses[Audit::kRemembered] = {};
  uint32_t count = 0;
};
thread_local Recent recent;

// Whether `see` returns true for one that lives of the last `count` ones, if `maker` has made it in the
// current call. Calls it for no more then.
template <typename See>
bool AnyRecent(uint32_t maker, uint32_t count, See see) {
  const uint64_t account = AccountOf(maker, CountedBlocks::ThreadBlock());
  for (uint32_t i = 1; i <= count; i++) {
    const BlockTable::Entry entry = blocks.Find(recent.addresses[(recent.count - i) % Audit::kRemembered]);
    if (entry.key != 0 && (entry.account & ~kFlags) == account && see(entry)) return true;
  }
  return false;
}

uint32_t CurrentMaker(const double* block) { return static_cast<uint32_t>(block[Field::kMaker]); }

int64_t BytesOfObject(const BlockTable::Entry& entry) {
  return static_cast<int64_t>(std::max(entry.bytes, objects.Find(entry.key).bytes));
}

// It is tracked from now on, or no more.
void AddTracked(Maker* maker, const BlockTable::Entry& entry, int64_t sign) {
  Add(&maker->tracked, sign);
  Add(&maker->tracked_bytes, sign * BytesOfObject(entry));
  if (sign > 0) Add(&maker->adopted, 1);
}

// Somebody has freed it; `block` are the doubles of the thread that did, or nullptr where nobody saw it.
void NoteEnd(const BlockTable::Entry& entry, double* block) {
  if (block != nullptr) block[Field::kBalance] -= static_cast<double>(entry.bytes);
  Maker* maker = Find(IdOf(entry.account));
  if (maker == nullptr) return;
  Add(&maker->freed_bytes, static_cast<int64_t>(entry.bytes));
  Add(&maker->freed_blocks, 1);
  if ((entry.account & kTracked) != 0) AddTracked(maker, entry, -1);
  if ((entry.account & kReturned) == 0) return;
  objects.Take(entry.key);
  const bool is_argument = block != nullptr && IsArgument(block, entry);
  const Audit::Act act = is_argument ? Audit::Act::kFreesArgument : Audit::Act::kFrees;
  NoteAct(entry.account, block == nullptr ? 0 : CurrentMaker(block), act, 1);
}

}  // namespace

void Audit::Clear(void* block, uint64_t from, uint64_t bytes) {
  const uint64_t end = std::min(bytes, HeldPointers::kMostOfBlock);
  if (from < end) std::memset(static_cast<char*>(block) + from, 0, end - from);
}

void Audit::Made(uint64_t address, uint64_t bytes) {
  double* block = CountedBlocks::ThreadBlock();
  uint32_t id = CurrentMaker(block);
  if (id == 0 && !CountedBlocks::IsOfJavaScript()) id = elsewhere_.load(std::memory_order_relaxed);
  block[Field::kBalance] += static_cast<double>(bytes);
  block[Field::kBlocks]++;
  AddBlock(Find(id), static_cast<int64_t>(bytes), 1);
  recent.addresses[recent.count++ % kRemembered] = address;
  const Block before = blocks.Put(address, bytes, AccountOf(id, block));
  if (before.key != 0) NoteEnd(before, nullptr);
}

void Audit::Given(uint64_t address) {
  const Block entry = blocks.Take(address);
  if (entry.key != 0) NoteEnd(entry, CountedBlocks::ThreadBlock());
}

Audit::Block Audit::Take(uint64_t address) { return blocks.Take(address); }

void Audit::Moved(const Block& before, uint64_t address, uint64_t bytes) {
  double* block = CountedBlocks::ThreadBlock();
  const int64_t change = static_cast<int64_t>(bytes) - static_cast<int64_t>(before.bytes);
  block[Field::kBalance] += static_cast<double>(change);
  block[Field::kMoved] = static_cast<double>(address);
  Maker* maker = Find(IdOf(before.account));
  AddBlock(maker, change, 0);
  const uint32_t by = CurrentMaker(block);
  if (change > 0 && Find(by) != maker)
    NoteAct(before.account, by, Act::kEnlarges, static_cast<uint64_t>(change));
  if (maker != nullptr && (before.account & kTracked) != 0) Add(&maker->tracked_bytes, change);
  const Block object = objects.Take(before.key);
  if (object.key != 0) objects.Put(address, object.bytes + static_cast<uint64_t>(change), 0);
  blocks.Put(address, bytes, before.account);
}

void Audit::PutBack(const Block& block) { blocks.Put(block.key, block.bytes, block.account); }

uint32_t Audit::MakerOf(const char* text, size_t length) {
  const std::lock_guard<std::mutex> lock(Naming());
  const uint64_t hash = HashOf(text, length);
  if (const Block known = names.Find(hash); known.key != 0) return static_cast<uint32_t>(known.account);
  const uint32_t at = count_.load(std::memory_order_relaxed);
  if (at == kChunk * kChunks) return 0;
  std::atomic<Maker*>& chunk = chunks[at / kChunk];
  if (chunk.load(std::memory_order_relaxed) == nullptr) {
    auto* makers = new (std::nothrow) Maker[kChunk];
    if (makers == nullptr) return 0;
    chunk.store(makers, std::memory_order_release);
  }
  Maker& maker = At(at + 1);
  maker.text = new (std::nothrow) char[length];
  if (maker.text == nullptr) return 0;
  std::memcpy(maker.text, text, length);
  maker.length = length;
  names.Put(hash, 0, at + 1);
  count_.store(at + 1, std::memory_order_release);
  return at + 1;
}

void Audit::Rename(uint32_t from, uint32_t to) {
  Maker* old = Find(from);
  Maker* next = Find(to);
  if (old == nullptr || next == nullptr || old == next) return;
  old->renamed.store(to, std::memory_order_release);
  for (const auto field : {&Maker::made_bytes, &Maker::made_blocks, &Maker::freed_bytes, &Maker::freed_blocks,
                           &Maker::calls, &Maker::keeping, &Maker::kept, &Maker::returned, &Maker::whole,
                           &Maker::tracked, &Maker::tracked_bytes, &Maker::adopted}) {
    Add(&(next->*field), (old->*field).exchange(0, std::memory_order_relaxed));
  }
}

bool Audit::HasLeft(uint32_t from, uint32_t count) {
  return AnyRecent(from, count, [](const Block&) { return true; });
}

void Audit::Give(uint32_t from, uint32_t to, uint32_t count) {
  AnyRecent(from, count, [=](const Block& entry) {
    const auto bytes = static_cast<int64_t>(entry.bytes);
    AddBlock(Find(from), -bytes, -1);
    AddBlock(Find(to), bytes, 1);
    if ((entry.account & kTracked) != 0) {  // by a callback
      AddTracked(Find(from), entry, -1);
      AddTracked(Find(to), entry, 1);
    }
    blocks.Put(entry.key, entry.bytes, entry.account - from + to);
    return false;
  });
}

void Audit::Called(uint32_t id, int64_t calls, int64_t keeping, int64_t kept) {
  Maker* maker = Find(id);
  if (maker == nullptr) return;
  Add(&maker->calls, calls);
  Add(&maker->keeping, keeping);
  Add(&maker->kept, kept);
}

void Audit::Returned(uint64_t address, uint32_t maker, bool is_tracked, int64_t kept) {
  Maker* now = Find(maker);
  Block entry = Containing(address);
  if (entry.key == 0 || now == nullptr) return;
  Maker* before = Find(IdOf(entry.account));
  if (before != now) {
    double* block = CountedBlocks::ThreadBlock();
    if (block[Field::kMoved] != static_cast<double>(entry.key)) return;
    // What realloc() has given is this call's: whoever made it before has lost it.
    AddBlock(before, -static_cast<int64_t>(entry.bytes), -1);
    if (before != nullptr && (entry.account & kReturned) != 0) Add(&before->returned, -1);
    if (before != nullptr && (entry.account & kTracked) != 0) AddTracked(before, entry, -1);
    objects.Take(entry.key);
    AddBlock(now, static_cast<int64_t>(entry.bytes), 1);
    entry.account = AccountOf(maker, block);
  }
  if ((entry.account & kReturned) == 0) {
    Add(&now->returned, 1);
    if (entry.key == address) Add(&now->whole, 1);
  }
  const int64_t more = kept - static_cast<int64_t>(entry.bytes);
  if ((entry.account & kReturned) == 0 && more > 0) {
    objects.Put(entry.key, static_cast<uint64_t>(kept), 0);
    if ((entry.account & kTracked) != 0) Add(&now->tracked_bytes, more);  // a callback has tracked it before
  }
  entry.account |= kReturned;
  if (is_tracked && (entry.account & kTracked) == 0) {
    AddTracked(now, entry, 1);
    entry.account |= kTracked;
  }
  blocks.Put(entry.key, entry.bytes, entry.account);
}

void Audit::AddedTo(uint64_t address, uint32_t maker, int64_t made) {
  const Block entry = Containing(address);
  if (entry.key != 0) NoteAct(entry.account, maker, Act::kAddsTo, static_cast<uint64_t>(made));
}

void Audit::Tracked(uint64_t address) {
  const Block entry = Containing(address);
  Maker* maker = Find(IdOf(entry.account));
  if (entry.key == 0 || maker == nullptr || (entry.account & kTracked) != 0) return;
  AddTracked(maker, entry, 1);
  blocks.Put(entry.key, entry.bytes, entry.account | kTracked);
}

Audit::Figures Audit::Of(uint32_t id) {
  const Maker& maker = At(id);
  return {maker.text,         maker.length,  maker.made_bytes,    maker.made_blocks, maker.freed_bytes,
          maker.freed_blocks, maker.calls,   maker.keeping,       maker.kept,        maker.returned,
          maker.whole,        maker.tracked, maker.tracked_bytes, maker.adopted,     maker.renamed};
}

int64_t Audit::LiveBytes(uint32_t id) {
  return At(id).made_bytes - At(id).freed_bytes - At(id).tracked_bytes;
}

int64_t Audit::MadeBlocks() {
  int64_t sum = 0;
  for (uint32_t id = 1; id <= Count(); id++) sum += At(id).made_blocks;
  return sum;
}

bool Audit::Acts(FallibleVector<Done>* all) {
  const std::lock_guard<SpinLock> lock(acts_lock);
  if (!all->Reserve(ActKeys().size())) return false;
  for (const uint64_t key : ActKeys()) {
    const auto maker = static_cast<uint32_t>(key >> 34);
    const auto by = static_cast<uint32_t>(key >> 2);
    all->Push({maker, by, static_cast<Act>(key & 3), acts.Find(key).bytes});
  }
  return true;
}

Audit::Held Audit::FindHeld(const uint32_t* makers, size_t count) {
  struct Search {
    const uint32_t* makers;
    size_t count;
    HeldPointers pointers;

    HeldPointers::Block Of(const Block& entry) const {
      const Maker* maker = Find(IdOf(entry.account));
      const bool is_of_makers =
          std::any_of(makers, makers + count, [maker](uint32_t id) { return Find(id) == maker; });
      return {entry.key, entry.bytes, CallOf(entry.account), is_of_makers};
    }
  } search{makers, count, HeldPointers(&blocks)};
  const auto add = [](const Block& entry, void* context) {
    auto* all = static_cast<Search*>(context);
    const HeldPointers::Block block = all->Of(entry);
    if (block.call == 0 || !block.is_of_makers || (entry.account & kFlags) != kReturned) return;
    const Maker* maker = Find(IdOf(entry.account));
    all->pointers.Add(block, maker->whole == maker->returned ? 0 : CountedBlocks::kLargestHeader);
  };
  const auto look = [](const Block& entry, void* context) {
    auto* all = static_cast<Search*>(context);
    if (CallOf(entry.account) != 0) all->pointers.Look(all->Of(entry));
  };
  blocks.Each(add, &search);
  blocks.Each(look, &search);
  return {search.pointers.count(), search.pointers.CountHeld(), search.pointers.CountLeading()};
}

void Audit::LockAll() {
  acts_lock.lock();
  for (BlockTable* each : {&acts, &objects, &blocks}) each->LockAll();
}

void Audit::UnlockAll() {
  for (BlockTable* each : {&acts, &objects, &blocks}) each->UnlockAll();
  acts_lock.unlock();
}

}  // namespace tally
