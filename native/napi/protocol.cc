// The numbers that both halves must agree on: JavaScript reads them here. lib/binding/javascript/protocol.js
// has the same names.

#include "env/environment.h"
#include "meters/audit.h"
#include "meters/counted_blocks.h"
#include "meters/import_slots.h"
#include "napi/entry_points.h"
#include "napi/values.h"

namespace tally::entry {

Napi::Object Protocol(Napi::Env env) {
  const auto group = [env](Napi::Object parent, const char* name) {
    Napi::Object object = Napi::Object::New(env);
    Define(parent, name, object);
    return object;
  };
  Napi::Object protocol = Napi::Object::New(env);
  Napi::Object drained = group(protocol, "drained");
  Put(drained, "DONE", Environment::kDone);
  Put(drained, "MORE", Environment::kMore);
  Napi::Object advice = group(protocol, "advice");
  Put(advice, "MINOR", Collection::kMinor);
  Put(advice, "MAJOR", Collection::kMajor);
  Put(advice, "SWEEP", Environment::kSweep);
  Put(advice, "FOR_ALL", Environment::kForAll);
  Napi::Object refusal = group(protocol, "refusal");
  Put(refusal, "NONE", Refusal::kNone);
  Put(refusal, "NO_MEMORY", Refusal::kNoMemory);
  Put(refusal, "TOO_MUCH", Refusal::kTooMuch);
  Put(refusal, "OVER_LIMIT", Refusal::kOverLimit);
  Put(refusal, "STOPPED", Refusal::kStopped);
  Put(refusal, "PROCESS_FULL", Refusal::kProcessFull);
  Napi::Object nursery = group(protocol, "nursery");
  Put(nursery, "CAPACITY", Nursery::kCapacity);
  Put(nursery, "SMALLEST_BATCH", Nursery::kSmallestBatch);
  Put(nursery, "LARGEST_BATCH", Collector::Batch::kCapacity);
  Put(nursery, "WAITING", Nursery::kWaiting);
  Put(nursery, "GIVEN", Nursery::kGiven);
  Put(nursery, "NO_SLOT", kNoSlot);
  Napi::Object form = group(protocol, "form");
  Put(form, "NONE", Destructor::Form::kNone);
  Put(form, "JAVASCRIPT", Destructor::Form::kJavaScript);
  Put(form, "DIRECT", Destructor::Form::kDirect);
  Put(form, "BOUND", Destructor::Form::kBound);
  Napi::Object disposed = group(protocol, "disposed");
  Put(disposed, "DONE", Environment::Disposed::kDone);
  Put(disposed, "MORE", Environment::Disposed::kMore);
  Put(disposed, "HELD", Environment::Disposed::kHeld);
  Napi::Object handed_over = group(protocol, "handedOver");
  Put(handed_over, "YES", Environment::HandedOver::kYes);
  Put(handed_over, "NO_MEMORY", Environment::HandedOver::kNoMemory);
  Put(handed_over, "VIEWED", Environment::HandedOver::kViewed);
  Napi::Object taken = group(protocol, "taken");
  Put(taken, "YES", Environment::Taken::kYes);
  Put(taken, "GONE", Environment::Taken::kGone);
  Put(taken, "TOO_MUCH", Environment::Taken::kTooMuch);
  Put(taken, "NO_MEMORY", Environment::Taken::kNoMemory);
  Napi::Object reported = group(protocol, "reported");
  Put(reported, "BELOW_ZERO", Environment::kBelowZero);
  Put(reported, "TOO_MUCH", Environment::kPastMost);
  Napi::Object block = group(protocol, "threadBlock");
  Put(block, "MARK", CountedBlocks::kMark);
  Put(block, "NET", CountedBlocks::kNet);
  Put(block, "OTHERS", CountedBlocks::kOthers);
  Put(block, "STALE", CountedBlocks::kStale);
  Put(block, "MAKER", CountedBlocks::kMaker);
  Put(block, "BALANCE", CountedBlocks::kBalance);
  Put(block, "BLOCKS", CountedBlocks::kBlocks);
  Put(block, "MOVED", CountedBlocks::kMoved);
  Put(block, "SAMPLES", CountedBlocks::kSamples);
  Put(block, "LOST", CountedBlocks::kLost);
  Put(block, "THREADS", CountedBlocks::kThreads);
  Put(block, "CALL", CountedBlocks::kCall);
  Put(block, "ARGUMENTS", CountedBlocks::kArguments);
  Put(block, "ARGUMENT", CountedBlocks::kArgument);
  Put(block, "MOST_ARGUMENTS", CountedBlocks::kMostArguments);
  Put(block, "MOST_REMEMBERED", Audit::kRemembered);
  Put(block, "MOST_CHANGES", CountedBlocks::kMostChanges);
  Napi::Object patched = group(protocol, "patched");
  Put(patched, "YES", ImportSlots::Outcome::kPatched);
  Put(patched, "NO_MEMORY", ImportSlots::Outcome::kNoMemory);
  Put(patched, "NOT_LOADED", ImportSlots::Outcome::kNotLoaded);
  Put(patched, "SANITIZED", ImportSlots::Outcome::kSanitized);
  Put(patched, "FOREIGN", ImportSlots::Outcome::kForeign);
  Put(patched, "EXPORTED", ImportSlots::Outcome::kExported);
  return protocol;
}

}  // namespace tally::entry
