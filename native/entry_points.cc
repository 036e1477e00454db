#include "entry_points.h"

#include <string>
#include <utility>
#include <vector>

#include "check.h"
#include "environment.h"
#include "process_memory.h"

namespace tally::entry {

namespace {

Environment& Of(const Napi::CallbackInfo& info) { return *static_cast<Environment*>(info.Data()); }

uint32_t Unsigned(const Napi::Value& value) { return value.As<Napi::Number>().Uint32Value(); }
int64_t Signed(const Napi::Value& value) { return value.As<Napi::Number>().Int64Value(); }
double Double(const Napi::Value& value) { return value.As<Napi::Number>().DoubleValue(); }

uint64_t Address(const Napi::Value& value) {
  bool lossless = false;
  return value.As<Napi::BigInt>().Uint64Value(&lossless);
}

template <typename T>
Napi::Value Number(const Napi::CallbackInfo& info, T value) {
  return Napi::Number::New(info.Env(), static_cast<double>(value));
}

Napi::Value Boolean(const Napi::CallbackInfo& info, bool value) {
  return Napi::Boolean::New(info.Env(), value);
}

template <typename T>
void Put(Napi::Object object, const char* name, T value) {
  object.Set(name, Napi::Number::New(object.Env(), static_cast<double>(value)));
}

// Whether C has freed the pointer or only taken it.
Reason Given(const Napi::Value& freed) {
  return freed.As<Napi::Boolean>() ? Reason::kDisposed : Reason::kReleased;
}

// A bound argument arrives as a bigint (a constant) or as the string 'pointer' or 'size'.
BoundArgument Bound(const Napi::Value& value) {
  BoundArgument argument;
  if (value.IsBigInt()) {
    argument.constant = Address(value);
  } else if (value.As<Napi::String>().Utf8Value() == "size") {
    argument.source = BoundArgument::Source::kSize;
  } else {
    argument.source = BoundArgument::Source::kPointer;
  }
  return argument;
}

// Reads form, address and bound arguments, three arguments from `first` on.
Destructor ToDestructor(const Napi::CallbackInfo& info, size_t first) {
  switch (static_cast<Destructor::Form>(Unsigned(info[first]))) {
    case Destructor::Form::kJavaScript:
      return Destructor::JavaScript();
    case Destructor::Form::kDirect:
      return Destructor::Direct(Address(info[first + 1]));
    case Destructor::Form::kBound: {
      const auto values = info[first + 2].As<Napi::Array>();
      std::vector<BoundArgument> arguments;
      for (uint32_t i = 0; i < values.Length(); i++) arguments.push_back(Bound(values.Get(i)));
      return Destructor::Bound(Address(info[first + 1]), std::move(arguments));
    }
    case Destructor::Form::kNone:
      break;
  }
  return Destructor::None();
}

}  // namespace

Napi::Value AddAccount(const Napi::CallbackInfo& info) {
  return Number(info, Of(info).AddAccount(info[0].As<Napi::String>().Utf8Value()));
}

Napi::Value AddKind(const Napi::CallbackInfo& info) {
  Destructor destructor = ToDestructor(info, 1);
  if (destructor.form() != static_cast<Destructor::Form>(Unsigned(info[1]))) return Number(info, -1);
  return Number(info, Of(info).AddKind(Unsigned(info[0]), std::move(destructor)));
}

Napi::Value FreeOnce(const Napi::CallbackInfo& info) {
  ToDestructor(info, 0).Run(Address(info[3]), Signed(info[4]));
  return info.Env().Undefined();
}

Napi::Value Pin(const Napi::CallbackInfo& info) {
  Of(info).Pin(Unsigned(info[0]));
  return info.Env().Undefined();
}

Napi::Value UnpinIdle(const Napi::CallbackInfo& info) {
  Of(info).UnpinIdle();
  return info.Env().Undefined();
}

Napi::Value Flush(const Napi::CallbackInfo& info) {
  return Number(info, Of(info).Flush(info[0], Unsigned(info[1]), info[2].As<Napi::Boolean>()));
}

Napi::Value Free(const Napi::CallbackInfo& info) {
  Of(info).Free(Unsigned(info[0]), Address(info[1]), Signed(info[2]));
  return info.Env().Undefined();
}

napi_value DisposeYoung(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument = nullptr;
  void* data = nullptr;
  uint32_t index = 0;
  TALLY_CHECK(napi_get_cb_info(env, info, &count, &argument, nullptr, &data));
  TALLY_CHECK(napi_get_value_uint32(env, argument, &index));
  static_cast<Environment*>(data)->DisposeYoung(index);
  return nullptr;
}

napi_value ReleaseYoung(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value arguments[2] = {};
  void* data = nullptr;
  uint32_t index = 0;
  bool freed = false;
  TALLY_CHECK(napi_get_cb_info(env, info, &count, arguments, nullptr, &data));
  TALLY_CHECK(napi_get_value_uint32(env, arguments[0], &index));
  TALLY_CHECK(napi_get_value_bool(env, arguments[1], &freed));
  static_cast<Environment*>(data)->ReleaseYoung(index, freed ? Reason::kDisposed : Reason::kReleased);
  return nullptr;
}

Napi::Value End(const Napi::CallbackInfo& info) {
  Of(info).End(Unsigned(info[0]));
  return info.Env().Undefined();
}

napi_value Dispose(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument = nullptr;
  napi_value result = nullptr;
  void* data = nullptr;
  uint32_t slot = 0;
  TALLY_CHECK(napi_get_cb_info(env, info, &count, &argument, nullptr, &data));
  TALLY_CHECK(napi_get_value_uint32(env, argument, &slot));
  const bool more = static_cast<Environment*>(data)->Dispose(slot);
  TALLY_CHECK(napi_get_boolean(env, more, &result));
  return result;
}

Napi::Value Give(const Napi::CallbackInfo& info) { return Number(info, Of(info).Give(Unsigned(info[0]))); }

Napi::Value TakeBack(const Napi::CallbackInfo& info) {
  Of(info).TakeBack(Unsigned(info[0]));
  return info.Env().Undefined();
}

Napi::Value Release(const Napi::CallbackInfo& info) {
  return Boolean(info, Of(info).Release(Unsigned(info[0]), Given(info[1])));
}

Napi::Value Hold(const Napi::CallbackInfo& info) {
  Of(info).Hold(Unsigned(info[0]));
  return info.Env().Undefined();
}

Napi::Value Unhold(const Napi::CallbackInfo& info) {
  Of(info).Unhold(Unsigned(info[0]));
  return info.Env().Undefined();
}

Napi::Value HoldsOf(const Napi::CallbackInfo& info) {
  return Number(info, Of(info).ledger().at(Unsigned(info[0])).holds);
}

Napi::Value Resize(const Napi::CallbackInfo& info) {
  return Boolean(info, Of(info).Resize(Unsigned(info[0]), Signed(info[1])));
}

Napi::Value SizeOf(const Napi::CallbackInfo& info) {
  return Number(info, Of(info).ledger().at(Unsigned(info[0])).size);
}

Napi::Value AddressOf(const Napi::CallbackInfo& info) {
  return Napi::BigInt::New(info.Env(), Of(info).ledger().at(Unsigned(info[0])).address);
}

Napi::Value KindOf(const Napi::CallbackInfo& info) {
  return Number(info, Of(info).ledger().at(Unsigned(info[0])).kind);
}

Napi::Value View(const Napi::CallbackInfo& info) {
  return Of(info).View(Address(info[0]), static_cast<size_t>(Signed(info[1])));
}

Napi::Value Detach(const Napi::CallbackInfo& info) {
  auto buffer = info[0].As<Napi::ArrayBuffer>();
  if (!buffer.IsDetached()) buffer.Detach();
  return info.Env().Undefined();
}

Napi::Value ForgetView(const Napi::CallbackInfo& info) {
  Of(info).ForgetView(static_cast<size_t>(Signed(info[0])));
  return info.Env().Undefined();
}

Napi::Value Drain(const Napi::CallbackInfo& info) { return Number(info, Of(info).Drain(Double(info[0]))); }

Napi::Value Settle(const Napi::CallbackInfo& info) {
  Of(info).Settle(Unsigned(info[0]), info[1].As<Napi::Boolean>());
  return info.Env().Undefined();
}

// Node-API refuses whatever could run JavaScript from the moment when a worker is told to end, which is
// before its JavaScript stops.
Napi::Value IsAlive(const Napi::CallbackInfo& info) {
  const Napi::Object object = Napi::Object::New(info.Env());
  bool has = false;
  return Boolean(info, napi_has_property(info.Env(), object, object, &has) == napi_ok);
}

Napi::Value NoteThrow(const Napi::CallbackInfo& info) {
  Of(info).NoteThrow();
  return info.Env().Undefined();
}

Napi::Value Sweep(const Napi::CallbackInfo& info) { return Boolean(info, Of(info).Sweep(Double(info[0]))); }

Napi::Value Observe(const Napi::CallbackInfo& info) { return Boolean(info, Of(info).Observe()); }

Napi::Value NoteMajor(const Napi::CallbackInfo& info) {
  Of(info).NoteMajor();
  return info.Env().Undefined();
}

Napi::Value Root(const Napi::CallbackInfo& info) {
  Of(info).Root(info[0]);
  return info.Env().Undefined();
}

Napi::Value Advise(const Napi::CallbackInfo& info) { return Number(info, Of(info).Advise()); }

Napi::Value Collected(const Napi::CallbackInfo& info) {
  const auto asked = static_cast<Collection>(Unsigned(info[0]));
  return Number(info, Of(info).Collected(asked, Signed(info[1])));
}

Napi::Value ReportByHand(const Napi::CallbackInfo& info) {
  return Number(info, Of(info).ReportByHand(Signed(info[0])));
}

Napi::Value Live(const Napi::CallbackInfo& info) { return Number(info, Of(info).live()); }

Napi::Value Counter(const Napi::CallbackInfo& info) { return Number(info, Of(info).Tell()); }

Napi::Value Stats(const Napi::CallbackInfo& info) {
  const Ledger& ledger = Of(info).ledger();
  const Pacer& pacer = Of(info).pacer();
  Napi::Object stats = Napi::Object::New(info.Env());
  Put(stats, "bytes", ledger.bytes());
  Put(stats, "pointers", ledger.pointers());
  Put(stats, "manual", ledger.manual());
  Put(stats, "peakBytes", ledger.peak_bytes());
  Put(stats, "deadBytes", ledger.dead_bytes());
  Put(stats, "deadPointers", ledger.dead_pointers());
  Put(stats, "reported", pacer.reported());
  Put(stats, "limit", Of(info).limit());
  Put(stats, "allowance", pacer.allowance());
  Put(stats, "step", pacer.step());
  Put(stats, "minor", pacer.asked_minor());
  Put(stats, "major", pacer.asked_major());
  Put(stats, "returnedByMinor", pacer.returned_minor());
  Put(stats, "returnedByMajor", pacer.returned_major());

  Napi::Array accounts = Napi::Array::New(info.Env(), ledger.accounts());
  for (uint32_t i = 0; i < ledger.accounts(); i++) {
    const Account& account = ledger.account(i);
    Napi::Object entry = Napi::Object::New(info.Env());
    entry.Set("label", account.label);
    Put(entry, "bytes", account.bytes);
    Put(entry, "pointers", account.pointers);
    Put(entry, "peakBytes", account.peak_bytes);
    Put(entry, "chargedBytes", account.charged_bytes);
    Put(entry, "tracked", account.tracked);
    Put(entry, "disposed", account.ended[static_cast<int>(Reason::kDisposed)]);
    Put(entry, "collected", account.ended[static_cast<int>(Reason::kCollected)]);
    Put(entry, "released", account.ended[static_cast<int>(Reason::kReleased)]);
    Put(entry, "failed", account.failed);
    accounts.Set(i, entry);
  }
  stats.Set("accounts", accounts);
  return stats;
}

Napi::Value Configure(const Napi::CallbackInfo& info) {
  Pacer::Options options = Of(info).pacer().options();
  options.budget = Signed(info[0]);
  options.growth = Double(info[1]);
  Of(info).pacer().Configure(options);
  Of(info).set_limit(Signed(info[2]));
  Of(info).set_free_at_exit(info[3].As<Napi::Boolean>());
  return info.Env().Undefined();
}

Napi::Value SetCapabilities(const Napi::CallbackInfo& info) {
  Pacer::Options options = Of(info).pacer().options();
  options.can_minor = info[0].As<Napi::Boolean>();
  options.can_major = info[1].As<Napi::Boolean>();
  Of(info).pacer().Configure(options);
  return info.Env().Undefined();
}

Napi::Value ExternalAddress(const Napi::CallbackInfo& info) {
  if (!info[0].IsExternal()) return info.Env().Undefined();
  void* pointer = info[0].As<Napi::External<void>>().Data();
  return Napi::BigInt::New(info.Env(), static_cast<uint64_t>(reinterpret_cast<uintptr_t>(pointer)));
}

Napi::Value UsableSize(const Napi::CallbackInfo& info) {
  const int64_t size = UsableBytes(reinterpret_cast<void*>(static_cast<uintptr_t>(Address(info[0]))));
  return size < 0 ? info.Env().Undefined() : Number(info, size);
}

Napi::Value Allocate(const Napi::CallbackInfo& info) {
  const auto block = AllocateBlock(static_cast<size_t>(Signed(info[0])));
  return Napi::BigInt::New(info.Env(), static_cast<uint64_t>(block));
}

Napi::Value AllocatorBytes(const Napi::CallbackInfo& info) {
  AllocatorFigures figures{};
  if (!ReadAllocator(&figures)) return info.Env().Undefined();
  Napi::Object result = Napi::Object::New(info.Env());
  Put(result, "inUse", figures.in_use);
  Put(result, "held", figures.held);
  return result;
}

}  // namespace tally::entry
