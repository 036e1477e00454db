// The ProcessPacer is what the pacers of all environments have in common: a budget that they share, and what
// the kernel counts, which knows of bytes that nobody has said. It asks for collections where those grow, and
// says whether one more pointer may be tracked below the limit of the process.
//
// Each environment has a seat. On the way of a pointer there are atomics alone; the lock is for those who
// come, go, look from time to time and have collected. Knows nothing of Node. Any thread.

#ifndef FFI_TALLY_BOOKS_PROCESS_PACER_H_
#define FFI_TALLY_BOOKS_PROCESS_PACER_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <thread>

#include "books/pacer.h"
#include "books/time_share.h"

namespace tally {

class ProcessPacer {
 public:
  static constexpr int kSeats = 256;
  static constexpr int64_t kNoLimit = INT64_MAX;
  static constexpr int64_t kLate = 15;  // milliseconds
  static constexpr int64_t kNever = INT64_MAX / 2;
  static constexpr int64_t kNoise = int64_t{24} << 20;
  static constexpr uint32_t kMostHeld = 256;  // pointers, in a nursery

  // What one environment tells the others. Those without a seat, past kSeats, share the last one.
  class Seat {
   public:
    // The nursery's: so many pointers wait there, and so many may, which is written by whoever looks.
    const std::atomic<uint32_t>* waiting = nullptr;
    std::atomic<uint32_t>* most = nullptr;

   private:
    friend class ProcessPacer;
    int64_t Waiting() const { return waiting == nullptr ? 0 : waiting->load(std::memory_order_relaxed); }
    int64_t Since() const { return since_.load(std::memory_order_relaxed) + Waiting(); }

    int users_ = 0;
    std::thread::id thread_;
    std::atomic<bool> taken_{false};
    std::atomic<int64_t> pointers_{0};  // ever
    std::atomic<int64_t> since_{0};     // since it has collected for all
    std::atomic<int64_t> grown_{0};     // bytes that may be garbage
    std::atomic<int64_t> heap_{0};
    std::atomic<int64_t> in_flight_{0};  // admitted, and maybe not touched yet
    std::atomic<int64_t> in_flight_at_{INT64_MIN / 2};
    std::atomic<uint8_t> wanted_{0};  // a Collection
    int64_t kept_ = 0;                // the most that was returned at once; with the lock
    bool is_admitted_ = false;        // its own thread's
  };

  ProcessPacer() { Configure(Pacer::Options().budget, Pacer::Options().growth); }

  // See Seat. Both are there until Leave.
  Seat* Sit(const std::atomic<uint32_t>* waiting, std::atomic<uint32_t>* most);
  void Leave(Seat* seat);

  // Of the last environment that was configured.
  void Configure(int64_t budget, double growth);
  void set_limit(int64_t limit) { limit_.store(limit, std::memory_order_relaxed); }
  int64_t limit() const { return limit_.load(std::memory_order_relaxed); }

  // The part of `budget` that an environment may use, of which `grown` bytes may be garbage: what the others
  // leave, and never less than an equal share. Where collections cost too much time, all of it, but no more
  // than an equal share of what the limit leaves.
  int64_t Borrow(Seat* seat, int64_t budget, int64_t grown, bool is_costly);

  // Bytes that the pointers of that thread are believed to have brought since it collected last, of those by
  // which usage has grown.
  int64_t Unsaid(const Seat* seat) const;
  // So many pointers have come.
  void Came(Seat* seat, int64_t pointers);
  // What that thread should collect for all, of whose pointers `others` may be garbage. It is asked once; who
  // has brought less than the others, or has none, need not.
  Collection Wanted(Seat* seat, int64_t others);
  // Pointers that have come since that thread collected last.
  int64_t Since(const Seat* seat) const;
  // The pages of that thread's JavaScript heap: by what they grow, no pointer has brought.
  void SetHeap(Seat* seat, int64_t heap);
  // Its heap was told because a collection is wanted, while the kernel counts `usage`. Where the heap
  // explains what has grown, none is.
  void Reconsider(int64_t usage);
  // It has collected, by which `ended` pointers ended. Returns whether it was the last of those that were
  // asked for all: then Conclude follows.
  bool Collected(Seat* seat, int64_t ended, Collection how = Collection::kMinor);
  // That thread has collected by its own sizes, which returned `bytes`. The allocator may keep as much at
  // hand from now on: usage does not fall by it, and growth is what comes on top.
  void Keep(Seat* seat, int64_t bytes);
  // `usage` is what the kernel counts after what was freed was given back.
  void Conclude(int64_t usage);
  // Collections for all may take a quarter of the time of the threads: what one took, and whether there is
  // some left.
  void Spend(double milliseconds);
  bool MayCollect(int64_t now);

  // Looks at `usage`, read at `now` milliseconds or later, and returns after how many the next look is due.
  double Look(int64_t usage, int64_t now);
  // Whether the last look is so long ago that whoever looks has not come to.
  bool IsLate(int64_t now) const { return now - looked_at_.load(std::memory_order_relaxed) > kLate; }

  // Whether so little has come, since the last major collection for all, that it may be anything's.
  bool is_calm() const { return risen_.load(std::memory_order_relaxed) < kNoise; }
  // Whether usage is so near to the limit that it counts for each pointer.
  bool is_near() const { return near_.load(std::memory_order_relaxed); }
  // Whether one more pointer, said to have `size` bytes, may be tracked while the kernel counts `usage`;
  // `last`: where nothing helps any more, into half of the reserve.
  bool Admits(Seat* seat, int64_t size, int64_t usage, int64_t now, bool last);
  // The next pointer of that seat is admitted, whatever it is.
  void AdmitNext(Seat* seat) { seat->is_admitted_ = true; }

  // There is no room for one thread: the others shall collect.
  void Ring(Seat* seat, Collection collection);

  int threads() const { return active_.load(std::memory_order_relaxed); }
  int64_t step() const { return step_.load(std::memory_order_relaxed); }
  int64_t usage() const { return usage_.load(std::memory_order_relaxed); }
  int64_t reserve() const;

 private:
  template <typename Visit>
  void Each(Visit visit) const;
  int64_t InFlight(const Seat* but, int64_t now) const;
  void Want(Collection collection, const Seat* but);
  bool Answer(Seat* seat, bool has_paid, Collection how);
  int64_t Heaps() const;
  // Bytes of `usage` that no JavaScript heap explains.
  int64_t Native(int64_t usage) const { return std::max(usage - Heaps(), int64_t{0}); }
  int64_t Grown(int64_t native) const;
  Collection Advise(int64_t native);
  void End(int64_t native);
  int64_t Lasting(int64_t bytes);
  int64_t Expected() const;

  mutable std::mutex mutex_;
  std::array<Seat, kSeats> seats_;
  std::atomic<int> high_{0};    // seats that were ever taken
  std::atomic<int> active_{0};  // seats that have had pointers
  Pacer pacer_;
  int64_t pointers_seen_ = 0;
  int64_t wanted_at_ = 0;
  int64_t came_at_ = 0;
  int64_t native_at_came_ = 0;
  std::array<int64_t, 2> brought_{};  // bytes for each pointer, as the last looks but one found them
  int64_t native_ = 0;                // at the last look
  int64_t origin_ = 0;                // native bytes at first: the runtime's own
  int64_t lowest_ = 0;                // native bytes since the collection was asked for
  uint32_t most_ = kMostHeld;         // in a nursery
  TimeShare time_{200};
  Collection wanted_ = Collection::kNone;
  int asked_ = 0;  // seats that have not answered
  bool has_answers_ = false;
  bool has_paid_ = false;  // one of those that have
  bool is_major_ = true;   // all of those that have answered by a major one
  bool is_rung_ = false;   // somebody has no room
  int incomplete_ = 0;     // collections in a row
  std::atomic<int64_t> limit_{kNoLimit};
  std::atomic<int64_t> looked_at_{kNever};
  std::atomic<int64_t> usage_{0};
  std::atomic<int64_t> risen_{0};  // native bytes since the last major collection for all
  std::atomic<int64_t> step_{0};   // bytes for each pointer: the most, which fades
  std::atomic<int64_t> grown_{0};
  std::atomic<bool> near_{false};
  std::atomic<int64_t> expected_{kNoLimit};  // bytes of the next pointer, as any of the last looks found them
  std::atomic<bool> is_refused_{false};      // one, since the last look
};

}  // namespace tally

#endif  // FFI_TALLY_BOOKS_PROCESS_PACER_H_
