// The list of what JavaScript can see.

#include <napi.h>

#include <memory>

#include "base/library_pin.h"
#include "base/process_memory.h"
#include "env/environment.h"
#include "napi/entry_points.h"

namespace {

void ExportPlain(Napi::Object exports, const char* name, napi_callback callback, void* data) {
  napi_value function = nullptr;
  // Fails only while a worker is being terminated, and then nobody will call anything.
  if (napi_create_function(exports.Env(), name, NAPI_AUTO_LENGTH, callback, data, &function) != napi_ok)
    return;
  exports.Set(name, function);
}

// Each copy of the JavaScript half opens an environment of its own: Jest, for one, loads the half anew
// for every test file and the addon once.
Napi::Value Open(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Napi::Object exports = Napi::Object::New(env);
  auto owned = std::make_unique<tally::Environment>(env, info[0].As<Napi::Boolean>());
  tally::Environment* environment = owned.release();
  env.AddCleanupHook(
      [](tally::Environment* leaving) {
        leaving->TearDown();
        std::unique_ptr<tally::Environment> last(leaving);
      },
      environment);

  using namespace tally::entry;
  exports.Set("nursery", environment->NurseryBuffer());
  exports.Set("protocol", Protocol(env));
  exports.Set("freeBlock", Napi::BigInt::New(env, static_cast<uint64_t>(tally::FreeBlockAddress())));
  exports.Set("nothing", Napi::BigInt::New(env, static_cast<uint64_t>(tally::NothingAddress())));
  exports.Set("canBind", tally::Destructor::CanBind());
  exports.Set("canMeter", tally::Meter::CanCount());
  exports.Set("mostMeters", tally::Meter::kMeters);

#define TALLY_EXPORT(name, function) exports.Set(name, Napi::Function::New<function>(env, name, environment))
  TALLY_EXPORT("addKind", AddKind);
  TALLY_EXPORT("dropKind", DropKind);
  TALLY_EXPORT("removeUnusedKinds", RemoveUnusedKinds);
  TALLY_EXPORT("pin", Pin);
  TALLY_EXPORT("pinRunning", PinRunning);
  TALLY_EXPORT("unpinIdle", UnpinIdle);

  TALLY_EXPORT("flush", Flush);
  TALLY_EXPORT("free", Free);
  TALLY_EXPORT("freeOnce", FreeOnce);
  ExportPlain(exports, "disposeYoung", DisposeYoung, environment);
  ExportPlain(exports, "releaseYoung", ReleaseYoung, environment);

  TALLY_EXPORT("end", End);
  ExportPlain(exports, "dispose", Dispose, environment);
  TALLY_EXPORT("disposeAlone", DisposeAlone);
  TALLY_EXPORT("give", Give);
  TALLY_EXPORT("takeBack", TakeBack);
  TALLY_EXPORT("release", Release);
  TALLY_EXPORT("handOver", HandOver);
  TALLY_EXPORT("inTransit", InTransit);
  TALLY_EXPORT("takeOver", TakeOver);
  TALLY_EXPORT("hold", Hold);
  TALLY_EXPORT("unhold", Unhold);
  TALLY_EXPORT("holdsOf", HoldsOf);
  TALLY_EXPORT("resize", Resize);
  TALLY_EXPORT("sizeOf", SizeOf);
  TALLY_EXPORT("addressOf", AddressOf);
  TALLY_EXPORT("kindOf", KindOf);
  TALLY_EXPORT("hasParent", HasParent);
  TALLY_EXPORT("hasEndedParent", HasEndedParent);
  TALLY_EXPORT("owns", Owns);

  TALLY_EXPORT("view", View);
  TALLY_EXPORT("copyMemory", CopyMemory);
  TALLY_EXPORT("emptyViews", EmptyViews);
  TALLY_EXPORT("detachViewsBy", DetachViewsBy);
  TALLY_EXPORT("adviseForViews", AdviseForViews);
  TALLY_EXPORT("hasViews", HasViews);
  TALLY_EXPORT("othersOf", OthersOf);
  TALLY_EXPORT("beginCollection", BeginCollection);
  TALLY_EXPORT("endCollection", EndCollection);
  TALLY_EXPORT("weakenViews", WeakenViews);
  TALLY_EXPORT("onDead", OnDead);

  TALLY_EXPORT("drain", Drain);
  TALLY_EXPORT("captureContext", CaptureContext);
  TALLY_EXPORT("runScript", RunScript);
  TALLY_EXPORT("settle", Settle);
  TALLY_EXPORT("isAlive", IsAlive);
  TALLY_EXPORT("noteThrow", NoteThrow);
  TALLY_EXPORT("watchEach", WatchEach);
  TALLY_EXPORT("announceMajor", AnnounceMajor);
  TALLY_EXPORT("sweep", Sweep);
  TALLY_EXPORT("observe", Observe);
  TALLY_EXPORT("owesAssist", OwesAssist);
  TALLY_EXPORT("hasUrgent", HasUrgent);
  TALLY_EXPORT("noteMajor", NoteMajor);
  TALLY_EXPORT("root", Root);
  TALLY_EXPORT("runAlone", RunAlone);
  TALLY_EXPORT("stackPosition", StackPosition);
  TALLY_EXPORT("advise", Advise);
  TALLY_EXPORT("collected", Collected);

  TALLY_EXPORT("reportByHand", ReportByHand);
  TALLY_EXPORT("counter", Counter);
  TALLY_EXPORT("detach", Detach);
  TALLY_EXPORT("figure", Figure);
  TALLY_EXPORT("largestAccounts", LargestAccounts);
  TALLY_EXPORT("stats", Stats);
  TALLY_EXPORT("accounts", Accounts);
  TALLY_EXPORT("processStats", ProcessStats);
  TALLY_EXPORT("survey", Survey);
  TALLY_EXPORT("configure", Configure);
  TALLY_EXPORT("freeAtProcessExit", FreeAtProcessExit);
  TALLY_EXPORT("setCapabilities", SetCapabilities);

  TALLY_EXPORT("meterFor", MeterFor);
  TALLY_EXPORT("readMeters", ReadMeters);
  TALLY_EXPORT("ownNet", OwnNet);
  TALLY_EXPORT("ownAllocations", OwnAllocations);
  TALLY_EXPORT("meterKind", MeterKind);
  TALLY_EXPORT("chargeGauges", ChargeGauges);
  TALLY_EXPORT("readGauge", ReadGauge);
  TALLY_EXPORT("holdLibrary", HoldLibrary);
  TALLY_EXPORT("meters", Meters);
  TALLY_EXPORT("nextReport", NextReport);

  TALLY_EXPORT("externalAddress", ExternalAddress);
  TALLY_EXPORT("usableSize", UsableSize);
  TALLY_EXPORT("allocate", Allocate);
  TALLY_EXPORT("allocatorBytes", AllocatorBytes);
  ExportPlain(exports, "inUse", InUse, environment);
  TALLY_EXPORT("memory", Memory);
  TALLY_EXPORT("trim", Trim);
#undef TALLY_EXPORT
  return exports;
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  tally::PinAddon();
  exports.Set("open", Napi::Function::New<Open>(env, "open"));
  // What all copies of the JavaScript half share, and outlives each: an object of none of them.
  exports.Set("channels", Napi::Object::New(env));
  return exports;
}

}  // namespace

NODE_API_MODULE(NODE_GYP_MODULE_NAME, Init)
