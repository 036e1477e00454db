// The functions that JavaScript calls, one line each in addon.cc. They turn Node-API values into C++ and
// back and do nothing else: lib/ has validated every argument.

#ifndef FFI_TALLY_NAPI_ENTRY_POINTS_H_
#define FFI_TALLY_NAPI_ENTRY_POINTS_H_

#include <napi.h>

namespace tally::entry {

Napi::Object Protocol(Napi::Env env);

Napi::Value AddKind(const Napi::CallbackInfo& info);            // (label, form, address, args) -> kind
Napi::Value DropKind(const Napi::CallbackInfo& info);           // (kind)
Napi::Value RemoveUnusedKinds(const Napi::CallbackInfo& info);  // ()
Napi::Value Pin(const Napi::CallbackInfo& info);                // (kind)
Napi::Value PinRunning(const Napi::CallbackInfo& info);         // ()
Napi::Value UnpinIdle(const Napi::CallbackInfo& info);          // ()
Napi::Value FreeOnce(const Napi::CallbackInfo& info);           // (form, address, args, pointer, size)

Napi::Value Flush(const Napi::CallbackInfo& info);  // (objects, parentSlot, forced) -> advice
Napi::Value Free(const Napi::CallbackInfo& info);   // (kind, address, size)

// What a pointer that is disposed soon costs is the cost of these, so they do without a wrapper.
napi_value DisposeYoung(napi_env env, napi_callback_info info);  // (index)
napi_value Dispose(napi_env env, napi_callback_info info);       // (slot) -> whether there is more
Napi::Value DisposeAlone(const Napi::CallbackInfo& info);        // (slot) -> as Drain
napi_value ReleaseYoung(napi_env env, napi_callback_info info);  // (index, freed)

Napi::Value End(const Napi::CallbackInfo& info);       // (slot)
Napi::Value Give(const Napi::CallbackInfo& info);      // (slot) -> holds
Napi::Value TakeBack(const Napi::CallbackInfo& info);  // (slot)
Napi::Value Release(const Napi::CallbackInfo& info);   // (slot, freed) -> whether there is more to free
// (slot, key, label, shared, args) -> 0 done, 1 no memory, 2 has views, undefined where the worker is being
// terminated
Napi::Value HandOver(const Napi::CallbackInfo& info);
// (key) -> { address, size, label, shared, form, code, args }; undefined if it is gone, null without memory
Napi::Value InTransit(const Napi::CallbackInfo& info);
Napi::Value TakeOver(
    const Napi::CallbackInfo& info);  // (key, kind) -> 0 taken, 1 gone, 2 too much, 3 no memory

Napi::Value Hold(const Napi::CallbackInfo& info);            // (slot)
Napi::Value Unhold(const Napi::CallbackInfo& info);          // (slot)
Napi::Value HoldsOf(const Napi::CallbackInfo& info);         // (slot) -> children and calls
Napi::Value Resize(const Napi::CallbackInfo& info);          // (slot, bytes) -> whether it could be charged
Napi::Value SizeOf(const Napi::CallbackInfo& info);          // (slot) -> bytes
Napi::Value AddressOf(const Napi::CallbackInfo& info);       // (slot) -> bigint
Napi::Value KindOf(const Napi::CallbackInfo& info);          // (slot) -> kind
Napi::Value HasParent(const Napi::CallbackInfo& info);       // (slot)
Napi::Value HasEndedParent(const Napi::CallbackInfo& info);  // (slot)
Napi::Value Owns(const Napi::CallbackInfo& info);  // (slot, address) -> whether we have still to free it

// (slot, length?) -> ArrayBuffer; false without memory, undefined where that is forbidden, null for too long
// a one
Napi::Value View(const Napi::CallbackInfo& info);
Napi::Value CopyMemory(const Napi::CallbackInfo& info);  // (address, buffer)
Napi::Value EmptyViews(const Napi::CallbackInfo& info);  // (slot, length) -> whether those beyond are empty
Napi::Value DetachViewsBy(const Napi::CallbackInfo& info);    // (function)
Napi::Value AdviseForViews(const Napi::CallbackInfo& info);   // () -> advice
Napi::Value HasViews(const Napi::CallbackInfo& info);         // ()
Napi::Value OthersOf(const Napi::CallbackInfo& info);         // (slot) -> what holds it but views
Napi::Value BeginCollection(const Napi::CallbackInfo& info);  // (major): one is asked for next
Napi::Value EndCollection(const Napi::CallbackInfo& info);    // (major) -> whether another may find more
Napi::Value WeakenViews(const Napi::CallbackInfo& info);      // ()
Napi::Value OnDead(const Napi::CallbackInfo& info);  // (function): called when there is something to free

Napi::Value Drain(const Napi::CallbackInfo& info);           // (milliseconds) -> slot, -1 done, -2 more
Napi::Value CaptureContext(const Napi::CallbackInfo& info);  // (slot)
Napi::Value RunScript(const Napi::CallbackInfo& info);       // (slot, function, address)
Napi::Value Settle(const Napi::CallbackInfo& info);          // (slot, failed)
Napi::Value HasUrgent(const Napi::CallbackInfo& info);       // () -> whether something must be freed now
Napi::Value OwesAssist(const Napi::CallbackInfo& info);      // () -> whether too much waits to be freed
Napi::Value IsAlive(const Napi::CallbackInfo& info);         // () -> whether JavaScript may go on
Napi::Value NoteThrow(const Napi::CallbackInfo& info);       // ()
Napi::Value WatchEach(const Napi::CallbackInfo& info);       // ()
Napi::Value AnnounceMajor(const Napi::CallbackInfo& info);   // (): one is asked for next
Napi::Value Sweep(const Napi::CallbackInfo& info);           // (milliseconds) -> done
Napi::Value Observe(const Napi::CallbackInfo& info);         // () -> whether a GC has run
Napi::Value NoteMajor(const Napi::CallbackInfo& info);       // ()
Napi::Value Root(const Napi::CallbackInfo& info);            // (value or undefined)
Napi::Value RunAlone(const Napi::CallbackInfo& info);        // (run) -> what it returns; one thread at a time
Napi::Value StackPosition(const Napi::CallbackInfo& info);   // () -> where on the stack this is called
Napi::Value Advise(const Napi::CallbackInfo& info);          // () -> advice
Napi::Value Collected(const Napi::CallbackInfo& info);       // (asked, heap) -> advice

Napi::Value ReportByHand(const Napi::CallbackInfo& info);     // (delta) -> total, -1 below zero, -2 too much
Napi::Value Counter(const Napi::CallbackInfo& info);          // () -> V8's own counter
Napi::Value Detach(const Napi::CallbackInfo& info);           // (buffer): the memory of columns goes now
Napi::Value Figure(const Napi::CallbackInfo& info);           // (which) -> count
Napi::Value LargestAccounts(const Napi::CallbackInfo& info);  // (most) -> [{ label, bytes, pointers }]
Napi::Value Stats(const Napi::CallbackInfo& info);            // () -> object
Napi::Value Accounts(const Napi::CallbackInfo& info);         // () -> columns; by the number of the account
Napi::Value Survey(const Napi::CallbackInfo& info);           // () -> columns; by those of accounts and kinds
Napi::Value ProcessStats(const Napi::CallbackInfo& info);     // () -> object
Napi::Value Configure(const Napi::CallbackInfo& info);        // (budget, growth, limit, freeAtExit)
Napi::Value FreeAtProcessExit(const Napi::CallbackInfo& info);  // ()
Napi::Value SetCapabilities(const Napi::CallbackInfo& info);    // (canMinor, canMajor)

Napi::Value MeterFor(const Napi::CallbackInfo& info);    // (label, checked) -> functions, null or undefined
Napi::Value ReadMeters(const Napi::CallbackInfo& info);  // ()
Napi::Value OwnNet(const Napi::CallbackInfo& info);      // (meter) -> bytes of this thread
Napi::Value OwnAllocations(const Napi::CallbackInfo& info);  // (meter) -> of this thread
Napi::Value MeterKind(const Napi::CallbackInfo& info);       // (kind, meter)
Napi::Value ChargeGauges(const Napi::CallbackInfo& info);    // (bytes)
Napi::Value ReadGauge(const Napi::CallbackInfo& info);       // (address, library) -> bytes
Napi::Value HoldLibrary(const Napi::CallbackInfo& info);     // (address) -> what keeps it mapped
Napi::Value Meters(const Napi::CallbackInfo& info);          // () -> figures of each, as seen last
Napi::Value NextReport(const Napi::CallbackInfo& info);      // () -> a free that was wrong, or undefined

Napi::Value ExternalAddress(const Napi::CallbackInfo& info);  // (value) -> bigint or undefined
Napi::Value UsableSize(const Napi::CallbackInfo& info);       // (address) -> bytes or undefined
Napi::Value Allocate(const Napi::CallbackInfo& info);         // (bytes) -> address of zeroes, or 0n
Napi::Value AllocatorBytes(const Napi::CallbackInfo& info);   // () -> { inUse, held } or undefined
napi_value InUse(napi_env env, napi_callback_info info);      // () -> bytes in use, -1 unknown
Napi::Value Memory(const Napi::CallbackInfo& info);           // () -> object
Napi::Value Trim(const Napi::CallbackInfo& info);             // () -> whether the platform can

}  // namespace tally::entry

#endif  // FFI_TALLY_NAPI_ENTRY_POINTS_H_
