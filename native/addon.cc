// The list of what JavaScript can see.

#include <napi.h>

#include "base/first_thread.h"
#include "base/function_address.h"
#include "base/library_pin.h"
#include "base/process_memory.h"
#include "env/environment.h"
#include "meters/audit.h"
#include "meters/call_stubs.h"
#include "meters/counted_blocks.h"
#include "meters/crash_note.h"
#include "meters/import_slots.h"
#include "meters/owned_blocks.h"
#include "meters/quarantine.h"
#include "meters/samples.h"
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
  Define(exports, "hasBackground", true);
  Define(exports, "hasBlackBox", BlackBox::IsSupported());
  Define(exports, "canMeter", Meter::CanCount());
  Define(exports, "canPatch", ImportSlots::CanPatch());
  Define(exports, "canLoadDeep", ImportSlots::CanLoadDeep());
  Define(exports, "mostMeters", Meter::kMeters);

  Functions functions(exports, environment);
  functions.Add<AddKind>("addKind");
  functions.Add<&Ledger::DropKind>("dropKind");
  functions.Add<&Environment::RemoveUnusedKinds>("removeUnusedKinds");
  functions.Add<&Environment::Pin>("pin");
  functions.Add<&Environment::PinRunning>("pinRunning");
  functions.Add<&Environment::UnpinIdle>("unpinIdle");

  functions.Add<&Environment::Flush>("flush");
  functions.Add<&Environment::Free>("free");
  functions.Add<&Environment::FreeInHand>("freeInHand");
  functions.Add<FreeOnce>("freeOnce");
  functions.Add<&Environment::DisposeYoung>("disposeYoung");
  functions.Add<&Environment::ReleaseYoung>("releaseYoung");

  functions.Add<&Environment::End>("end");
  functions.Add<&Environment::Dispose>("dispose");
  functions.Add<&Environment::DisposeAlone>("disposeAlone");
  functions.Add<Dependents>("dependents");
  functions.Add<DependentSlots>("dependentSlots");
  functions.Add<&Environment::Give>("give");
  functions.Add<&Ledger::TakeBack>("takeBack");
  functions.Add<&Environment::Release>("release");
  functions.Add<HandOver>("handOver");
  functions.Add<InTransit>("inTransit");
  functions.Add<TakeOver>("takeOver");
  functions.Add<&Ledger::Hold>("hold");
  functions.Add<&Ledger::Unhold>("unhold");
  functions.Add<&Ledger::HoldsOf>("holdsOf");
  functions.Add<&Environment::Resize>("resize");
  functions.Add<&Ledger::SizeOf>("sizeOf");
  functions.Add<&Ledger::AddressOf>("addressOf");
  functions.Add<&Ledger::KindOf>("kindOf");
  functions.Add<&Ledger::AddParent>("addParent");
  functions.Add<&Ledger::RemoveParent>("removeParent");
  functions.Add<&Ledger::DependsOn>("dependsOn");
  functions.Add<&KeptValues::Keep>("keep");
  functions.Add<&KeptValues::Of>("kept");
  functions.Add<&Ledger::HasParent>("hasParent");
  functions.Add<&Ledger::HasEndedParent>("hasEndedParent");
  functions.Add<&Ledger::Owns>("owns");

  functions.Add<View>("view");
  functions.Add<CopyBytes>("copyMemory");
  functions.Add<EmptyViews>("emptyViews");
  functions.Add<&Views::DetachBy>("detachViewsBy");
  functions.Add<&Environment::AdviseForViews>("adviseForViews");
  functions.Add<&Views::any>("hasViews");
  functions.Add<&Ledger::OthersOf>("othersOf");
  functions.Add<&Environment::BeginCollection>("beginCollection");
  functions.Add<&Environment::EndCollection>("endCollection");
  functions.Add<&Views::Weaken>("weakenViews");
  functions.Add<&Views::NotifyBy>("onDead");

  functions.Add<&Environment::Drain>("drain");
  functions.Add<&Environment::in_background>("inBackground");
  functions.Add<&Environment::AwaitBackground>("awaitBackground");
  functions.Add<&Environment::CloseBackground>("closeBackground");
  functions.Add<RunNative>("runNative");
  functions.Add<&Ledger::PutOff>("putOff");
  functions.Add<&Ledger::NoteFailure>("noteFailure");
  functions.Add<DescribeFailure>("describeFailure");
  functions.Add<&AsyncContexts::Capture>("captureContext");
  functions.Add<&AsyncContexts::Run>("runScript");
  functions.Add<&Environment::Settle>("settle");
  functions.Add<IsAlive>("isAlive");
  functions.Add<&Environment::NoteThrow>("noteThrow");
  functions.Add<&Collector::WatchEach>("watchEach");
  functions.Add<&Environment::AnnounceMajor>("announceMajor");
  functions.Add<&Environment::Sweep>("sweep");
  functions.Add<&Environment::Observe>("observe");
  functions.Add<&Environment::owes_assist>("owesAssist");
  functions.Add<&Ledger::HasUrgent>("hasUrgent");
  functions.Add<&Environment::NoteMajor>("noteMajor");
  functions.Add<&Environment::Root>("root");
  functions.Add<RunAlone>("runAlone");
  functions.Add<StackPosition>("stackPosition");
  functions.Add<&Environment::Advise>("advise");
  functions.Add<&Environment::Collected>("collected");

  functions.Add<&Environment::ReportByHand>("reportByHand");
  functions.Add<Counter>("counter");
  functions.Add<Detach>("detach");
  functions.Add<&Ledger::bytes>("bytes");
  functions.Add<&Ledger::pointers>("pointers");
  functions.Add<&Ledger::dead_bytes>("deadBytes");
  functions.Add<&Ledger::dead_pointers>("deadPointers");
  functions.Add<&Ledger::total>("live");
  functions.Add<&Ledger::tracked>("tracked");
  functions.Add<&Environment::limit>("limit");
  functions.Add<LargestAccounts>("largestAccounts");
  functions.Add<Stats>("stats");
  functions.Add<Accounts>("accounts");
  functions.Add<ProcessStats>("processStats");
  functions.Add<Survey>("survey");
  functions.Add<GatherObjects>("gatherObjects");
  functions.Add<Configure>("configure");
  functions.Add<&Environment::FreeAtProcessExit>("freeAtProcessExit");
  functions.Add<SetProcessLimit>("setProcessLimit");
  functions.Add<ProcessMemory>("processMemory");
  functions.Add<&Environment::ProcessAdmits>("processAdmits");
  functions.Add<&Environment::AdmitNext>("admitNext");
  functions.Add<&Environment::RingOthers>("ringOthers");
  functions.Add<&ProcessPacer::is_calm>("isCalm");
  functions.Add<&Environment::IsWanted>("isWanted");
  functions.Add<&Environment::Unswept>("unswept");
  functions.Add<&Environment::HoldsGarbage>("holdsGarbage");
  functions.Add<&Environment::StartWatch>("startWatch");
  functions.Add<&Environment::Reconsider>("reconsider");
  functions.Add<ThreadCpuTime>("threadCpuTime");
  functions.Add<SetBlackBox>("setBlackBox");
  functions.Add<&ProcessWatch::MarkEnd>("endBlackBox");
  functions.Add<&ProcessPacer::is_near>("isNearLimit");
  functions.Add<MayCollect>("mayCollect");
  functions.Add<&ProcessPacer::Spend>("spendOnCollections");
  functions.Add<TrimForAll>("trimForAll");
  functions.Add<Sleep>("sleep");
  functions.Add<&Environment::FreeNow>("freeNow");
  functions.Add<SetCapabilities>("setCapabilities");

  functions.Add<MeterFor>("meterFor");
  functions.Add<&Environment::ReadMeters>("readMeters");
  functions.Add<OwnNet>("ownNet");
  functions.Add<OwnAllocations>("ownAllocations");
  functions.Add<&Environment::MeterKind>("meterKind");
  functions.Add<&Environment::ChargeGauges>("chargeGauges");
  functions.Add<ReadGauge>("readGauge");
  functions.Add<HoldLibrary>("holdLibrary");
  functions.Add<Meters>("meters");
  functions.Add<NextReport>("nextReport");

  functions.Add<ThreadBlock>("threadBlock");
  functions.Add<CountedBlocks::NewAccounts>("newAccounts");
  functions.Add<PatchSlots>("patchSlots");
  functions.Add<PatchNewSlots>("patchNewSlots");
  functions.Add<ImportSlots::CountingFree>("countingFree");
  functions.Add<ImportSlots::IsAllocator>("isAllocator");
  functions.Add<AdoptBlock>("adoptBlock");
  functions.Add<FindExported>("findExported");
  functions.Add<CountedBytes>("countedBytes");
  functions.Add<WatchBlock>("watchBlock");
  functions.Add<IsWatchedBlock>("isWatchedBlock");
  functions.Add<MergeAccounts>("mergeAccounts");
  functions.Add<TakeChanges>("takeChanges");
  functions.Add<CountedBlocks::ResumeThreads>("resumeThreads");
  functions.Add<CountedTotals>("countedTotals");
  functions.Add<CallStubs::Take>("takeStub");
  functions.Add<CallStubs::GiveBack>("giveBackStub");
  functions.Add<OwnBlock>("ownBlock");
  functions.Add<OwnedBlocks::Disown>("disownBlock");
  functions.Add<&Environment::ObjectOrEnd>("objectOrEnd");
  functions.Add<NextLoss>("nextLoss");
  functions.Add<Quarantine::Use>("quarantine");

  functions.Add<AuditOn>("auditOn");
  functions.Add<CrashNote::WriteTo>("noteCrash");
  functions.Add<AuditMaker>("auditMaker");
  functions.Add<Audit::Rename>("auditRename");
  functions.Add<Audit::HasLeft>("auditHasLeft");
  functions.Add<Audit::Give>("auditGive");
  functions.Add<Audit::SetElsewhere>("auditElsewhere");
  functions.Add<Audit::Returned>("auditReturned");
  functions.Add<Audit::AddedTo>("auditAddedTo");
  functions.Add<Audit::Tracked>("auditTracked");
  functions.Add<Audit::Called>("auditCalled");
  functions.Add<AuditMade>("auditMade");
  functions.Add<CountedBlocks::NoteGiven>("auditGiven");
  functions.Add<AuditLive>("auditLive");
  functions.Add<AuditMakers>("auditMakers");
  functions.Add<AuditActs>("auditActs");
  functions.Add<AuditHeld>("auditHeld");

  functions.Add<ProfileOn>("profileOn");
  functions.Add<Samples::Stop>("profileOff");
  functions.Add<ProfileStack>("profileStack");
  functions.Add<Samples::CalledFrom>("profileCalled");
  functions.Add<ProfileSites>("profileSites");
  functions.Add<ProfileCode>("profileCode");

  functions.Add<FunctionAddress>("functionAddress");
  functions.Add<IsVariable>("isVariable");
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
  tally::entry::Define(exports, "isFirstThread", tally::IsFirstThread());
  tally::entry::Define(exports, "open", Napi::Function::New<tally::Open>(env, "open"));
  // What all copies of the JavaScript half share, and outlives each: an object of none of them.
  tally::entry::Define(exports, "shared", Napi::Object::New(env));
  return exports;
}

}  // namespace

NODE_API_MODULE(NODE_GYP_MODULE_NAME, Init)
