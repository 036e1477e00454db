// Who has made the blocks that are counted at import slots, and who frees them: while an audit runs.
//
// A maker is a number for a text that JavaScript chooses: a C function and the line that calls it. While it
// stands in the thread's block of doubles (CountedBlocks::kMaker), blocks are its. A block that C has
// returned to JavaScript is marked, and remembered when it is freed: by which maker, and whether it was an
// argument of that call.
//
// Process-wide, as slots are. Any thread.

#ifndef FFI_TALLY_METERS_AUDIT_H_
#define FFI_TALLY_METERS_AUDIT_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/fallible_vector.h"
#include "meters/block_table.h"
#include "meters/listeners.h"

namespace tally {

class Audit {
 public:
  using Block = BlockTable::Entry;

  static bool IsOn() { return Listeners::Has(Listeners::kAudit); }
  static void TurnOn() { Listeners::Add(Listeners::kAudit); }

  // Clears what is new of a block, from the first of these bytes on: it may hold pointers that were left by
  // whoever had the memory before, and FindHeld() would take them for this block's.
  static void Clear(void* block, uint64_t from, uint64_t bytes);

  // What the hooks tell. REQUIRES: IsOn.
  static void Made(uint64_t address, uint64_t bytes);
  static void Given(uint64_t address);
  // Around realloc(): its key is 0 for a stranger, and Moved() or PutBack() follows.
  static Block Take(uint64_t address);
  static void Moved(const Block& before, uint64_t address, uint64_t bytes);
  static void PutBack(const Block& block);

  // The number of that text, above 0, the same for all threads; 0 without memory.
  static uint32_t MakerOf(const char* text, size_t length);
  // What `from` has made and makes is `to`'s. REQUIRES: once for each `from`, and `to` is nobody's.
  static void Rename(uint32_t from, uint32_t to);
  // Whether something lives of the last `count` blocks of this thread that `from` has made in the current
  // call; and it is `to`'s from now on. REQUIRES: at most kRemembered, returned by nobody yet, and that both
  // exist.
  static bool HasLeft(uint32_t from, uint32_t count);
  static void Give(uint32_t from, uint32_t to, uint32_t count);
  static constexpr uint32_t kRemembered = 64;
  // Who makes what threads allocate that no maker is known of; 0 for nobody.
  static void SetElsewhere(uint32_t maker) { elsewhere_.store(maker, std::memory_order_relaxed); }

  // JavaScript has called `maker` so often since it told so last; `keeping` of the calls have kept so many
  // bytes.
  static void Called(uint32_t maker, int64_t calls, int64_t keeping, int64_t kept);

  // C has returned that block to JavaScript, from a call of `maker` that has kept so many bytes for it, and
  // it `is_tracked` there. Only what was made in that call counts, or moved by it.
  static void Returned(uint64_t address, uint32_t maker, bool is_tracked, int64_t kept);
  // A call of `maker` has made so many blocks, given no pointer, and was given this one: of the object they
  // may belong to.
  static void AddedTo(uint64_t address, uint32_t maker, int64_t made);
  // Somebody in JavaScript tracks that block from now on.
  static void Tracked(uint64_t address);

  struct Figures {
    const char* text = nullptr;
    size_t length = 0;
    int64_t made_bytes = 0;
    int64_t made_blocks = 0;
    int64_t freed_bytes = 0;
    int64_t freed_blocks = 0;
    int64_t calls = 0;
    int64_t keeping = 0;
    int64_t kept = 0;
    int64_t returned = 0;       // blocks
    int64_t whole = 0;          // of these, those at whose beginning the pointer was
    int64_t tracked = 0;        // of these, those that are alive and tracked
    int64_t tracked_bytes = 0;  // what the calls that returned those have kept
    int64_t adopted = 0;        // blocks that were ever tracked
    uint32_t renamed = 0;       // the maker that has its figures, or 0
  };
  // Numbers go from 1 to Count().
  static uint32_t Count() { return count_.load(std::memory_order_acquire); }
  static Figures Of(uint32_t maker);
  // What it made that is alive, without what is tracked. 0 for one that has been renamed.
  static int64_t LiveBytes(uint32_t maker);
  // The blocks that all makers together have made.
  static int64_t MadeBlocks();

  // What a call, or nobody who is known (0), has done to blocks of `maker`: how many it has freed, of those
  // that were returned, by how many bytes it has enlarged them, and how many it has AddedTo() them.
  enum class Act : uint8_t { kFrees, kFreesArgument, kEnlarges, kAddsTo };
  struct Done {
    uint32_t maker = 0;
    uint32_t by = 0;
    Act act = Act::kFrees;
    uint64_t amount = 0;
  };
  // Returns false without memory.
  static bool Acts(FallibleVector<Done>* acts);

  // Of some pointers that these makers have returned and nobody tracks: how many stand in the memory of a
  // block that another call has made, by way of which C may free them; and how many are blocks that lead to
  // others.
  struct Held {
    uint64_t pointers = 0;
    uint64_t held = 0;
    uint64_t leading = 0;
  };
  static Held FindHeld(const uint32_t* makers, size_t count);

  // Around a fork, as in BlockTable.
  static void LockAll();
  static void UnlockAll();

 private:
  static std::atomic<uint32_t> count_;
  static std::atomic<uint32_t> elsewhere_;
};

}  // namespace tally

#endif  // FFI_TALLY_METERS_AUDIT_H_
