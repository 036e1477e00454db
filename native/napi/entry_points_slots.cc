// The entry points of what is counted at import slots.

#include <memory>
#include <string>

#include "base/usable_bytes.h"
#include "meters/call_stubs.h"
#include "meters/counted_blocks.h"
#include "meters/import_slots.h"
#include "meters/owned_blocks.h"
#include "napi/entry_points.h"
#include "napi/values.h"

namespace tally::entry {

namespace {

// All copies of the JavaScript half in a thread write the same doubles.
struct SharedBlock {
  Napi::Reference<Napi::ArrayBuffer> buffer;
};
thread_local SharedBlock* shared = nullptr;

Napi::Value ToObject(Napi::Env env, const ImportSlots::Result& result) {
  Napi::Object object = Napi::Object::New(env);
  Put(object, "outcome", result.outcome);
  Put(object, "modules", result.modules);
  Put(object, "slots", result.slots);
  Put(object, "rebound", result.rebound);
  Define(object, "name", Napi::String::New(env, result.name));
  return object;
}

uint64_t Number(const Environment& environment) { return reinterpret_cast<uintptr_t>(&environment); }

}  // namespace

napi_value ThreadBlock(Napi::Env env) {
  if (shared == nullptr) {
    Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(env, CountedBlocks::kFields * sizeof(double));
    auto owned = std::make_unique<SharedBlock>();
    owned->buffer = Napi::Persistent(buffer);
    shared = owned.release();
    CountedBlocks::UseThreadBlock(static_cast<double*>(buffer.Data()));  // V8 does not move backing stores
    env.AddCleanupHook(
        [](SharedBlock* leaving) {
          const std::unique_ptr<SharedBlock> last(leaving);
          CallStubs::Forsake();
          CountedBlocks::UseThreadBlock(nullptr);
          shared = nullptr;
        },
        shared);
  }
  return shared->buffer.Value();
}

Napi::Value PatchSlots(Napi::Env env, Napi::Value path, bool deep) {
  if (!path.IsString()) return ToObject(env, ImportSlots::Patch(nullptr, deep));
  return ToObject(env, ImportSlots::Patch(path.As<Napi::String>().Utf8Value().c_str(), deep));
}

Napi::Value PatchNewSlots(Napi::Env env) { return ToObject(env, ImportSlots::PatchNew()); }

Napi::Value FindExported(Napi::Env env, Napi::String path) {
  char name[64] = "";
  ImportSlots::FindExported(path.Utf8Value().c_str(), &name);
  return Napi::String::New(env, name);
}

// On Windows a block is counted only if somebody was marked, as nobody is in the thread of an asynchronous
// call.
double CountedBytes(uint64_t address) {
  const BlockTable::Entry known = CountedBlocks::Find(address);
  return static_cast<double>(known.key != 0 ? known.bytes : HeapBytes(address));
}

double AdoptBlock(uint64_t address, int64_t account) {
  const int64_t bytes = UsableBytes(reinterpret_cast<void*>(static_cast<uintptr_t>(address)));
  if (bytes <= 0) return 0;
  CountedBlocks::Adopt(address, static_cast<uint64_t>(bytes), static_cast<uint64_t>(account));
  return static_cast<double>(bytes);
}

int64_t WatchBlock(uint64_t address) {
  constexpr uint64_t kMostExact = uint64_t{1} << 53;
  const uint64_t block = CountedBlocks::Watch(address);
  return block < kMostExact ? static_cast<int64_t>(block) : 0;
}

bool IsWatchedBlock(int64_t block) { return CountedBlocks::IsWatched(static_cast<uint64_t>(block)); }

void MergeAccounts(int64_t from, int64_t to, int64_t bytes) {
  CountedBlocks::Merge(static_cast<uint64_t>(from), static_cast<uint64_t>(to), static_cast<uint64_t>(bytes));
}

Napi::Value TakeChanges(Napi::Env env, int64_t first_account, int64_t ended) {
  FallibleVector<CountedBlocks::Change> changes;
  Napi::Array result = Napi::Array::New(env);
  if (!CountedBlocks::TakeChanges(static_cast<uint64_t>(first_account), static_cast<uint64_t>(ended),
                                  &changes))
    return result;
  uint32_t length = 0;
  const auto add = [&](auto value) {
    Define(result, std::to_string(length++).c_str(), Napi::Number::New(env, static_cast<double>(value)));
  };
  for (const CountedBlocks::Change& change : changes) {
    add(change.account);
    add(change.bytes);
  }
  return result;
}

Napi::Value CountedTotals(Napi::Env env) {
  const BlockTable::Totals totals = CountedBlocks::Sum();
  Napi::Object object = Napi::Object::New(env);
  Put(object, "blocks", totals.blocks);
  Put(object, "bytes", totals.bytes);
  return object;
}

void OwnBlock(Environment& environment, uint64_t address) {
  if (CountedBlocks::Find(address).key != 0) OwnedBlocks::Own(address, Number(environment));
}

Napi::Value NextLoss(Environment& environment, Napi::Env env) {
  OwnedBlocks::Loss loss;
  if (!OwnedBlocks::NextLoss(Number(environment), &loss)) return env.Undefined();
  const ImportSlots::Code code = ImportSlots::Describe(loss.from);
  Napi::Object object = Napi::Object::New(env);
  Define(object, "address", Napi::BigInt::New(env, loss.address));
  Define(object, "file", Napi::String::New(env, code.file));
  Define(object, "name", Napi::String::New(env, code.name));
  return object;
}

}  // namespace tally::entry
