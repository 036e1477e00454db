// What JavaScript calls beside the methods of Environment, by way of napi/callback.h. These turn Node-API
// values into C++ and back and do nothing else: lib/ has validated every argument.

#ifndef FFI_TALLY_NAPI_ENTRY_POINTS_H_
#define FFI_TALLY_NAPI_ENTRY_POINTS_H_

#include <napi.h>

#include "env/environment.h"

namespace tally::entry {

Napi::Object Protocol(Napi::Env env);

double AddKind(Environment& environment, Napi::Value label, Destructor::Form form, Napi::Value function,
               Napi::Value arguments);
void FreeOnce(Destructor::Form form, uint64_t function, Napi::Value arguments, uint64_t address,
              int64_t size);
// The objects of all that needs its memory, children first; undefined without memory.
Napi::Value Dependents(Environment& environment, Napi::Env env, SlotId slot);
void ReleaseYoung(Environment& environment, uint32_t index, bool freed);
bool Release(Environment& environment, SlotId slot, bool freed);

// An Environment::HandedOver; undefined where the worker is being terminated.
Napi::Value HandOver(Environment& environment, Napi::Env env, SlotId slot, Napi::Value key, Napi::Value label,
                     bool shared, Napi::Value arguments);
// { address, size, label, shared, form, code, args }; undefined if it is gone, null without memory.
Napi::Value InTransit(Napi::Env env, Napi::Value key);
Environment::Taken TakeOver(Environment& environment, Napi::Value key, uint32_t kind);

uint32_t HoldsOf(Environment& environment, SlotId slot);  // children, calls and views
int64_t SizeOf(Environment& environment, SlotId slot);
uint64_t AddressOf(Environment& environment, SlotId slot);
uint32_t KindOf(Environment& environment, SlotId slot);
bool AddParent(Environment& environment, SlotId slot, SlotId parent);  // false without memory
void RemoveParent(Environment& environment, SlotId slot, SlotId parent);
bool DependsOn(Environment& environment, SlotId slot, SlotId other);
bool Keep(Environment& environment, SlotId slot, napi_value value);  // false without memory
napi_value Kept(Environment& environment, SlotId slot);              // that object, or undefined
bool HasParent(Environment& environment, SlotId slot);
bool HasEndedParent(Environment& environment, SlotId slot);
bool Owns(Environment& environment, SlotId slot, uint64_t address);  // whether we have still to free it

// An ArrayBuffer, of the pointer's size if `length` is undefined; false without memory, undefined where that
// is forbidden, null for too long a one.
napi_value View(Environment& environment, Napi::Env env, SlotId slot, Napi::Value length);
void CopyMemory(uint64_t address, Napi::Uint8Array buffer);
bool EmptyViews(Environment& environment, SlotId slot, int64_t length);  // whether those beyond are empty
void DetachViewsBy(Environment& environment, napi_value function);
bool HasViews(Environment& environment);
uint32_t OthersOf(Environment& environment, SlotId slot);    // what holds it but views
void BeginCollection(Environment& environment, bool major);  // one is asked for next
void WeakenViews(Environment& environment);
void OnDead(Environment& environment, napi_value function);  // called when there is something to free

// What the destructor says, if it fails; otherwise whether no callback of it threw.
Napi::Value RunNative(Environment& environment, Napi::Env env, SlotId slot);
void NoteFailure(Environment& environment, uint32_t kind);
Napi::Value DescribeFailure(Environment& environment, Napi::Env env, SlotId slot);  // { label, ok, retries }
bool HasUrgent(Environment& environment);  // whether something must be freed now
// Whether JavaScript may go on. Node-API refuses whatever could run JavaScript from the moment when a worker
// is told to end, which is before its JavaScript stops.
bool IsAlive(Napi::Env env);
napi_value RunAlone(Napi::Function run);  // what it returns; one thread at a time
double StackPosition();                   // where on the stack this is called

int64_t Counter(Environment& environment);  // V8's own
void Detach(Napi::ArrayBuffer buffer);      // the memory of columns goes now
Napi::Value LargestAccounts(Environment& environment, Napi::Env env,
                            uint32_t most);  // [{ label, bytes, pointers }]
Napi::Value Stats(Environment& environment, Napi::Env env);
Napi::Value Accounts(Environment& environment, Napi::Env env);  // columns; by the number of the account
Napi::Value Survey(Environment& environment, Napi::Env env);    // columns; by those of accounts and kinds
Napi::Value ProcessStats(Napi::Env env);
void Configure(Environment& environment, int64_t budget, double growth, int64_t limit, bool free_at_exit);
void SetCapabilities(Environment& environment, bool can_minor, bool can_major);

// Functions; null or undefined for none.
Napi::Value MeterFor(Environment& environment, Napi::Env env, Napi::String label, bool checked);
int64_t OwnNet(uint32_t meter);          // bytes of this thread
int64_t OwnAllocations(uint32_t meter);  // of this thread
bool MeterKind(Environment& environment, uint32_t kind, uint32_t meter);
int64_t ReadGauge(uint64_t address);  // called with its library beside it, which so stays mapped
Napi::Value HoldLibrary(Napi::Env env, uint64_t address);     // what keeps it mapped
Napi::Value Meters(Environment& environment, Napi::Env env);  // figures of each, as seen last
Napi::Value NextReport(Napi::Env env);                        // a free that was wrong, or undefined

Napi::Value ExternalAddress(Napi::Env env, Napi::Value value);  // a bigint, or undefined
Napi::Value UsableSize(Napi::Env env, uint64_t address);        // bytes, or undefined
uint64_t Allocate(int64_t bytes);                               // the address of zeroes, or 0
Napi::Value AllocatorBytes(Napi::Env env);                      // { inUse, held } or undefined
double InUse();                                                 // bytes, or -1 for unknown
Napi::Value Memory(Environment& environment, Napi::Env env);

}  // namespace tally::entry

#endif  // FFI_TALLY_NAPI_ENTRY_POINTS_H_
