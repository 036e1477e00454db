#include "env/views.h"

#include <algorithm>
#include <new>
#include <utility>

#include "env/check.h"

namespace tally {

namespace {

// A strong view costs a few hundred bytes of JavaScript heap that no collection of V8's own can free.
constexpr int64_t kMany = 4096;
constexpr int64_t kVeryMany = 8 * kMany;

// Of so many bytes that a major collection has left alive, when most are new, it is worth asking whether they
// are.
constexpr int64_t kWorthAnother = int64_t{8} << 20;

}  // namespace

void Views::Link::Unlink() {
  previous->next = next;
  next->previous = previous;
  previous = next = this;
}

void Views::Link::Append(Link* link) {
  link->previous = previous;
  link->next = this;
  previous->next = link;
  previous = link;
}

napi_value Views::ObjectOf(const View& view) {
  napi_value object = nullptr;
  TALLY_CHECK(napi_get_reference_value(env_, view.object, &object));
  return object;
}

bool Views::IsAttached(napi_value object) {
  bool detached = true;
  if (object != nullptr) TALLY_CHECK(napi_is_detached_arraybuffer(env_, object, &detached));
  return !detached;
}

void Views::Strengthen(const View& view, bool strong) {
  uint32_t count = 0;
  const auto change = strong ? napi_reference_ref : napi_reference_unref;
  TALLY_CHECK(change(env_, view.object, &count));
}

template <typename F>
void Views::Each(Link* list, F&& visit) {
  constexpr int kHandles = 256;
  for (Link* at = list->next; at != list;) {
    const Napi::HandleScope scope(env_);
    for (int i = 0; i < kHandles && at != list; i++) {
      auto* view = static_cast<View*>(at);
      at = at->next;
      visit(view, ObjectOf(*view));
    }
  }
}

// Of those whose objects can be alive and attached.
template <typename F>
void Views::EachOf(bool major, F&& visit) {
  for (const Place place : {Place::kStrong, Place::kWeak}) {
    Link* lists = lists_[static_cast<int>(place)];
    Each(&lists[0], visit);
    if (major) Each(&lists[1], visit);
  }
}

bool Views::Reserve(SlotId slot) {
  if (!by_slot_.Extend(size_t{slot} + 1)) return false;
  if (by_slot_[slot] == nullptr) by_slot_[slot].reset(new (std::nothrow) Viewed);
  if (spare_ == nullptr) spare_.reset(new (std::nothrow) View);
  return by_slot_[slot] != nullptr && spare_ != nullptr;
}

napi_status Views::Open(SlotId slot, size_t length, napi_value* buffer) {
  if (Find(slot, static_cast<int64_t>(length), buffer) != nullptr) return napi_ok;
  disturbed_ = true;
  auto* view = spare_.release();
  void* memory = reinterpret_cast<void*>(static_cast<uintptr_t>(ledger_->at(slot).address));
  const napi_status status = napi_create_external_arraybuffer(env_, memory, length, Finalize, view, buffer);
  // After other failures the finalizer may run all the same, later.
  if (status == napi_no_external_buffers_allowed) spare_.reset(view);
  if (status != napi_ok) return status;

  TALLY_CHECK(napi_create_reference(env_, *buffer, 1, &view->object));
  view->owner = this;
  view->is_notifying = on_let_go_ != nullptr;
  view->slot = slot;
  view->viewed = ViewsOf(slot);
  view->length = static_cast<int64_t>(length);
  if (view->viewed->count++ == 0) {
    ledger_->HoldForViews(slot);
    viewed_slots_++;
  }
  view->sibling = std::exchange(view->viewed->first, view);
  ListOf(*view)->Append(view);
  counted_bytes_ += view->length;
  for (Sum& sum : untried_) {
    sum.bytes += view->length;
    sum.count++;
  }
  if (free_at_end_ && view->is_notifying) RenewCanary();
  return napi_ok;
}

Views::View* Views::Find(SlotId slot, int64_t length, napi_value* object) {
  for (View* view = ViewsOf(slot)->first; view != nullptr;) {
    View* const next = view->sibling;
    if (view->place != Place::kLeft) {
      *object = ObjectOf(*view);
      if (!IsAttached(*object)) {
        Move(view, Place::kUnproven);
      } else if (view->length == length) {
        return view;
      }
    }
    view = next;
  }
  return nullptr;
}

void Views::LeaveSiblings(View* view) {
  View** at = &view->viewed->first;
  while (*at != view) at = &(*at)->sibling;
  *at = view->sibling;
}

void Views::Try(View* view, Tried tried) {
  for (int i = 0; i <= tried; i++) {
    if (!std::exchange(view->untried[i], false)) continue;
    untried_[i].bytes -= view->length;
    untried_[i].count--;
  }
}

void Views::Move(View* view, Place place) {
  Viewed& viewed = *view->viewed;
  if (view->place == Place::kStrong) {
    uint32_t count = 0;
    napi_reference_unref(env_, view->object, &count);  // which BeginCollection may have done
    Try(view, kByMajor);
  }
  if (view->place == Place::kUnproven && --viewed.unproven == 0) viewed.reach = kAll;
  if (place == Place::kUnproven) {
    LeaveSiblings(view);
    viewed.unproven++;
    viewed.reach = std::max(viewed.reach, view->length);
  } else if (view->place == Place::kUnproven) {
    view->sibling = std::exchange(viewed.first, view);
  }
  view->Unlink();
  view->place = place;
  ListOf(*view)->Append(view);
}

void Views::Uncount(View* view) {
  if (std::exchange(view->counted, false)) counted_bytes_ -= view->length;
}

// Nobody can be using the memory by way of this view.
void Views::LetGo(View* view) {
  Viewed& viewed = *view->viewed;
  if (view->place == Place::kUnproven) {
    if (--viewed.unproven == 0) viewed.reach = kAll;
  } else {
    LeaveSiblings(view);
  }
  Try(view, kByMajor);
  Uncount(view);
  if (--viewed.count == 0) {
    ledger_->UnholdForViews(view->slot);
    viewed_slots_--;
    by_slot_[view->slot].reset();
  }
  Disown(view);
}

void Views::Disown(View* view) {
  view->Unlink();
  TALLY_CHECK(napi_delete_reference(env_, view->object));
  if ((view->done.fetch_or(kDisowned) & kFinalized) != 0) delete view;  // otherwise Finalize will
}

void Views::DetachBy(napi_value function) {
  TALLY_CHECK(napi_create_reference(env_, function, 0, &transfer_));
}

void Views::Detach(napi_value object) {
  napi_value transfer = nullptr;
  if (transfer_ != nullptr) TALLY_CHECK(napi_get_reference_value(env_, transfer_, &transfer));
  if (transfer == nullptr) {
    napi_detach_arraybuffer(env_, object);
    return;
  }
  napi_value length = nullptr;
  napi_value result = nullptr;
  TALLY_CHECK(napi_create_uint32(env_, 0, &length));
  if (napi_call_function(env_, object, transfer, 1, &length, &result) == napi_ok) return;
  napi_get_and_clear_last_exception(env_, &result);
}

bool Views::Empty(SlotId slot, int64_t length) {
  Viewed* viewed = ViewsOf(slot);
  if (viewed == nullptr) return true;
  for (View* view = viewed->first; view != nullptr;) {
    View* const next = view->sibling;
    const bool is_left = view->place == Place::kLeft;
    if (view->length > length && !is_left && !IsAttached(ObjectOf(*view))) Move(view, Place::kUnproven);
    view = next;
  }
  if (viewed->reach > length) return false;
  for (View* view = viewed->first; view != nullptr;) {
    View* const next = view->sibling;
    if (view->length > length) {
      napi_value object = ObjectOf(*view);
      if (view->place != Place::kLeft) Detach(object);
      if (IsAttached(object)) return false;
      LetGo(view);
    }
    view = next;
  }
  return true;
}

void Views::BeginCollection(bool major) {
  if (collecting_) {
    disturbed_ = true;
    EndCollection(true);
  }
  collecting_ = true;
  disturbed_ = false;
  EachOf(major, [this](View* view, napi_value object) {
    view->attached = IsAttached(object);
    if (!view->attached) {
      Move(view, Place::kUnproven);
    } else if (view->place == Place::kStrong) {
      Strengthen(*view, false);
    }
  });
}

bool Views::EndCollection(bool major) {
  if (!std::exchange(collecting_, false)) return false;
  const int64_t before = untried_[kByMajor].bytes;
  int64_t survived = 0;
  if (major) survivors_ = 0;
  EachOf(major, [&](View* view, napi_value object) {
    if (!std::exchange(view->attached, false)) return;
    if (object == nullptr) {
      if (disturbed_) return Move(view, Place::kUnproven);
      return LetGo(view);
    }
    if (view->place == Place::kStrong) {
      Strengthen(*view, true);
      survivors_ += major ? 1 : 0;
    }
    if (view->untried[kByMajor]) survived += view->length;
    Try(view, major ? kByMajor : kByAny);
    if (view->age == kSurvivalsToOld) return;
    view->Unlink();
    view->age++;
    ListOf(*view)->Append(view);
  });
  return major && survived > kWorthAnother && survived > before / 4;
}

void Views::LetGoOfDead() {
  for (Link& list : lists_[static_cast<int>(Place::kUnproven)]) {
    if (on_let_go_ != nullptr) break;
    for (Link* at = list.next; at != &list;) {
      auto* view = static_cast<View*>(at);
      at = at->next;
      if ((view->done & kFinalized) != 0) NoteFinalized(view);
    }
  }
  for (Link& list : lists_[static_cast<int>(Place::kLeft)]) {
    Each(&list, [this](View* view, napi_value object) {
      if (object == nullptr) LetGo(view);
    });
  }
}

void Views::Weaken() {
  for (Link& list : lists_[static_cast<int>(Place::kStrong)]) {
    while (list.next != &list) Move(static_cast<View*>(list.next), Place::kWeak);
  }
}

Collection Views::Wish() const {
  if (untried_[kByMajor].count > std::max(kVeryMany, survivors_)) return Collection::kMajor;
  return untried_[kByAny].count > kMany ? Collection::kMinor : Collection::kNone;
}

void Views::NotifyBy(napi_value function) {
  TALLY_CHECK(napi_create_reference(env_, function, 0, &on_let_go_));
}

void Views::Finalize(napi_env env, void* /*data*/, void* hint) {
  auto* view = static_cast<View*>(hint);
  if ((view->done.fetch_or(kFinalized) & kDisowned) != 0) {
    delete view;
    return;
  }
  if (!view->is_notifying) return;
  Views* self = view->owner;
  if (self->surveyed_) return;  // which is no news: Node calls all finalizers then
  const Napi::HandleScope scope(env);
  self->NoteFinalized(view);
  napi_value undefined = nullptr;
  napi_value function = nullptr;
  napi_value result = nullptr;
  TALLY_CHECK(napi_get_undefined(env, &undefined));
  TALLY_CHECK(napi_get_reference_value(env, self->on_let_go_, &function));
  if (function == nullptr) return;                                    // with its copy of the library
  napi_call_function(env, undefined, function, 0, nullptr, &result);  // refused where JavaScript may not run
}

void Views::NoteFinalized(View* view) {
  const Napi::HandleScope scope(env_);
  Uncount(view);
  if (ObjectOf(*view) == nullptr) {
    LetGo(view);
  } else {
    Move(view, Place::kLeft);
  }
}

// What Node ends with an environment goes in reverse order: the finalizer of the newest buffer runs when all
// views are as JavaScript has left them. With their own finalizers Node empties them.
struct Views::Canary {
  Views* views = nullptr;  // null for one that is not the newest
  napi_ref buffer = nullptr;

  static void Finalize(napi_env, void*, void* hint) {
    const std::unique_ptr<Canary> ended(static_cast<Canary*>(hint));
    if (ended->views != nullptr) ended->views->Survey();
  }
};

void Views::RenewCanary() {
  static char byte;
  std::unique_ptr<Canary> canary(new (std::nothrow) Canary);
  napi_value buffer = nullptr;
  if (canary == nullptr ||
      napi_create_external_arraybuffer(env_, &byte, 1, Canary::Finalize, canary.get(), &buffer) != napi_ok)
    return;
  DropCanary();
  canary_ = canary.release();
  canary_->views = this;
  TALLY_CHECK(napi_create_reference(env_, buffer, 1, &canary_->buffer));
}

void Views::DropCanary() {
  if (canary_ == nullptr) return;
  canary_->views = nullptr;
  TALLY_CHECK(napi_delete_reference(env_, canary_->buffer));
  canary_ = nullptr;  // its finalizer deletes it
}

void Views::FreeAtEnd(bool wanted) {
  if (wanted && !free_at_end_ && any() && on_let_go_ != nullptr) {
    const Napi::HandleScope scope(env_);
    RenewCanary();
  }
  free_at_end_ = wanted;
}

void Views::Survey() {
  TALLY_CHECK(napi_delete_reference(env_, canary_->buffer));
  canary_ = nullptr;
  surveyed_ = true;
  for (auto& lists : lists_) {
    for (Link& list : lists) {
      Each(&list, [this](View* view, napi_value object) {
        view->unmoved = (view->done & kFinalized) != 0 || IsAttached(object);
      });
    }
  }
}

void Views::Stop() {
  const Napi::HandleScope scope(env_);
  DropCanary();
  for (auto& lists : lists_) {
    for (Link& list : lists) {
      for (Link* at = list.next; at != &list;) {
        auto* view = static_cast<View*>(at);
        at = at->next;
        if (view->unmoved) {
          LetGo(view);
        } else {
          Disown(view);
        }
      }
    }
  }
  for (napi_ref* reference : {&on_let_go_, &transfer_}) {
    if (*reference != nullptr) TALLY_CHECK(napi_delete_reference(env_, *reference));
    *reference = nullptr;
  }
}

}  // namespace tally
