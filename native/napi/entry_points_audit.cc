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

Napi::Value AuditActs(Napi::Env env) {
  Napi::Array result = Napi::Array::New(env);
  FallibleVector<Audit::Done> acts;
  if (!Audit::Acts(&acts)) return result;
  for (size_t i = 0; i < acts.size(); i++) {
    Napi::Object done = Napi::Object::New(env);
    Put(done, "maker", acts[i].maker);
    Put(done, "by", acts[i].by);
    Define(done, "enlarges", acts[i].act == Audit::Act::kEnlarges);
    Define(done, "addsTo", acts[i].act == Audit::Act::kAddsTo);
    Define(done, "asArgument", acts[i].act == Audit::Act::kFreesArgument);
    Put(done, "amount", acts[i].amount);
    if (!Append(result, static_cast<uint32_t>(i), done)) break;
  }
  return result;
}

Napi::Value AuditHeld(Napi::Env env, Napi::Value numbers) {
  const auto makers = numbers.As<Napi::Uint32Array>();
  const Audit::Held held = Audit::FindHeld(makers.Data(), makers.ElementLength());
  Napi::Object result = Napi::Object::New(env);
  Put(result, "pointers", held.pointers);
  Put(result, "held", held.held);
  Put(result, "leading", held.leading);
  return result;
}

}  // namespace tally::entry
