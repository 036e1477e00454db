// ImportHooks of Windows, where the C runtimes have a heap of the system below them. Each module has imports
// of its own, so what is counted there is all that the runtime does for whoever calls it: a library that
// brings its own runtime has slots of these functions itself.

#include "meters/module.h"

#ifdef TALLY_HAS_PE_MODULES

#include <algorithm>
#include <array>
#include <iterator>

#include "base/hidden_memory.h"
#include "base/usable_bytes.h"
#include "meters/counted_blocks.h"
#include "meters/import_hooks.h"
#include "meters/owned_blocks.h"
#include "meters/quarantine.h"

namespace tally {

namespace {

ImportHooks::Setup setup;
// What a thread does, in its own slot: nothing yet, or one of these.
int idle, counting, leaving;
DWORD doing = TLS_OUT_OF_INDEXES;
DWORD at_exit = FLS_OUT_OF_INDEXES;

// Before the libraries hear of the end of a thread: then the runtime frees what thread_local variables are
// in, and a hook that used one would come back to what is half freed.
void WINAPI Leave(void* data) {
  if (data != &counting) CountedBlocks::EndThread(static_cast<CallThread*>(data));
  TlsSetValue(doing, &leaving);
}

// What the thread itself allocates and frees while it counts is not counted: that would come back to locks
// which it holds. Whoever has freed something finds the last error as it was.
class Counting {
 public:
  Counting() : error_(GetLastError()) {
    const void* before = TlsGetValue(doing);
    is_at_exit_ = before == &leaving;
    begins_ = before != &counting && !is_at_exit_ && TlsSetValue(doing, &counting) != 0;
    if (begins_ && before == nullptr) begins_ = FlsSetValue(at_exit, &counting) != 0;
  }
  Counting(const Counting&) = delete;
  Counting& operator=(const Counting&) = delete;
  ~Counting() {
    if (begins_) TlsSetValue(doing, &idle);
    SetLastError(error_);
  }

  explicit operator bool() const { return begins_; }
  bool is_at_exit() const { return is_at_exit_; }

 private:
  DWORD error_;
  bool is_at_exit_;
  bool begins_;
};

// Where the block that is freed now has an owner: the last code that is neither ours nor a runtime's.
void* Caller() {
  if (!OwnedBlocks::IsInUse()) return nullptr;
  void* frames[16];
  const USHORT count = CaptureStackBackTrace(1, static_cast<DWORD>(std::size(frames)), frames, nullptr);
  for (USHORT i = 0; i < count; i++) {
    bool is_for_others = false;
    for (const ImportHooks::Code& code : setup.not_for) {
      const auto at = reinterpret_cast<uintptr_t>(frames[i]);
      is_for_others = is_for_others || (at >= code.begin && at < code.end);
    }
    if (!is_for_others) return frames[i];
  }
  return count == 0 ? nullptr : frames[0];
}

template <bool kIsRuntime>
void* WINAPI Alloc(HANDLE heap, DWORD flags, SIZE_T bytes) {
  void* block = HeapAlloc(heap, flags, bytes);
  const Counting here;
  if (here && (!kIsRuntime || CountedBlocks::IsMarked())) CountedBlocks::Made(block, bytes);
  return block;
}

struct HeapReallocator : CountedBlocks::Reallocator {
  HANDLE heap;
  DWORD flags;
};

void* Reallocate(const CountedBlocks::Reallocator& self, void* block, size_t bytes) {
  const auto& of = static_cast<const HeapReallocator&>(self);
  return HeapReAlloc(of.heap, of.flags, block, bytes);
}

template <bool kIsRuntime>
void* WINAPI ReAlloc(HANDLE heap, DWORD flags, void* block, SIZE_T bytes) {
  const Counting here;
  if (!here) return HeapReAlloc(heap, flags, block, bytes);
  const HeapReallocator by{{Reallocate}, heap, flags};
  return CountedBlocks::Resize(block, bytes, !kIsRuntime || CountedBlocks::IsMarked(), Caller(), by);
}

// The heaps that last: what is in another one cannot stay for a while.
std::array<HANDLE, 3> lasting;
template <size_t kIndex>
void Release(void* block) {
  HeapFree(lasting[kIndex], 0, block);
}
void (*const releases[])(void*) = {Release<0>, Release<1>, Release<2>};

BOOL WINAPI Free(HANDLE heap, DWORD flags, void* block) {
  size_t bytes = 0;
  {
    const Counting here;
    if (here) bytes = CountedBlocks::Given(block, Caller());
    if (here.is_at_exit()) CountedBlocks::GivenAtExit(block);
  }
  const auto found = std::find(lasting.begin(), lasting.end(), heap);
  if (bytes == 0 || found == lasting.end() || flags != 0) return HeapFree(heap, flags, block);
  Quarantine::Free(block, bytes, releases[found - lasting.begin()]);
  return TRUE;
}

// With all that is in there.
BOOL WINAPI Destroy(HANDLE heap) {
  {
    const Counting here;
    if (here && HeapLock(heap)) {
      for (PROCESS_HEAP_ENTRY entry{}; HeapWalk(heap, &entry);) {
        if ((entry.wFlags & PROCESS_HEAP_ENTRY_BUSY) != 0) CountedBlocks::Given(entry.lpData, Caller());
      }
      HeapUnlock(heap);
    }
  }
  return HeapDestroy(heap);
}

// A thread that a library starts is the library's.

struct Start {
  LPTHREAD_START_ROUTINE function;
  void* argument;
  double maker;
  CallThread* thread;
};

DWORD WINAPI RunThread(void* data) {
  const Start start = *static_cast<Start*>(data);
  HiddenFree(data);
  {
    const Counting here;
    CallThread* thread = start.thread;
    if (thread != nullptr && (!here || FlsSetValue(at_exit, thread) == 0)) {
      CountedBlocks::EndThread(thread);
      thread = nullptr;
    }
    CountedBlocks::BeginThread(thread, start.maker);
  }
  return start.function(start.argument);
}

template <bool kIsRuntime>
HANDLE WINAPI Thread(SECURITY_ATTRIBUTES* attributes, SIZE_T stack, LPTHREAD_START_ROUTINE function,
                     void* argument, DWORD flags, DWORD* id) {
  Start* start = nullptr;
  {
    const Counting here;
    if (here && (!kIsRuntime || CountedBlocks::IsMarked()))
      start = static_cast<Start*>(HiddenCalloc(1, sizeof(Start)));
    if (start != nullptr) {
      const double maker = CountedBlocks::ThreadBlock()[CountedBlocks::kMaker];
      *start = {function, argument, maker, CountedBlocks::StartThread()};
    }
  }
  if (start == nullptr) return CreateThread(attributes, stack, function, argument, flags, id);
  CallThread* call_thread = start->thread;
  const HANDLE thread = CreateThread(attributes, stack, RunThread, start, flags, id);
  if (thread == nullptr) HiddenFree(start);
  if (thread == nullptr && call_thread != nullptr) CountedBlocks::EndThread(call_thread);
  return thread;
}

void BeforeLoad() {
  const Counting here;
  if (here) setup.before_load();
}

HMODULE WINAPI LoadA(const char* name) {
  BeforeLoad();
  return LoadLibraryA(name);
}
HMODULE WINAPI LoadW(const wchar_t* name) {
  BeforeLoad();
  return LoadLibraryW(name);
}
HMODULE WINAPI LoadExA(const char* name, HANDLE file, DWORD flags) {
  BeforeLoad();
  return LoadLibraryExA(name, file, flags);
}
HMODULE WINAPI LoadExW(const wchar_t* name, HANDLE file, DWORD flags) {
  BeforeLoad();
  return LoadLibraryExW(name, file, flags);
}

const ImportHooks::Hook hooks[] = {
    {"HeapAlloc", AnyFunction(Alloc<false>), AnyFunction(Alloc<true>)},
    {"HeapReAlloc", AnyFunction(ReAlloc<false>), AnyFunction(ReAlloc<true>)},
    {"HeapFree", AnyFunction(Free), AnyFunction(Free)},
    {"HeapDestroy", AnyFunction(Destroy), AnyFunction(Destroy)},
    {"CreateThread", AnyFunction(Thread<false>), AnyFunction(Thread<true>)},
    {"LoadLibraryA", AnyFunction(LoadA), nullptr},
    {"LoadLibraryW", AnyFunction(LoadW), nullptr},
    {"LoadLibraryExA", AnyFunction(LoadExA), nullptr},
    {"LoadLibraryExW", AnyFunction(LoadExW), nullptr},
};

}  // namespace

const ImportHooks::Hook* ImportHooks::begin() { return std::begin(hooks); }
const ImportHooks::Hook* ImportHooks::end() { return std::end(hooks); }

bool ImportHooks::Begin(const Setup& with) {
  doing = TlsAlloc();
  at_exit = FlsAlloc(Leave);
  if (doing == TLS_OUT_OF_INDEXES || at_exit == FLS_OUT_OF_INDEXES) return false;
  setup = with;
  lasting = RuntimeHeaps();
  CountedBlocks::Begin();
  return true;
}

}  // namespace tally

#endif  // TALLY_HAS_PE_MODULES
