// AsyncContexts holds, for each pointer that JavaScript frees, the async context in which it was made: its
// destructor runs in that one, whoever triggers it, and finds the stores of AsyncLocalStorage as they were.
// By Node-API, because an AsyncResource of JavaScript that a timeout of node:vm cuts off ends the process.
//
// Owns the contexts. Not thread-safe: use on the thread of its environment only.

#ifndef FFI_TALLY_ENV_ASYNC_CONTEXTS_H_
#define FFI_TALLY_ENV_ASYNC_CONTEXTS_H_

#include <napi.h>

#include "base/fallible_vector.h"
#include "books/ledger.h"

namespace tally {

class AsyncContexts {
 public:
  explicit AsyncContexts(napi_env env) : env_(env) {}
  AsyncContexts(const AsyncContexts&) = delete;
  AsyncContexts& operator=(const AsyncContexts&) = delete;

  // Keeps the present context for `slot`; or none, without memory and while JavaScript is being terminated.
  // May run hooks of async_hooks, and so any JavaScript.
  void Capture(SlotId slot);

  // Calls `function` with `argument` in the context of `slot`. Leaves pending what it throws.
  void Run(SlotId slot, napi_value function, napi_value argument);

  // Lets go of the context of `slot`, if it has one.
  void Drop(SlotId slot);
  void DropAll();

 private:
  napi_env env_;
  FallibleVector<napi_async_context> by_slot_;  // null for none
};

}  // namespace tally

#endif  // FFI_TALLY_ENV_ASYNC_CONTEXTS_H_
