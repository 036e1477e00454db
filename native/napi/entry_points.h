// What JavaScript calls beside the methods of Environment, by way of napi/callback.h. These turn Node-API
// values into C++ and back and do nothing else: lib/ has validated every argument.

#ifndef FFI_TALLY_NAPI_ENTRY_POINTS_H_
#define FFI_TALLY_NAPI_ENTRY_POINTS_H_

#include <napi.h>

#include "env/environment.h"

namespace tally::entry {

Napi::Object Protocol(Napi::Env env);

double AddKind(Environment& environment, Napi::Value label, Destructor::Form form, uint64_t function,
               Napi::Value arguments, bool is_memory, bool is_background);
void FreeOnce(Destructor::Form form, uint64_t function, Napi::Value arguments, uint64_t address,
              int64_t size);
// The objects of all that needs its memory, children first; undefined without memory.
Napi::Value Dependents(Environment& environment, Napi::Env env, SlotId slot);
// The slots of the same, in any order.
Napi::Value DependentSlots(Environment& environment, Napi::Env env, SlotId slot);

// An Environment::HandedOver; undefined where the worker is being terminated.
Napi::Value HandOver(Environment& environment, Napi::Env env, SlotId slot, Napi::Value key, Napi::Value label,
                     bool shared, Napi::Value arguments);
// { address, size, label, shared, form, code, args }; undefined if it is gone, null without memory.
Napi::Value InTransit(Napi::Env env, Napi::Value key);
Environment::Taken TakeOver(Environment& environment, Napi::Value key, uint32_t kind);

// An ArrayBuffer, of the pointer's size if `length` is undefined; false without memory, undefined where that
// is forbidden, null for too long a one.
napi_value View(Environment& environment, Napi::Env env, SlotId slot, Napi::Value length);
void CopyBytes(uint64_t address, Napi::Uint8Array buffer);
bool EmptyViews(Environment& environment, SlotId slot, int64_t length);  // whether those beyond are empty

// What the destructor says, if it fails; otherwise whether no callback of it threw.
Napi::Value RunNative(Environment& environment, Napi::Env env, SlotId slot);
Napi::Value DescribeFailure(Environment& environment, Napi::Env env, SlotId slot);  // { label, ok, retries }
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
void SetProcessLimit(int64_t limit, bool followed);  // kMaxBytes for none; see ProcessWatch::SetLimit
Napi::Value ProcessMemory(Napi::Env env);            // what the kernel counts, and what it may not pass
int SetBlackBox(Napi::String path);                  // "" for none; 0, or what errno says
bool MayCollect();                                   // whether collections for the process have time left
void TrimForAll(bool must);                          // see ProcessWatch::Trim
void Sleep(double milliseconds);                     // so that other threads can free
void SetCapabilities(Environment& environment, bool can_minor, bool can_major);

// Functions; null or undefined for none.
Napi::Value MeterFor(Environment& environment, Napi::Env env, Napi::String label, bool checked);
int64_t OwnNet(uint32_t meter);          // bytes of this thread
int64_t OwnAllocations(uint32_t meter);  // of this thread
int64_t ReadGauge(uint64_t address);     // called with its library beside it, which so stays mapped
Napi::Value HoldLibrary(Napi::Env env, uint64_t address);     // what keeps it mapped
Napi::Value Meters(Environment& environment, Napi::Env env);  // figures of each, as seen last
Napi::Value NextReport(Napi::Env env);                        // a free that was wrong, or undefined

napi_value ThreadBlock(Napi::Env env);                               // the doubles of this thread
Napi::Value PatchSlots(Napi::Env env, Napi::Value path, bool deep);  // { outcome, name, modules, ... }
Napi::Value PatchNewSlots(Napi::Env env);                    // the same, of what libraries have loaded
Napi::Value FindExported(Napi::Env env, Napi::String path);  // the name of a function, or ''
double CountedBytes(uint64_t address);                       // of that block
double AdoptBlock(uint64_t address, int64_t account);        // counts a block, and returns its bytes
int64_t WatchBlock(uint64_t address);                        // the block; 0 for a stranger
bool IsWatchedBlock(int64_t block);
void MergeAccounts(int64_t from, int64_t to, int64_t bytes);
Napi::Value TakeChanges(Napi::Env env, int64_t first_account, int64_t ended);  // [account, bytes, ...]
Napi::Value CountedTotals(Napi::Env env);                                      // { blocks, bytes }
void OwnBlock(Environment& environment, uint64_t address);                     // if it is counted
Napi::Value NextLoss(Environment& environment, Napi::Env env);  // { address, file, name }, or undefined

void AuditOn();
uint32_t AuditMaker(Napi::Value text);            // its number, 0 without memory
void AuditMade(uint64_t address, int64_t bytes);  // by a function of the C library that was called itself
Napi::Value AuditLive(Napi::Env env);    // bytes by the number of the maker; at 0 all blocks ever made
Napi::Value AuditMakers(Napi::Env env);  // their figures by their number
Napi::Value AuditActs(Napi::Env env);    // [{ maker, by, enlarges, addsTo, asArgument, amount }]
// Of some pointers that these makers have returned: { pointers, held }, those to which other memory points.
Napi::Value AuditHeld(Napi::Env env, Napi::Value numbers);

bool ProfileOn(double mean, double seed);  // false if it is on
uint32_t ProfileStack(Napi::Value text);   // its number, 0 without memory
// [{ stack, native: [return addresses], bytes and blocks of each view }]
Napi::Value ProfileSites(Napi::Env env);
Napi::Value ProfileCode(Napi::Env env, double address);  // { file, name, offset }

// Gathers the objects of live pointers in arrays, and appends these to `arrays`. An ArrayBuffer of their
// sizes, or undefined without memory.
Napi::Value GatherObjects(Environment& environment, Napi::Env env, napi_value arrays, napi_value filler);
Napi::Value ExternalAddress(Napi::Env env, Napi::Value value);  // a bigint, or undefined
Napi::Value UsableSize(Napi::Env env, uint64_t address);        // bytes, or undefined
uint64_t Allocate(int64_t bytes);                               // the address of zeroes, or 0
Napi::Value AllocatorBytes(Napi::Env env);                      // { inUse, held } or undefined
double InUse();                                                 // bytes, or -1 for unknown
Napi::Value Memory(Environment& environment, Napi::Env env);

}  // namespace tally::entry

#endif  // FFI_TALLY_NAPI_ENTRY_POINTS_H_
