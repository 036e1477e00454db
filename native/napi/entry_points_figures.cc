// The entry points that tell figures and set them.

#include <algorithm>
#include <chrono>
#include <string_view>
#include <thread>

#include "base/process_memory.h"
#include "base/usable_bytes.h"
#include "env/check.h"
#include "meters/block_table.h"
#include "napi/entry_points.h"
#include "napi/values.h"

namespace tally::entry {

namespace {

// By bytes, and of equal ones by age: an order in which no two are the same.
bool IsSmaller(const Account& a, const Account& b) {
  return a.bytes != b.bytes ? a.bytes < b.bytes : &a > &b;
}

// Arrays of numbers as properties of `object`: objects for each row would cost more than all that is in them.
// Their `buffer` is to be detached after use, because V8 counts it until it is collected. In a worker that is
// being terminated there are none.
class Columns {
 public:
  Columns(Napi::Object object, size_t cells) : object_(object) {
    void* data = nullptr;
    if (napi_create_arraybuffer(object.Env(), cells * sizeof(double), &data, &buffer_) != napi_ok) return;
    cells_ = static_cast<double*>(data);
    Define(object, "buffer", buffer_);
  }

  template <typename Read>
  void Add(const char* name, size_t rows, Read read) {
    if (buffer_ == nullptr) return;
    for (size_t i = 0; i < rows; i++) cells_[used_ + i] = static_cast<double>(read(i));
    napi_value column = nullptr;
    const size_t offset = used_ * sizeof(double);
    used_ += rows;
    if (napi_create_typedarray(object_.Env(), napi_float64_array, rows, buffer_, offset, &column) != napi_ok)
      return;
    Define(object_, name, Napi::Value(object_.Env(), column));
  }

 private:
  Napi::Object object_;
  napi_value buffer_ = nullptr;
  double* cells_ = nullptr;
  size_t used_ = 0;
};

}  // namespace

int64_t Counter(Environment& environment) { return environment.Report(); }

void Detach(Napi::ArrayBuffer buffer) { buffer.Detach(); }

Napi::Value LargestAccounts(Environment& environment, Napi::Env env, uint32_t most) {
  const Ledger& ledger = environment.ledger();
  // Found one after the other: they are few, and this must work where memory is short.
  Napi::Array result = Napi::Array::New(env);
  const Account* last = nullptr;
  for (uint32_t i = 0; i < most; i++) {
    const Account* largest = nullptr;
    for (uint32_t at = 0; at < ledger.accounts(); at++) {
      const Account& account = ledger.account(at);
      if (account.bytes == 0 || (last != nullptr && !IsSmaller(account, *last))) continue;
      if (largest == nullptr || IsSmaller(*largest, account)) largest = &account;
    }
    if (largest == nullptr) break;
    Napi::Object entry = Napi::Object::New(env);
    const std::string_view label = largest->label.text();
    Define(entry, "label", Napi::String::New(env, label.data(), label.size()));
    Put(entry, "bytes", largest->bytes);
    Put(entry, "pointers", largest->pointers);
    result.Set(i, entry);
    last = largest;
  }
  return result;
}

Napi::Value Stats(Environment& environment, Napi::Env env) {
  const Ledger& ledger = environment.ledger();
  const Pacer& pacer = environment.pacer();
  Napi::Object stats = Napi::Object::New(env);
  Put(stats, "bytes", ledger.bytes());
  Put(stats, "pointers", ledger.pointers());
  Put(stats, "manual", ledger.manual());
  Put(stats, "outside", ledger.outside());
  Put(stats, "peakBytes", ledger.peak_bytes());
  Put(stats, "deadBytes", ledger.dead_bytes());
  Put(stats, "deadPointers", ledger.dead_pointers());
  Put(stats, "reported", pacer.reported());
  Put(stats, "minor", pacer.asked_minor());
  Put(stats, "major", pacer.asked_major());
  Put(stats, "returnedByMinor", pacer.returned_minor());
  Put(stats, "returnedByMajor", pacer.returned_major());

  Napi::Object totals = Napi::Object::New(env);
  const Figures& ever = ledger.figures();
  Put(totals, "tracked", int64_t{ever.tracked});
  Put(totals, "disposed", int64_t{ever.ended[static_cast<int>(Reason::kDisposed)]});
  Put(totals, "collected", int64_t{ever.ended[static_cast<int>(Reason::kCollected)]});
  Put(totals, "released", int64_t{ever.ended[static_cast<int>(Reason::kReleased)]});
  Put(totals, "failed", int64_t{ever.failed});
  Put(totals, "chargedBytes", ledger.charged_bytes());
  Define(stats, "totals", totals);
  return stats;
}

Napi::Value Accounts(Environment& environment, Napi::Env env) {
  const Ledger& ledger = environment.ledger();
  Napi::Object accounts = Napi::Object::New(env);
  Napi::Array labels = Napi::Array::New(env, ledger.accounts());
  for (uint32_t i = 0; i < ledger.accounts(); i++) {
    Napi::HandleScope scope(env);
    const std::string_view label = ledger.account(i).label.text();
    if (!ledger.account(i).is_free) labels[i] = Napi::String::New(env, label.data(), label.size());
  }
  Define(accounts, "label", labels);
  Columns columns(accounts, 9 * ledger.accounts());
  const auto column = [&](const char* name, auto&& read) {
    columns.Add(name, ledger.accounts(), [&](size_t i) { return read(ledger.account(i)); });
  };
  column("bytes", [](const Account& it) { return it.bytes; });
  column("pointers", [](const Account& it) { return it.pointers; });
  column("peakBytes", [](const Account& it) { return it.peak_bytes; });
  column("chargedBytes", [](const Account& it) { return it.charged_bytes; });
  column("tracked", [](const Account& it) { return it.tracked; });
  column("disposed", [](const Account& it) { return it.ended[static_cast<int>(Reason::kDisposed)]; });
  column("collected", [](const Account& it) { return it.ended[static_cast<int>(Reason::kCollected)]; });
  column("released", [](const Account& it) { return it.ended[static_cast<int>(Reason::kReleased)]; });
  column("failed", [](const Account& it) { return it.failed; });
  return accounts;
}

Napi::Value ProcessStats(Napi::Env env) {
  Environment::EndAbandoned();
  const Share::Sum sum = Share::Total();
  Napi::Object stats = Napi::Object::New(env);
  Put(stats, "environments", sum.environments);
  Put(stats, "bytes", sum.bytes);
  Put(stats, "pointers", sum.pointers);
  Put(stats, "manual", sum.manual);
  Put(stats, "outside", sum.outside);
  Put(stats, "deadBytes", sum.dead_bytes);
  Put(stats, "deadPointers", sum.dead_pointers);
  Put(stats, "tracked", sum.tracked);
  Put(stats, "disposed", sum.ended[static_cast<int>(Reason::kDisposed)]);
  Put(stats, "collected", sum.ended[static_cast<int>(Reason::kCollected)]);
  Put(stats, "released", sum.ended[static_cast<int>(Reason::kReleased)]);
  Put(stats, "tornDown", sum.ended[static_cast<int>(Reason::kTornDown)]);
  Put(stats, "failed", sum.failed);
  const Transit::Sum transit = Transit::Instance().Total();
  Put(stats, "transitBytes", transit.bytes);
  Put(stats, "transitPointers", transit.pointers);
  return stats;
}

Napi::Value Survey(Environment& environment, Napi::Env env) {
  const Ledger::Survey survey = environment.TakeSurvey();
  const Ledger& ledger = environment.ledger();
  Napi::Object result = Napi::Object::New(env);
  const size_t accounts = survey.oldest.size();
  const size_t kinds = survey.bytes.size();
  Columns columns(result, accounts + 3 * kinds);
  columns.Add("oldest", accounts, [&](size_t i) { return survey.oldest[i]; });
  columns.Add("pointers", kinds, [&](size_t i) { return ledger.live_of(static_cast<uint32_t>(i)); });
  columns.Add("bytes", kinds, [&](size_t i) { return survey.bytes[i]; });
  columns.Add("collected", kinds, [&](size_t i) { return survey.collected[i]; });
  return result;
}

void Configure(Environment& environment, int64_t budget, double growth, int64_t limit, bool free_at_exit) {
  Pacer::Options options = environment.pacer().options();
  options.budget = budget;
  options.growth = growth;
  environment.Configure(options);
  environment.set_limit(limit);
  environment.set_free_at_exit(free_at_exit);
}

void SetCapabilities(Environment& environment, bool can_minor, bool can_major) {
  Pacer::Options options = environment.pacer().options();
  options.can_minor = can_minor;
  options.can_major = can_major;
  environment.pacer().Configure(options);
}

Napi::Value ExternalAddress(Napi::Env env, Napi::Value value) {
  if (!value.IsExternal()) return env.Undefined();
  void* pointer = value.As<Napi::External<void>>().Data();
  return Napi::BigInt::New(env, static_cast<uint64_t>(reinterpret_cast<uintptr_t>(pointer)));
}

Napi::Value UsableSize(Napi::Env env, uint64_t address) {
  const int64_t size = UsableBytes(reinterpret_cast<void*>(static_cast<uintptr_t>(address)));
  return size < 0 ? env.Undefined() : Napi::Number::New(env, static_cast<double>(size));
}

uint64_t Allocate(int64_t bytes) {
  const auto size = static_cast<size_t>(bytes);
  return static_cast<int64_t>(size) == bytes ? AllocateBlock(size) : 0;
}

Napi::Value AllocatorBytes(Napi::Env env) {
  AllocatorFigures figures{};
  if (!ReadAllocator(&figures)) return env.Undefined();
  Napi::Object result = Napi::Object::New(env);
  Put(result, "inUse", figures.in_use);
  Put(result, "held", figures.held);
  return result;
}

double InUse() {
  AllocatorFigures figures{};
  return ReadAllocator(&figures) ? static_cast<double>(figures.in_use) : -1;
}

void SetProcessLimit(int64_t limit, bool followed) {
  ProcessWatch& watch = ProcessWatch::Instance();
  watch.SetLimit(limit < kMaxBytes ? limit : ProcessPacer::kNoLimit, followed);
  watch.Start();
}

Napi::Value ProcessMemory(Napi::Env env) {
  ProcessWatch& watch = ProcessWatch::Instance();
  const ProcessPacer& pacer = watch.pacer();
  const auto bytes = [](int64_t value) { return std::min(value, kMaxBytes); };
  Napi::Object result = Napi::Object::New(env);
  Put(result, "usage", watch.memory().Usage(true));
  Put(result, "limit", bytes(pacer.limit()));
  Put(result, "kernelLimit", bytes(watch.memory().limit()));
  Put(result, "threads", pacer.threads());
  return result;
}

int SetBlackBox(Napi::String path) {
  ProcessWatch& watch = ProcessWatch::Instance();
  const int error = watch.SetBlackBox(path.Utf8Value());
  watch.Start();
  return error;
}

bool MayCollect() { return ProcessWatch::Instance().pacer().MayCollect(ProcessWatch::Now()); }

void TrimForAll(bool must) { ProcessWatch::Instance().Trim(must); }

void Sleep(double milliseconds) {
  std::this_thread::sleep_for(std::chrono::microseconds(static_cast<int64_t>(milliseconds * 1000)));
}

Napi::Value Memory(Environment& environment, Napi::Env env) {
  const Share::Sum everywhere = Share::Total();
  Napi::Object result = Napi::Object::New(env);
  Put(result, "counter", environment.Report());
  Put(result, "reported", environment.pacer().reported());
  Put(result, "tracked", environment.live());
  const int64_t in_transit = Transit::Instance().Total().bytes;
  Put(result, "everywhere", everywhere.bytes + everywhere.manual + everywhere.outside + in_transit);
  Put(result, "viewed", environment.viewed());
  Put(result, "mapped", environment.Mapped());
  Put(result, "tables", BlockTable::OwnBytes());
  const int64_t file = ProcessWatch::Instance().memory().FileResident();
  if (file >= 0) Put(result, "file", file);
  return result;
}

Napi::Value GatherObjects(Environment& environment, Napi::Env env, napi_value arrays, napi_value filler) {
  FallibleVector<double> sizes;
  if (!environment.GatherObjects(arrays, filler, &sizes)) return env.Undefined();
  Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(env, sizes.size() * sizeof(double));
  std::copy(sizes.begin(), sizes.end(), static_cast<double*>(buffer.Data()));
  return buffer;
}

}  // namespace tally::entry
