#include "books/process_pacer.h"

#include <algorithm>
#include <thread>

namespace tally {

namespace {

constexpr int64_t kMiB = int64_t{1} << 20;
// How fast a thread can touch new memory, in bytes a millisecond: pages are zeroed for it.
constexpr int64_t kFastest = 8 * kMiB;
// For how long what was admitted may not have been touched yet, and how long an unanswered wish stands.
constexpr int64_t kInFlightFor = 8;
constexpr int64_t kWishFor = 100;
// What may be held in nurseries, by what each pointer is believed to have.
constexpr int64_t kHeld = 4 * kMiB;
// Major collections in a row that not all have answered.
constexpr int kMostIncomplete = 4;
// Below a limit so many pointers, of all threads, may wait in nurseries before it is known what they bring.
constexpr int64_t kFirstHeld = 8;

}  // namespace

template <typename Visit>
void ProcessPacer::Each(Visit visit) const {
  const int high = high_.load(std::memory_order_acquire);
  for (int i = 0; i < high; i++) {
    if (seats_[static_cast<size_t>(i)].taken_.load(std::memory_order_relaxed))
      visit(seats_[static_cast<size_t>(i)]);
  }
}

ProcessPacer::Seat* ProcessPacer::Sit(const std::atomic<uint32_t>* waiting, std::atomic<uint32_t>* most) {
  const std::lock_guard<std::mutex> lock(mutex_);
  size_t at = 0;
  while (at + 1 < kSeats && seats_[at].users_ > 0) at++;
  Seat& seat = seats_[at];
  if (seat.users_++ == 0) {
    seat.waiting = waiting;
    seat.most = most;
    seat.thread_ = std::this_thread::get_id();
    if (limit() != kNoLimit) most->store(kFirstHeld, std::memory_order_relaxed);
    seat.taken_ = true;
    high_ = std::max(high_.load(), static_cast<int>(at) + 1);
  } else {
    seat.waiting = nullptr;
    seat.most = nullptr;
  }
  return &seat;
}

void ProcessPacer::Leave(Seat* seat) {
  const std::lock_guard<std::mutex> lock(mutex_);
  seat->waiting = nullptr;
  seat->most = nullptr;
  if (--seat->users_ > 0) return;
  seat->taken_ = false;
  grown_ -= seat->grown_.exchange(0);
  if (seat->pointers_ > 0) active_--;
  pointers_seen_ -= seat->pointers_.exchange(0);
  seat->since_ = 0;
  seat->heap_ = 0;
  seat->in_flight_ = 0;
  if (seat->wanted_.exchange(0) != 0 && asked_ > 0) asked_--;
  seat->is_admitted_ = false;
  seat->kept_ = 0;
}

void ProcessPacer::Configure(int64_t budget, double growth) {
  const std::lock_guard<std::mutex> lock(mutex_);
  Pacer::Options options = pacer_.options();
  // Where sizes are right, the environments' own pacers come first.
  options.budget = std::max(budget + budget / 4, 16 * kMiB);
  options.growth = growth;
  pacer_.Configure(options);
}

int64_t ProcessPacer::Borrow(Seat* seat, int64_t budget, int64_t grown, bool is_costly) {
  const int64_t change = grown - seat->grown_.exchange(grown, std::memory_order_relaxed);
  const int64_t all = grown_.fetch_add(change, std::memory_order_relaxed) + change;
  const int64_t threads = std::max(active_.load(std::memory_order_relaxed), 1);
  const int64_t lent = std::clamp(budget - (all - grown), budget / threads, budget);
  if (!is_costly) return lent;
  if (limit() == kNoLimit) return budget;
  return std::clamp((limit() - reserve() - usage()) / threads, lent, budget);
}

int64_t ProcessPacer::Unsaid(const Seat* seat) const {
  return std::min(seat->Since() * step(), risen_.load(std::memory_order_relaxed));
}

void ProcessPacer::Came(Seat* seat, int64_t pointers) {
  if (seat->pointers_.load(std::memory_order_relaxed) == 0 && pointers > 0) active_++;
  seat->pointers_.fetch_add(pointers, std::memory_order_relaxed);
  seat->since_.fetch_add(pointers, std::memory_order_relaxed);
}

Collection ProcessPacer::Wanted(Seat* seat, int64_t others) {
  if (seat->wanted_.load(std::memory_order_relaxed) == 0) return Collection::kNone;
  const auto wanted = static_cast<Collection>(seat->wanted_.load(std::memory_order_relaxed));
  int64_t sum = 0;
  int64_t count = 0;
  {
    const std::lock_guard<std::mutex> lock(mutex_);  // what others have waiting is theirs, and may go
    Each([&](const Seat& each) {
      const int64_t since = each.Since();
      sum += since;
      count += since > 0 ? 1 : 0;
    });
  }
  // Half of the average is worth it. Until it has collected it is told again.
  if (others > 0 && seat->Since() * 2 * count >= sum) return wanted;
  Answer(seat, false, Collection::kNone);  // what it has brought counts for the next time
  return Collection::kNone;
}

int64_t ProcessPacer::Since(const Seat* seat) const { return seat->Since(); }

void ProcessPacer::SetHeap(Seat* seat, int64_t heap) {
  const std::lock_guard<std::mutex> lock(mutex_);
  // A thread may have several copies of the library, but has one heap.
  for (Seat& each : seats_) {
    if (each.thread_ == seat->thread_) each.heap_.store(0, std::memory_order_relaxed);
  }
  seat->heap_.store(heap, std::memory_order_relaxed);
}

int64_t ProcessPacer::Heaps() const {
  int64_t heap = 0;
  Each([&](const Seat& each) { heap += each.heap_.load(std::memory_order_relaxed); });
  return heap;
}

// REQUIRES: the lock. What allocators keep may be believed for one step, not near the limit, where all
// counts.
int64_t ProcessPacer::Grown(int64_t native) const {
  int64_t kept = 0;
  if (!is_near()) Each([&](const Seat& each) { kept += each.kept_; });
  return std::max(native - origin_ - std::min(kept, pacer_.step()), int64_t{0});
}

// REQUIRES: the lock. Those that are asked bring another pointer before they can answer.
Collection ProcessPacer::Advise(int64_t native) {
  return pacer_.Advise(Grown(native) + step() * std::max(threads() - 1, 0));
}

void ProcessPacer::Reconsider(int64_t usage) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const int64_t native = Native(usage);
  risen_.store(pacer_.Grown(Grown(native)), std::memory_order_relaxed);
  if (wanted_ == Collection::kNone || has_answers_ || is_rung_ || Advise(native) != Collection::kNone) return;
  wanted_ = Collection::kNone;
  asked_ = 0;
  for (Seat& each : seats_) {
    each.wanted_.store(0, std::memory_order_relaxed);
    if (each.most != nullptr) each.most->store(most_, std::memory_order_relaxed);
  }
}

bool ProcessPacer::Collected(Seat* seat, int64_t ended, Collection how) {
  const int64_t since = seat->since_.exchange(0, std::memory_order_relaxed);
  return Answer(seat, ended > 0 && ended >= since / 4, how);
}

// Who need not collect answers with kNone.
bool ProcessPacer::Answer(Seat* seat, bool has_paid, Collection how) {
  if (seat->wanted_.load(std::memory_order_relaxed) == 0) return false;
  const std::lock_guard<std::mutex> lock(mutex_);
  if (seat->wanted_.exchange(0, std::memory_order_relaxed) == 0) return false;
  has_answers_ = true;
  has_paid_ |= has_paid;
  is_major_ &= how == Collection::kMajor;
  return --asked_ == 0;
}

void ProcessPacer::Keep(Seat* seat, int64_t bytes) {
  const std::lock_guard<std::mutex> lock(mutex_);
  seat->kept_ = std::max(seat->kept_, bytes);
}

void ProcessPacer::Conclude(int64_t usage) {
  const std::lock_guard<std::mutex> lock(mutex_);
  usage_ = usage;
  for (Seat& each : seats_) each.kept_ = 0;
  End(Native(usage));
}

// REQUIRES: the lock.
void ProcessPacer::End(int64_t native) {
  // What was allocated meanwhile says nothing of what was returned.
  const int64_t after = std::min(lowest_, native) - origin_;
  const int64_t grown = std::max(native_ - origin_ - pacer_.floor(), int64_t{0});
  // Where some have not answered, what is left is not what is alive. But they may never.
  const bool counts = asked_ <= 0 || ++incomplete_ == kMostIncomplete;
  if (counts) incomplete_ = 0;
  // Who is asked for a minor one may know that only a major one pays.
  const bool is_major = wanted_ == Collection::kMajor || (has_answers_ && is_major_);
  const Collection collection =
      counts && is_major ? Collection::kMajor : std::min(wanted_, Collection::kMinor);
  pacer_.Collected(collection, after + (has_paid_ ? grown : 0), after, 0, true);
  native_ = native;
  native_at_came_ = std::min(native_at_came_, native);  // what comes from here on is measured from here
  is_rung_ = false;
  wanted_ = Collection::kNone;
  asked_ = 0;
  has_answers_ = false;
  has_paid_ = false;
  is_major_ = true;
}

void ProcessPacer::Spend(double milliseconds) {
  const std::lock_guard<std::mutex> lock(mutex_);
  time_.Spend(milliseconds);
}

bool ProcessPacer::MayCollect(int64_t now) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const int cores = std::max(static_cast<int>(std::thread::hardware_concurrency()), 1);
  return time_.HasLeft(now, std::clamp(active_.load(), 1, cores));
}

int64_t ProcessPacer::reserve() const {
  const int64_t limit = this->limit();
  return std::min(std::max(limit / 16, 4 * kMiB * (1 + threads())) + Heaps() / 10, limit / 2);
}

int64_t ProcessPacer::InFlight(const Seat* but, int64_t now) const {
  int64_t bytes = 0;
  Each([&](const Seat& each) {
    if (&each != but && now - each.in_flight_at_.load(std::memory_order_relaxed) < kInFlightFor)
      bytes += each.in_flight_.load(std::memory_order_relaxed);
  });
  return bytes;
}

// REQUIRES: the lock.
void ProcessPacer::Want(Collection collection, const Seat* but) {
  for (Seat& each : seats_) {
    if (!each.taken_ || &each == but) continue;
    if (each.Since() == 0) {
      if (but == nullptr) each.wanted_.store(0, std::memory_order_relaxed);  // nobody waits for its answer
      continue;
    }
    const uint8_t before = each.wanted_.load(std::memory_order_relaxed);
    // One that has not answered the last time is asked again.
    if (each.wanted_.exchange(std::max(before, static_cast<uint8_t>(collection)),
                              std::memory_order_relaxed) == 0 ||
        but == nullptr)
      asked_++;
    if (each.most != nullptr) each.most->store(0, std::memory_order_relaxed);
  }
}

void ProcessPacer::Ring(Seat* seat, Collection collection) {
  const std::lock_guard<std::mutex> lock(mutex_);
  is_rung_ = true;
  Want(collection, seat);
}

// The least of the last looks: now and then it is a JavaScript heap that grows.
int64_t ProcessPacer::Lasting(int64_t bytes) {
  const int64_t least = std::min({bytes, brought_[0], brought_[1]});
  brought_ = {brought_[1], bytes};
  return least;
}

double ProcessPacer::Look(int64_t usage, int64_t now) {
  const bool may_collect = MayCollect(now);
  const std::lock_guard<std::mutex> lock(mutex_);
  const int64_t last = looked_at_.load(std::memory_order_relaxed);
  if (last != kNever && now < last) return 1;  // another one has seen more
  looked_at_.store(now, std::memory_order_relaxed);
  int64_t pointers = 0;
  Each(
      [&](const Seat& each) { pointers += each.pointers_.load(std::memory_order_relaxed) + each.Waiting(); });
  const int64_t came = pointers - pointers_seen_;
  pointers_seen_ = pointers;
  const int64_t limit = this->limit();
  const int64_t native = Native(usage);
  if (usage_ == 0) {
    origin_ = native;
    native_at_came_ = native;
  }
  if (came > 0) {
    const int64_t most = limit == kNoLimit ? kHeld * kMostHeld : limit / 8;
    const int64_t brought = (native - native_at_came_) / came;
    step_ = std::min(std::max(step_ / 256 * 255, Lasting(brought)), most);
    expected_ = std::max(std::min(expected_.load(), most) / 8 * 7, brought);
    came_at_ = now;
    native_at_came_ = native;
  } else if (is_refused_.exchange(false, std::memory_order_relaxed)) {
    expected_ = Expected() / 8 * 7;  // what is never admitted would show nothing else
  }
  usage_ = usage;
  native_ = native;

  const int64_t threads = std::max(active_.load(), 1);
  const int64_t room = limit == kNoLimit ? kNoLimit : limit - reserve() - usage;
  // Near the limit the budget shrinks: to half of what is free when all garbage is gone.
  const int64_t floor = std::min(pacer_.floor() + origin_, native);
  lowest_ = std::min(lowest_, native);
  risen_.store(pacer_.Grown(Grown(native)), std::memory_order_relaxed);
  pacer_.SetMost(limit == kNoLimit ? kNoLimit : std::max((room + native - floor) / 2, step()));
  // Those that have answered go on, and need not be asked again only because others have no occasion to
  // answer.
  const bool grows = has_answers_ && native - lowest_ >= pacer_.allowance() / 4;
  if (wanted_ != Collection::kNone && (grows || now - wanted_at_ > kWishFor)) End(native);
  if (wanted_ == Collection::kNone && may_collect) {
    wanted_ = Advise(native);
    wanted_at_ = now;
    lowest_ = native;
    asked_ = 0;
    has_answers_ = false;  // those that came late were to the last one
    has_paid_ = false;
    is_major_ = true;
    if (wanted_ != Collection::kNone) Want(wanted_, nullptr);
  }

  near_.store(limit != kNoLimit && usage > limit / 2 - step() * threads, std::memory_order_relaxed);
  // Before anything has grown, a nursery holds what it can: what is believed of its pointers varies with the
  // process's memory, and what a program does must not.
  const int64_t held = room == kNoLimit ? kHeld : std::clamp(room / 4, int64_t{0}, kHeld);
  int64_t fits = held / std::max(Expected() * threads, int64_t{1});
  if (is_calm() && !is_near()) {
    const int64_t known =
        room == kNoLimit ? kMostHeld : room / 4 / std::max(Expected() * threads, int64_t{1});
    fits = std::max(known, kFirstHeld / threads);
  }
  most_ = static_cast<uint32_t>(std::min(fits, int64_t{kMostHeld}));
  Each([&](const Seat& each) {
    if (each.most != nullptr && each.wanted_.load(std::memory_order_relaxed) == 0)
      each.most->store(most_, std::memory_order_relaxed);
  });

  if (now - came_at_ > 1000) return 50;
  const int64_t headroom = std::min(room, pacer_.floor() + pacer_.step() - Grown(native));
  return std::clamp(static_cast<double>(headroom) / static_cast<double>(kFastest * threads), 1.0, 10.0);
}

// Bytes that the next pointer may bring. Below a limit the first ones may bring much.
int64_t ProcessPacer::Expected() const {
  const int64_t limit = this->limit();
  if (limit == kNoLimit) return step();
  return std::max(step(), std::min(expected_.load(std::memory_order_relaxed), limit / 16));
}

bool ProcessPacer::Admits(Seat* seat, int64_t size, int64_t usage, int64_t now, bool last) {
  const int64_t limit = this->limit();
  if (limit == kNoLimit) return true;
  if (seat->is_admitted_) {
    seat->is_admitted_ = false;
    return true;
  }
  // What was said may be wrong.
  const int64_t need = std::max(std::min(size, limit / 16), Expected());
  const int64_t kept = last ? reserve() / 2 : reserve();
  if (limit - kept - usage - InFlight(seat, now) < need) {
    seat->in_flight_.store(0, std::memory_order_relaxed);
    is_refused_.store(true, std::memory_order_relaxed);
    return false;
  }
  seat->in_flight_.store(need, std::memory_order_relaxed);
  seat->in_flight_at_.store(now, std::memory_order_relaxed);
  return true;
}

}  // namespace tally
