// Views are ArrayBuffers over tracked memory. All views of a pointer together hold its slot until nobody can
// be using the memory by way of them, whatever has become of the pointer.
//
// When is that? Node's asynchronous calls keep the ArrayBuffer object, so a view is in use as long as that is
// alive. But a byte stream or `transfer()` moves the memory into another ArrayBuffer, which nobody knows. So
// the object must be dead, and one of two things must be true:
//
// 1. Right before the collection that killed it, it was attached (its memory had not been moved), and no
//    JavaScript ran in between. BeginCollection and EndCollection see to that. New views are held strongly,
//    so that no collection of V8's own comes first.
// 2. The finalizer of the memory has run. V8 calls it when no ArrayBuffer has the memory any more: some time
//    after a collection, and only from the event loop. So when the loop turns, views are held weakly, and V8
//    may collect them.
//
// Not thread-safe: use on the thread of its environment only.

#ifndef FFI_TALLY_ENV_VIEWS_H_
#define FFI_TALLY_ENV_VIEWS_H_

#include <napi.h>

#include <atomic>
#include <cstdint>
#include <memory>

#include "base/fallible_vector.h"
#include "books/ledger.h"
#include "books/pacer.h"

namespace tally {

class Views {
 public:
  Views(napi_env env, Ledger* ledger) : env_(env), ledger_(ledger) {}
  Views(const Views&) = delete;
  Views& operator=(const Views&) = delete;

  static constexpr int64_t kAll = -1;  // a length below that of any view

  // The view of that length, which may be there already; or why there can be none. REQUIRES: room by Reserve;
  // the slot is live.
  napi_status Open(SlotId slot, size_t length, napi_value* buffer);
  // Makes room for views of that slot; false without memory.
  bool Reserve(SlotId slot);

  // C is about to have the memory of `slot` beyond `length`: detaches the views that reach there. Returns
  // whether that is all that has it, as far as can be known: it may have been moved.
  bool Empty(SlotId slot, int64_t length);

  // What detaches a buffer without ending the process where that is forbidden:
  // ArrayBuffer.prototype.transfer. Held weakly, as what NotifyBy is given.
  void DetachBy(napi_value function);

  // A collection is asked for between these two, and no JavaScript of anybody else runs meanwhile. Two
  // functions, so that the handles of the first are gone: in Deno those of Node-API stay until it has
  // returned to JavaScript. The second lets go of the views that the collection has killed. Returns whether
  // another one is likely to find more: marking that was under way may have begun when views were strong.
  void BeginCollection(bool major);
  bool EndCollection(bool major);
  // A major collection of V8's own has run: lets go of what had waited only for its object's death.
  void LetGoOfDead();
  // From now on V8's own collections may kill what there is.
  void Weaken();
  // Whether a collection is due because of the number of views that are held strongly.
  Collection Wish() const;

  // Calls `function` when the event loop has let go of a slot, which may be ready to be freed then. Without
  // it finalizers may be called in any thread, as in Deno, and nothing is known at the end.
  void NotifyBy(napi_value function);

  // Whether the end of the environment needs to know which views are unmoved, to free their memory.
  void FreeAtEnd(bool wanted);
  // The environment has ended, and Node waited for all that it did in its name: lets go of all views but
  // those that may have been moved, to another thread perhaps, or to where nobody knows. These hold their
  // slots for ever.
  void Stop();

  bool any() const { return viewed_slots_ > 0; }
  // Bytes that V8 counts itself.
  int64_t counted_bytes() const { return counted_bytes_; }
  // Bytes of strong views that no collection of ours has tried; or no major one.
  int64_t new_bytes() const { return untried_[kByAny].bytes; }
  int64_t young_bytes() const { return untried_[kByMajor].bytes; }

 private:
  // Where a view stands. kUnproven: it was moved, or its object died before anybody looked. kLeft: nobody has
  // its memory, only its object is still there, detached.
  enum class Place : uint8_t { kStrong, kWeak, kUnproven, kLeft };
  static constexpr int kPlaces = 4;
  // Collections that an object must survive to be in V8's old generation for certain, and one more.
  static constexpr uint8_t kSurvivalsToOld = 3;
  enum Tried { kByAny, kByMajor };  // collections of ours

  // What has happened to a view; both, and it is deleted.
  static constexpr uint8_t kDisowned = 1;
  static constexpr uint8_t kFinalized = 2;  // nobody has the memory

  struct Link {
    Link* previous = this;
    Link* next = this;

    Link() = default;
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;
    void Unlink();
    void Append(Link* link);
  };
  struct View;
  // All views of a slot.
  struct Viewed {
    View* first = nullptr;  // of those that are not unproven
    uint32_t count = 0;
    uint32_t unproven = 0;
    int64_t reach = kAll;  // the length of the longest that was unproven, since one was
  };
  struct View : Link {
    Views* owner = nullptr;  // until that has let go of it
    Viewed* viewed = nullptr;
    napi_ref object = nullptr;
    View* sibling = nullptr;
    int64_t length = 0;
    SlotId slot = kNoSlot;
    Place place = Place::kStrong;
    uint8_t age = 0;                 // collections of ours that it has survived
    bool untried[2] = {true, true};  // while it is strong
    bool attached = false;           // when the collection began that runs now
    bool counted = true;             // by V8
    bool is_notifying = false;       // its finalizer is called from the event loop
    std::atomic<uint8_t> done{0};
    bool unmoved = false;  // at the end of the environment
  };
  struct Sum {
    int64_t bytes = 0;
    int64_t count = 0;
  };
  struct Canary;

  static void Finalize(napi_env env, void* data, void* hint);
  Viewed* ViewsOf(SlotId slot) const { return slot < by_slot_.size() ? by_slot_[slot].get() : nullptr; }
  napi_value ObjectOf(const View& view);
  bool IsAttached(napi_value object);
  void Detach(napi_value object);
  void Strengthen(const View& view, bool strong);
  View* Find(SlotId slot, int64_t length, napi_value* object);
  void Move(View* view, Place place);
  void Try(View* view, Tried tried);
  void LeaveSiblings(View* view);
  void Uncount(View* view);
  void LetGo(View* view);
  void Disown(View* view);
  void NoteFinalized(View* view);
  Link* ListOf(const View& view) {
    return &lists_[static_cast<int>(view.place)][view.age >= kSurvivalsToOld ? 1 : 0];
  }
  template <typename F>
  void Each(Link* list, F&& visit);
  template <typename F>
  void EachOf(bool major, F&& visit);
  void RenewCanary();
  void DropCanary();
  void Survey();

  napi_env env_;
  Ledger* ledger_;
  Link lists_[kPlaces][2];  // by place, the young first
  FallibleVector<std::unique_ptr<Viewed>> by_slot_;
  std::unique_ptr<View> spare_;
  uint32_t viewed_slots_ = 0;
  int64_t counted_bytes_ = 0;
  Sum untried_[2];
  int64_t survivors_ = 0;  // strong ones, of the last major collection of ours
  bool collecting_ = false;
  bool disturbed_ = false;  // JavaScript has run meanwhile, of a finalizer say, or because it was cut off
  napi_ref on_let_go_ = nullptr;
  napi_ref transfer_ = nullptr;
  Canary* canary_ = nullptr;
  bool free_at_end_ = false;
  bool surveyed_ = false;
};

}  // namespace tally

#endif  // FFI_TALLY_ENV_VIEWS_H_
