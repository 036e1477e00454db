// The entry points of what is charged without a pointer.

#include <cassert>
#include <memory>
#include <string>

#include "base/library_pin.h"
#include "base/process_memory.h"
#include "meters/checked_blocks.h"
#include "meters/meter_functions.h"
#include "napi/entry_points.h"
#include "napi/values.h"

namespace tally::entry {

namespace {

template <typename T>
void PutAddress(Napi::Object object, const char* name, T pointer) {
  const auto address = reinterpret_cast<uintptr_t>(pointer);
  object.Set(name, Napi::BigInt::New(object.Env(), static_cast<uint64_t>(address)));
}

}  // namespace

Napi::Value MeterFor(const Napi::CallbackInfo& info) {
  bool known = false;
  Meter* meter =
      Meter::For(info[0].As<Napi::String>().Utf8Value().c_str(), info[1].As<Napi::Boolean>(), &known);
  if (meter == nullptr) return known ? info.Env().Null() : info.Env().Undefined();
  Of(info).outside().AddMeter(meter);
  const MeterFunctions& functions = FunctionsOf(*meter);
  Napi::Object result = Napi::Object::New(info.Env());
  Put(result, "index", meter->index());
  PutAddress(result, "malloc", functions.malloc);
  PutAddress(result, "calloc", functions.calloc);
  PutAddress(result, "realloc", functions.realloc);
  PutAddress(result, "free", functions.free);
  PutAddress(result, "strdup", functions.strdup);
  PutAddress(result, "sizedRealloc", functions.sized_realloc);
  PutAddress(result, "sizedFree", functions.sized_free);
  PutAddress(result, "contextMalloc", functions.context_malloc);
  PutAddress(result, "contextCalloc", functions.context_calloc);
  PutAddress(result, "contextRealloc", functions.context_realloc);
  PutAddress(result, "contextFree", functions.context_free);
  PutAddress(result, "contextSizedRealloc", functions.context_sized_realloc);
  PutAddress(result, "single", functions.single);
  PutAddress(result, "sqlite3MemMethods", &functions.sqlite);
  PutAddress(result, "expatSuite", &functions.expat);
  return result;
}

Napi::Value ReadMeters(const Napi::CallbackInfo& info) {
  Of(info).ReadMeters();
  return info.Env().Undefined();
}

Napi::Value OwnNet(const Napi::CallbackInfo& info) {
  return Number(info, Meter::At(static_cast<int>(Unsigned(info[0])))->OwnNet());
}

Napi::Value OwnAllocations(const Napi::CallbackInfo& info) {
  return Number(info, Meter::At(static_cast<int>(Unsigned(info[0])))->OwnAllocations());
}

Napi::Value MeterKind(const Napi::CallbackInfo& info) {
  return Boolean(info, Of(info).MeterKind(Unsigned(info[0]), Meter::At(static_cast<int>(Unsigned(info[1])))));
}

Napi::Value ChargeGauges(const Napi::CallbackInfo& info) {
  Of(info).ChargeGauges(Signed(info[0]));
  return info.Env().Undefined();
}

Napi::Value ReadGauge(const Napi::CallbackInfo& info) {
  const auto read = reinterpret_cast<int64_t (*)()>(static_cast<uintptr_t>(Address(info[0])));
  assert(read != nullptr);
  return Number(info, read());
}

Napi::Value HoldLibrary(const Napi::CallbackInfo& info) {
  auto pin = std::make_unique<LibraryPin>(Address(info[0]));
  return Napi::External<LibraryPin>::New(info.Env(), pin.release(), [](Napi::Env, LibraryPin* held) {
    const std::unique_ptr<LibraryPin> last(held);
  });
}

Napi::Value Meters(const Napi::CallbackInfo& info) {
  const Outside& outside = Of(info).outside();
  Napi::Array result = Napi::Array::New(info.Env(), outside.meters());
  for (uint32_t i = 0; i < outside.meters(); i++) {
    const auto& [meter, figures, charged] = outside.meter(i);
    Napi::Object entry = Napi::Object::New(info.Env());
    entry.Set("label", meter->label());
    Put(entry, "bytes", figures.bytes);
    Put(entry, "blocks", figures.blocks);
    Put(entry, "peakBytes", figures.peak_bytes);
    Put(entry, "allocatedBytes", figures.allocated_bytes);
    Put(entry, "allocations", figures.allocations);
    Put(entry, "foreign", figures.foreign);
    Put(entry, "charged", charged);
    entry.Set("checked", Napi::Boolean::New(info.Env(), meter->checked()));
    result.Set(i, entry);
  }
  return result;
}

Napi::Value NextReport(const Napi::CallbackInfo& info) {
  CheckedBlocks::Report report;
  if (!CheckedBlocks::NextReport(&report)) return info.Env().Undefined();
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("address", Napi::BigInt::New(info.Env(), report.address));
  result.Set("freedBy", report.by->label());
  result.Set("allocatedBy", report.of == nullptr ? info.Env().Undefined()
                                                 : Napi::String::New(info.Env(), report.of->label()));
  result.Set("again", report.found == CheckedBlocks::Found::kFreed);
  return result;
}

}  // namespace tally::entry
