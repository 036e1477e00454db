// The blocks that C libraries have allocated and not freed, each with the bytes that were asked for and the
// account that carries them.
//
// Each thread has a block of doubles. JavaScript sees that of its own thread, so that a call costs no more
// than some writes of numbers. Its mark says who allocates: while an account's number stands there, blocks
// are booked to it.
//
// Process-wide on purpose, as import slots are. Any thread, if not said otherwise.

#ifndef FFI_TALLY_METERS_COUNTED_BLOCKS_H_
#define FFI_TALLY_METERS_COUNTED_BLOCKS_H_

#include <cstddef>
#include <cstdint>

#include "base/fallible_vector.h"
#include "meters/block_table.h"
#include "meters/call_threads.h"

namespace tally {

class CountedBlocks {
 public:
  // The doubles of a thread. kNet: bytes allocated less those freed for the account in kMark. kOthers: how
  // often another account has changed meanwhile. kStale: whether a library has loaded another one, or another
  // thread has changed an account of this one.
  // kLost: how many watched blocks this thread has freed.
  // kThreads: how many threads there are that calls for accounts have started, as far as this one knows.
  // For the profile. kSamples: how many samples wait for the stack of their call. kRun, kUntil: the profile,
  // and bytes until its next sample. The rest is for the audit. kMaker: who allocates. kBalance, kBlocks:
  // bytes made less those freed, and blocks made. kMoved: where realloc() has put something last; or kThread,
  // if a thread was started since. kCall: the number of the call, 0 for none. kArguments: how many pointers
  // it was given, from kArgument on.
  enum Field : uint8_t {
    kMark,
    kNet,
    kOthers,
    kStale,
    kMaker,
    kBalance,
    kBlocks,
    kMoved,
    kSamples,
    kRun,
    kUntil,
    kLost,
    kThreads,
    kCall,
    kArguments,
    kArgument,
    kFields = kArgument + 6
  };
  static constexpr double kThread = 1;
  static constexpr size_t kMostArguments = kFields - kArgument;

  // Marks that are no account: nobody, and a thread that a library has started.
  static constexpr double kNobody = 0;
  static constexpr double kLibraryThread = -1;

  static double* ThreadBlock();
  // This thread uses `block` instead of its own; nullptr: its own again.
  static void UseThreadBlock(double* block);
  // Whether this thread runs JavaScript that has asked for its block.
  static bool IsOfJavaScript();

  // A thread that a library starts is the library's, and works for whoever is marked. By whoever starts it;
  // if that fails, the result has ended.
  static CallThread* StartThread();
  // By the thread itself. EndThread() gets what BeginThread() was given, at its end, or before it.
  static void BeginThread(CallThread* thread, double maker);
  static void EndThread(CallThread* thread);

  // A call for that account, whose object was there before, is about to begin.
  static void ResumeThreads(int64_t account);

  // Whether somebody is marked.
  static bool IsMarked() { return ThreadBlock()[kMark] != kNobody; }

  // Whoever is marked has allocated `block`, if it is not nullptr. Returns it.
  static void* Made(void* block, size_t bytes);

  // Code at `caller` is about to free `block`: afterwards its address is anybody's. Returns its bytes, 0 for
  // a stranger.
  static size_t Given(void* block, void* caller);
  // The same where the thread is at its end and has no thread_local variables: nobody else is told.
  static size_t GivenAtExit(void* block);

  struct Reallocator {
    void* (*resize)(const Reallocator& self, void* block, size_t bytes);  // as realloc() does
  };
  // What `by` does, and counts what was counted before; if `counts`, also a stranger.
  static void* Resize(void* block, size_t bytes, bool counts, void* caller, const Reallocator& by);

  static void SetStale(bool is_stale);

  // Accounts of one more environment, that of the thread whose block is in use: numbers from the result on,
  // kAccounts of them. Above 0.
  static double NewAccounts();
  static constexpr uint64_t kAccounts = uint64_t{1} << 32;

  // All that is counted and not freed.
  static BlockTable::Totals Sum();
  // What is known of a block; its key is 0 for a stranger.
  static BlockTable::Entry Find(uint64_t address);

  // From now on IsWatched() tells whether the block is still there that this address is in, behind a header
  // at most, and no other one in its place. Returns the address of that block, 0 for a stranger.
  static uint64_t Watch(uint64_t address);
  static bool IsWatched(uint64_t block);

  // An allocator of a library's own may put as many bytes before what it gives.
  static constexpr uint64_t kLargestHeader = 32;

  // For functions of the C library that were called through no slot: what they have made or free.
  static void NoteMade(uint64_t address, uint64_t bytes);
  static void NoteGiven(uint64_t address);
  // Counts a block that somebody has allocated through no slot.
  static void Adopt(uint64_t address, uint64_t bytes, uint64_t account);

  // `bytes` of the account `from` belong to `to` from now on.
  static void Merge(uint64_t from, uint64_t to, uint64_t bytes);

  struct Change {
    uint64_t account = 0;
    int64_t bytes = 0;
  };
  // Of more accounts, among them those that nobody asks for any more, some changes are lost.
  static constexpr size_t kMostChanges = size_t{1} << 16;
  // What changed while another mark stood, or in other threads, of the accounts that NewAccounts() gave from
  // `first` on. The call for the account `ended` has returned. Returns false without memory.
  static bool TakeChanges(uint64_t first, uint64_t ended, FallibleVector<Change>* changes);

  // From now on blocks are counted.
  static void Begin();

  // Around a fork, so that the child finds no lock that nobody will release.
  static void LockAll();
  static void UnlockAll();
  static void UnlockInChild();
};

// While it lives, the account of the object at that address is marked, because its destructor runs. It leaves
// what the thread has counted as it was.
class EndOfAccount {
 public:
  explicit EndOfAccount(uint64_t address);
  EndOfAccount(const EndOfAccount&) = delete;
  EndOfAccount& operator=(const EndOfAccount&) = delete;
  ~EndOfAccount();

 private:
  double* block_ = nullptr;
  double mark_ = 0;
  double net_ = 0;
};

}  // namespace tally

#endif  // FFI_TALLY_METERS_COUNTED_BLOCKS_H_
