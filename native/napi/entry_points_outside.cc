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
  Define(object, name, Napi::BigInt::New(object.Env(), static_cast<uint64_t>(address)));
}

}  // namespace

Napi::Value MeterFor(Environment& environment, Napi::Env env, Napi::String label, bool checked) {
  bool known = false;
  Meter* meter = Meter::For(label.Utf8Value().c_str(), checked, &known);
  if (meter == nullptr) return known ? env.Null() : env.Undefined();
  environment.outside().AddMeter(meter);
  const MeterFunctions& functions = FunctionsOf(*meter);
  Napi::Object result = Napi::Object::New(env);
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

int64_t OwnNet(uint32_t meter) { return Meter::At(static_cast<int>(meter))->OwnNet(); }

int64_t OwnAllocations(uint32_t meter) { return Meter::At(static_cast<int>(meter))->OwnAllocations(); }

int64_t ReadGauge(uint64_t address) {
  const auto read = reinterpret_cast<int64_t (*)()>(static_cast<uintptr_t>(address));
  assert(read != nullptr);
  return read();
}

Napi::Value HoldLibrary(Napi::Env env, uint64_t address) {
  auto pin = std::make_unique<LibraryPin>(address);
  return Napi::External<LibraryPin>::New(
      env, pin.release(), [](Napi::Env, LibraryPin* held) { const std::unique_ptr<LibraryPin> last(held); });
}

Napi::Value Meters(Environment& environment, Napi::Env env) {
  const Outside& outside = environment.outside();
  Napi::Array result = Napi::Array::New(env, outside.meters());
  for (uint32_t i = 0; i < outside.meters(); i++) {
    const auto& [meter, figures, charged] = outside.meter(i);
    Napi::Object entry = Napi::Object::New(env);
    Define(entry, "label", meter->label());
    Put(entry, "bytes", figures.bytes);
    Put(entry, "blocks", figures.blocks);
    Put(entry, "peakBytes", figures.peak_bytes);
    Put(entry, "allocatedBytes", figures.allocated_bytes);
    Put(entry, "allocations", figures.allocations);
    Put(entry, "foreign", figures.foreign);
    Put(entry, "charged", charged);
    Define(entry, "checked", Napi::Boolean::New(env, meter->checked()));
    result.Set(i, entry);
  }
  return result;
}

Napi::Value NextReport(Napi::Env env) {
  CheckedBlocks::Report report;
  if (!CheckedBlocks::NextReport(&report)) return env.Undefined();
  Napi::Object result = Napi::Object::New(env);
  Define(result, "address", Napi::BigInt::New(env, report.address));
  Define(result, "freedBy", report.by->label());
  Define(result, "allocatedBy",
         report.of == nullptr ? env.Undefined() : Napi::String::New(env, report.of->label()));
  Define(result, "again", report.found == CheckedBlocks::Found::kFreed);
  return result;
}

}  // namespace tally::entry
