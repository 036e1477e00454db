// The list of what JavaScript can see.

#include <napi.h>

#include "base/function_address.h"
#include "base/library_pin.h"
#include "base/process_memory.h"
#include "env/environment.h"
#include "napi/callback.h"
#include "napi/entry_points.h"
#include "napi/values.h"

namespace tally {

namespace {

// What JavaScript can call of one environment. Each function has the lifeline: whoever can call one keeps the
// environment.
class Functions {
 public:
  Functions(Napi::Object object, Environment* environment)
      : object_(object), environment_(environment), lifeline_(environment->Lifeline()) {}

  template <auto kFunction>
  void Add(const char* name) {
    const Napi::Env env = object_.Env();
    const napi_callback callback = entry::kCallback<kFunction>;
    napi_value function = nullptr;
    // Fails only while a worker is being terminated, and then nobody will call anything.
    if (napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, environment_, &function) != napi_ok)
      return;
    entry::Define(Napi::Object(env, function), "lifeline", lifeline_);
    entry::Define(object_, name, Napi::Value(env, function));
  }

 private:
  Napi::Object object_;
  Environment* environment_;
  Napi::Value lifeline_;
};

// Each copy of the JavaScript half opens an environment of its own: Jest, for one, loads the half anew
// for every test file and the addon once.
Napi::Value Open(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Napi::Object exports = Napi::Object::New(env);
  Environment* environment = Environment::Open(env, info[0].As<Napi::Boolean>());

  using namespace entry;
  Define(exports, "nursery", environment->NurseryBuffer());
  Define(exports, "protocol", Protocol(env));
  Define(exports, "freeBlock", Napi::BigInt::New(env, static_cast<uint64_t>(FreeBlockAddress())));
  Define(exports, "nothing", Napi::BigInt::New(env, static_cast<uint64_t>(NothingAddress())));
  Define(exports, "canBind", Destructor::CanBind());
  Define(exports, "canMeter", Meter::CanCount());
  Define(exports, "mostMeters", Meter::kMeters);

  Functions functions(exports, environment);
  functions.Add<AddKind>("addKind");
  functions.Add<&Environment::DropKind>("dropKind");
  functions.Add<&Environment::RemoveUnusedKinds>("removeUnusedKinds");
  functions.Add<&Environment::Pin>("pin");
  functions.Add<&Environment::PinRunning>("pinRunning");
  functions.Add<&Environment::UnpinIdle>("unpinIdle");

  functions.Add<&Environment::Flush>("flush");
  functions.Add<&Environment::Free>("free");
  functions.Add<FreeOnce>("freeOnce");
  functions.Add<&Environment::DisposeYoung>("disposeYoung");
  functions.Add<ReleaseYoung>("releaseYoung");

  functions.Add<&Environment::End>("end");
  functions.Add<&Environment::Dispose>("dispose");
  functions.Add<&Environment::DisposeAlone>("disposeAlone");
  functions.Add<Dependents>("dependents");
  functions.Add<&Environment::Give>("give");
  functions.Add<&Environment::TakeBack>("takeBack");
  functions.Add<Release>("release");
  functions.Add<HandOver>("handOver");
  functions.Add<InTransit>("inTransit");
  functions.Add<TakeOver>("takeOver");
  functions.Add<&Environment::Hold>("hold");
  functions.Add<&Environment::Unhold>("unhold");
  functions.Add<HoldsOf>("holdsOf");
  functions.Add<&Environment::Resize>("resize");
  functions.Add<SizeOf>("sizeOf");
  functions.Add<AddressOf>("addressOf");
  functions.Add<KindOf>("kindOf");
  functions.Add<AddParent>("addParent");
  functions.Add<RemoveParent>("removeParent");
  functions.Add<DependsOn>("dependsOn");
  functions.Add<Keep>("keep");
  functions.Add<Kept>("kept");
  functions.Add<HasParent>("hasParent");
  functions.Add<HasEndedParent>("hasEndedParent");
  functions.Add<Owns>("owns");

  functions.Add<View>("view");
  functions.Add<CopyMemory>("copyMemory");
  functions.Add<EmptyViews>("emptyViews");
  functions.Add<DetachViewsBy>("detachViewsBy");
  functions.Add<&Environment::AdviseForViews>("adviseForViews");
  functions.Add<HasViews>("hasViews");
  functions.Add<OthersOf>("othersOf");
  functions.Add<BeginCollection>("beginCollection");
  functions.Add<&Environment::EndCollection>("endCollection");
  functions.Add<WeakenViews>("weakenViews");
  functions.Add<OnDead>("onDead");

  functions.Add<&Environment::Drain>("drain");
  functions.Add<RunNative>("runNative");
  functions.Add<&Environment::PutOff>("putOff");
  functions.Add<NoteFailure>("noteFailure");
  functions.Add<DescribeFailure>("describeFailure");
  functions.Add<&Environment::CaptureContext>("captureContext");
  functions.Add<&Environment::RunScript>("runScript");
  functions.Add<&Environment::Settle>("settle");
  functions.Add<IsAlive>("isAlive");
  functions.Add<&Environment::NoteThrow>("noteThrow");
  functions.Add<&Environment::WatchEach>("watchEach");
  functions.Add<&Environment::AnnounceMajor>("announceMajor");
  functions.Add<&Environment::Sweep>("sweep");
  functions.Add<&Environment::Observe>("observe");
  functions.Add<&Environment::owes_assist>("owesAssist");
  functions.Add<HasUrgent>("hasUrgent");
  functions.Add<&Environment::NoteMajor>("noteMajor");
  functions.Add<&Environment::Root>("root");
  functions.Add<RunAlone>("runAlone");
  functions.Add<StackPosition>("stackPosition");
  functions.Add<&Environment::Advise>("advise");
  functions.Add<&Environment::Collected>("collected");

  functions.Add<&Environment::ReportByHand>("reportByHand");
  functions.Add<Counter>("counter");
  functions.Add<Detach>("detach");
  functions.Add<&Environment::Read>("figure");
  functions.Add<LargestAccounts>("largestAccounts");
  functions.Add<Stats>("stats");
  functions.Add<Accounts>("accounts");
  functions.Add<ProcessStats>("processStats");
  functions.Add<Survey>("survey");
  functions.Add<Configure>("configure");
  functions.Add<&Environment::FreeAtProcessExit>("freeAtProcessExit");
  functions.Add<SetCapabilities>("setCapabilities");

  functions.Add<MeterFor>("meterFor");
  functions.Add<&Environment::ReadMeters>("readMeters");
  functions.Add<OwnNet>("ownNet");
  functions.Add<OwnAllocations>("ownAllocations");
  functions.Add<MeterKind>("meterKind");
  functions.Add<&Environment::ChargeGauges>("chargeGauges");
  functions.Add<ReadGauge>("readGauge");
  functions.Add<HoldLibrary>("holdLibrary");
  functions.Add<Meters>("meters");
  functions.Add<NextReport>("nextReport");

  functions.Add<FunctionAddress>("functionAddress");
  functions.Add<ExternalAddress>("externalAddress");
  functions.Add<UsableSize>("usableSize");
  functions.Add<Allocate>("allocate");
  functions.Add<AllocatorBytes>("allocatorBytes");
  functions.Add<InUse>("inUse");
  functions.Add<Memory>("memory");
  functions.Add<TrimAllocator>("trim");
  return exports;
}

}  // namespace

}  // namespace tally

namespace {

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  tally::PinAddon();
  tally::entry::Define(exports, "open", Napi::Function::New<tally::Open>(env, "open"));
  // What all copies of the JavaScript half share, and outlives each: an object of none of them.
  tally::entry::Define(exports, "shared", Napi::Object::New(env));
  return exports;
}

}  // namespace

NODE_API_MODULE(NODE_GYP_MODULE_NAME, Init)
