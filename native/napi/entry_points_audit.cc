// The entry points of the audit.

#include "meters/audit.h"
#include "meters/counted_blocks.h"
#include "meters/import_slots.h"
#include "napi/entry_points.h"
#include "napi/values.h"

namespace tally::entry {

namespace {

bool Append(Napi::Array array, uint32_t index, napi_value value) {
  return napi_set_element(array.Env(), array, index, value) == napi_ok;
}

}  // namespace

void AuditOn() {
  Audit::TurnOn();
  ImportSlots::PatchFrees();
}

uint32_t AuditMaker(Napi::Value text) {
  const Text maker(text);
  if (!maker.is_read()) return 0;
  return Audit::MakerOf(maker.text().data(), maker.text().size());
}

void AuditMade(uint64_t address, int64_t bytes) {
  CountedBlocks::NoteMade(address, static_cast<uint64_t>(bytes));
}

Napi::Value AuditLive(Napi::Env env) {
  const uint32_t count = Audit::Count();
  Napi::Float64Array live = Napi::Float64Array::New(env, count + 1);
  double* const figures = live.Data();
  figures[0] = static_cast<double>(Audit::MadeBlocks());
  for (uint32_t id = 1; id <= count; id++) figures[id] = static_cast<double>(Audit::LiveBytes(id));
  return live;
}

Napi::Value AuditMakers(Napi::Env env) {
  Napi::Array makers = Napi::Array::New(env);
  const uint32_t count = Audit::Count();
  for (uint32_t id = 1; id <= count; id++) {
    const Audit::Figures figures = Audit::Of(id);
    Napi::Object maker = Napi::Object::New(env);
    Define(maker, "text", Napi::String::New(env, figures.text, figures.length));
    Put(maker, "madeBytes", figures.made_bytes);
    Put(maker, "madeBlocks", figures.made_blocks);
    Put(maker, "freedBytes", figures.freed_bytes);
    Put(maker, "freedBlocks", figures.freed_blocks);
    Put(maker, "calls", figures.calls);
    Put(maker, "keeping", figures.keeping);
    Put(maker, "kept", figures.kept);
    Put(maker, "returned", figures.returned);
    Put(maker, "whole", figures.whole);
    Put(maker, "tracked", figures.tracked);
    Put(maker, "trackedBytes", figures.tracked_bytes);
    Put(maker, "adopted", figures.adopted);
    Put(maker, "renamed", figures.renamed);
    if (!Append(makers, id, maker)) break;
  }
  return makers;
}

Napi::Value AuditFrees(Napi::Env env) {
  Napi::Array result = Napi::Array::New(env);
  FallibleVector<Audit::Freed> frees;
  if (!Audit::Frees(&frees)) return result;
  for (size_t i = 0; i < frees.size(); i++) {
    Napi::Object freed = Napi::Object::New(env);
    Put(freed, "maker", frees[i].maker);
    Put(freed, "by", frees[i].by);
    Define(freed, "asArgument", frees[i].as_argument);
    Put(freed, "blocks", frees[i].blocks);
    if (!Append(result, static_cast<uint32_t>(i), freed)) break;
  }
  return result;
}

}  // namespace tally::entry
