#include "meters/import_hooks.h"

#include <cerrno>
#include <cstdlib>
#include <new>

#include "meters/audit.h"
#include "meters/counted_blocks.h"
#include "meters/module.h"
#include "meters/owned_blocks.h"
#include "meters/quarantine.h"
#include "meters/samples.h"

#ifdef TALLY_HAS_ELF_MODULES
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <unistd.h>

#include "base/old_glibc.h"
#endif

namespace tally {

#ifdef TALLY_HAS_ELF_MODULES

namespace {

ImportHooks::Setup setup;

// For slots of the C++ runtime. Node's operator new[] ends there, too, and comes by way of a jump: then it is
// Node's code that is returned to. A library's has a slot of its own.
bool IsMarkedFrom(void* caller) {
  if (!CountedBlocks::IsMarked()) return false;
  for (const ImportHooks::Code& code : setup.not_for) {
    const auto at = reinterpret_cast<uintptr_t>(caller);
    if (at >= code.begin && at < code.end) return false;
  }
  return true;
}

void* MadeIfMarked(void* block, size_t bytes) {
  return CountedBlocks::IsMarked() ? CountedBlocks::Made(block, bytes) : block;
}

// NOLINTBEGIN(*-no-malloc, cppcoreguidelines-owning-memory): these are an allocator

void* Malloc(size_t bytes) { return CountedBlocks::Made(std::malloc(bytes), bytes); }
void* RuntimeMalloc(size_t bytes) { return MadeIfMarked(std::malloc(bytes), bytes); }

// calloc() of musl asks malloc() through a slot, which must not count it as well.
void* Cleared(size_t count, size_t size) {
#ifdef __GLIBC__
  return std::calloc(count, size);
#else
  // volatile: compilers know that calloc() reads no variables.
  volatile double& mark = CountedBlocks::ThreadBlock()[CountedBlocks::kMark];
  const double before = mark;
  mark = CountedBlocks::kNobody;
  void* block = std::calloc(count, size);
  mark = before;
  return block;
#endif
}

// It overflows only where there is no block.
void* Calloc(size_t count, size_t size) { return CountedBlocks::Made(Cleared(count, size), count * size); }
void* RuntimeCalloc(size_t count, size_t size) { return MadeIfMarked(Cleared(count, size), count * size); }

void Free(void* block) {
  Quarantine::Free(block, CountedBlocks::Given(block, __builtin_return_address(0)), std::free);
}

constexpr CountedBlocks::Reallocator reallocator{
    [](const CountedBlocks::Reallocator&, void* block, size_t bytes) { return std::realloc(block, bytes); }};

void* Realloc(void* block, size_t bytes) {
  return CountedBlocks::Resize(block, bytes, true, __builtin_return_address(0), reallocator);
}
void* RuntimeRealloc(void* block, size_t bytes) {
  const bool counts = CountedBlocks::IsMarked();
  return CountedBlocks::Resize(block, bytes, counts, __builtin_return_address(0), reallocator);
}

void* New(size_t bytes) { return CountedBlocks::Made(::operator new(bytes), bytes); }
void* RuntimeNew(size_t bytes) {
  void* block = ::operator new(bytes);
  return IsMarkedFrom(__builtin_return_address(0)) ? CountedBlocks::Made(block, bytes) : block;
}
void* NewNoThrow(size_t bytes, const std::nothrow_t& tag) {
  return CountedBlocks::Made(::operator new(bytes, tag), bytes);
}
void* RuntimeNewNoThrow(size_t bytes, const std::nothrow_t& tag) {
  void* block = ::operator new(bytes, tag);
  return IsMarkedFrom(__builtin_return_address(0)) ? CountedBlocks::Made(block, bytes) : block;
}
void* NewAligned(size_t bytes, std::align_val_t to) {
  return CountedBlocks::Made(::operator new(bytes, to), bytes);
}
void* RuntimeNewAligned(size_t bytes, std::align_val_t to) {
  void* block = ::operator new(bytes, to);
  return IsMarkedFrom(__builtin_return_address(0)) ? CountedBlocks::Made(block, bytes) : block;
}
void* NewAlignedNoThrow(size_t bytes, std::align_val_t to, const std::nothrow_t& tag) {
  return CountedBlocks::Made(::operator new(bytes, to, tag), bytes);
}

void Release(void* block) { ::operator delete(block); }
void Delete(void* block) {
  Quarantine::Free(block, CountedBlocks::Given(block, __builtin_return_address(0)), Release);
}
void DeleteSized(void* block, size_t) {
  Quarantine::Free(block, CountedBlocks::Given(block, __builtin_return_address(0)), Release);
}
void DeleteNoThrow(void* block, const std::nothrow_t&) {
  Quarantine::Free(block, CountedBlocks::Given(block, __builtin_return_address(0)), Release);
}
void DeleteAligned(void* block, std::align_val_t to) {
  CountedBlocks::Given(block, __builtin_return_address(0));
  ::operator delete(block, to);
}
void DeleteSizedAligned(void* block, size_t, std::align_val_t to) {
  CountedBlocks::Given(block, __builtin_return_address(0));
  ::operator delete(block, to);
}
void DeleteAlignedNoThrow(void* block, std::align_val_t to, const std::nothrow_t&) {
  CountedBlocks::Given(block, __builtin_return_address(0));
  ::operator delete(block, to);
}

// Not by way of realloc() of the runtime, whose own slot would count it as well.
void* ReallocArray(void* block, size_t count, size_t size) {
  size_t bytes = 0;
  if (!__builtin_mul_overflow(count, size, &bytes))
    return CountedBlocks::Resize(block, bytes, true, __builtin_return_address(0), reallocator);
  errno = ENOMEM;
  return nullptr;
}

int PosixMemalign(void** block, size_t alignment, size_t bytes) {
  const int error = posix_memalign(block, alignment, bytes);
  if (error == 0) CountedBlocks::Made(*block, bytes);
  return error;
}

// Also for aligned_alloc(), which needs a newer glibc.
void* Memalign(size_t alignment, size_t bytes) {
  return CountedBlocks::Made(memalign(alignment, bytes), bytes);
}
void* Valloc(size_t bytes) {
  return CountedBlocks::Made(memalign(static_cast<size_t>(sysconf(_SC_PAGESIZE)), bytes), bytes);
}
void* Pvalloc(size_t bytes) {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return Valloc((bytes + page - 1) / page * page);
}

// A thread that a library starts is the library's.

using ThreadFunction = void* (*)(void*);
using CreateThread = int (*)(pthread_t*, const pthread_attr_t*, ThreadFunction, void*);
CreateThread create_thread = nullptr;  // as the program calls it

struct Start {
  ThreadFunction function;
  void* argument;
  double maker;
  CallThread* thread;
};

// Its destructor runs at the end of a thread, however that ends. A thread_local variable would need the lock
// of the dynamic linker, which may be held by whoever waits for the thread.
pthread_key_t of_call;

void* RunThread(void* data) {
  const Start start = *static_cast<Start*>(data);
  delete static_cast<Start*>(data);
  CallThread* thread = start.thread;
  if (thread != nullptr && pthread_setspecific(of_call, thread) != 0) {
    CountedBlocks::EndThread(thread);
    thread = nullptr;
  }
  CountedBlocks::BeginThread(thread, start.maker);
  return start.function(start.argument);
}

int LibraryThread(pthread_t* thread, const pthread_attr_t* attributes, ThreadFunction function,
                  void* argument) {
  double* block = CountedBlocks::ThreadBlock();
  auto* start = new (std::nothrow) Start{function, argument, block[CountedBlocks::kMaker], nullptr};
  if (start == nullptr) return EAGAIN;
  CallThread* call_thread = start->thread = CountedBlocks::StartThread();
  // What the system keeps of a thread is not the library's to free.
  double& mark = block[CountedBlocks::kMark];
  const double before = mark;
  mark = CountedBlocks::kNobody;
  const int error = create_thread(thread, attributes, RunThread, start);
  mark = before;
  if (error != 0) delete start;
  if (error != 0 && call_thread != nullptr) CountedBlocks::EndThread(call_thread);
  return error;
}

int RuntimeThread(pthread_t* thread, const pthread_attr_t* attributes, ThreadFunction function,
                  void* argument) {
  const auto create = CountedBlocks::IsMarked() ? LibraryThread : create_thread;
  return create(thread, attributes, function, argument);
}

// The dynamic linker looks where the caller may look, by the return address. So the compiler must make a jump
// of the last call, which it does unless a sanitizer has something to do after it.
#if defined(__clang__)
[[clang::no_sanitize("thread", "address")]]
#else
__attribute__((noinline, optimize("O2"), no_sanitize_thread, no_sanitize_address))
#endif
void* Load(const char* path, int flags) {
  setup.before_load();
  return dlopen(path, flags);
}

// NOLINTEND(*-no-malloc, cppcoreguidelines-owning-memory)

void BeforeFork() {
  Samples::LockAll();  // under whose lock blocks are counted
  CountedBlocks::LockAll();
  OwnedBlocks::LockAll();
  Audit::LockAll();
  Quarantine::Lock();
}

void AfterFork() {
  Quarantine::Unlock();
  Audit::UnlockAll();
  OwnedBlocks::UnlockAll();
}

void AfterForkInParent() {
  AfterFork();
  CountedBlocks::UnlockAll();
  Samples::UnlockAll();
}

void AfterForkInChild() {
  AfterFork();
  CountedBlocks::UnlockInChild();
  Samples::UnlockAll();
}

const ImportHooks::Hook hooks[] = {
    {"malloc", AnyFunction(Malloc), AnyFunction(RuntimeMalloc)},
    {"calloc", AnyFunction(Calloc), AnyFunction(RuntimeCalloc)},
    {"realloc", AnyFunction(Realloc), AnyFunction(RuntimeRealloc)},
    {"free", AnyFunction(Free), AnyFunction(Free)},
    {"reallocarray", AnyFunction(ReallocArray), nullptr},
    {"posix_memalign", AnyFunction(PosixMemalign), nullptr},
    {"aligned_alloc", AnyFunction(Memalign), nullptr},
    {"memalign", AnyFunction(Memalign), nullptr},
    {"valloc", AnyFunction(Valloc), nullptr},
    {"pvalloc", AnyFunction(Pvalloc), nullptr},
    {"_Znw" TALLY_SIZE, AnyFunction(New), AnyFunction(RuntimeNew)},
    {"_Zna" TALLY_SIZE, AnyFunction(New), AnyFunction(RuntimeNew)},
    {"_Znw" TALLY_SIZE "RKSt9nothrow_t", AnyFunction(NewNoThrow), AnyFunction(RuntimeNewNoThrow)},
    {"_Zna" TALLY_SIZE "RKSt9nothrow_t", AnyFunction(NewNoThrow), AnyFunction(RuntimeNewNoThrow)},
    {"_Znw" TALLY_SIZE "St11align_val_t", AnyFunction(NewAligned), AnyFunction(RuntimeNewAligned)},
    {"_Zna" TALLY_SIZE "St11align_val_t", AnyFunction(NewAligned), AnyFunction(RuntimeNewAligned)},
    {"_Znw" TALLY_SIZE "St11align_val_tRKSt9nothrow_t", AnyFunction(NewAlignedNoThrow), nullptr},
    {"_Zna" TALLY_SIZE "St11align_val_tRKSt9nothrow_t", AnyFunction(NewAlignedNoThrow), nullptr},
    {"_ZdlPv", AnyFunction(Delete), AnyFunction(Delete)},
    {"_ZdaPv", AnyFunction(Delete), AnyFunction(Delete)},
    {"_ZdlPv" TALLY_SIZE, AnyFunction(DeleteSized), AnyFunction(DeleteSized)},
    {"_ZdaPv" TALLY_SIZE, AnyFunction(DeleteSized), AnyFunction(DeleteSized)},
    {"_ZdlPvRKSt9nothrow_t", AnyFunction(DeleteNoThrow), nullptr},
    {"_ZdaPvRKSt9nothrow_t", AnyFunction(DeleteNoThrow), nullptr},
    {"_ZdlPvSt11align_val_t", AnyFunction(DeleteAligned), AnyFunction(DeleteAligned)},
    {"_ZdaPvSt11align_val_t", AnyFunction(DeleteAligned), AnyFunction(DeleteAligned)},
    {"_ZdlPv" TALLY_SIZE "St11align_val_t", AnyFunction(DeleteSizedAligned), AnyFunction(DeleteSizedAligned)},
    {"_ZdaPv" TALLY_SIZE "St11align_val_t", AnyFunction(DeleteSizedAligned), AnyFunction(DeleteSizedAligned)},
    {"_ZdlPvSt11align_val_tRKSt9nothrow_t", AnyFunction(DeleteAlignedNoThrow), nullptr},
    {"_ZdaPvSt11align_val_tRKSt9nothrow_t", AnyFunction(DeleteAlignedNoThrow), nullptr},
    {"pthread_create", AnyFunction(LibraryThread), AnyFunction(RuntimeThread)},
    {"dlopen", AnyFunction(Load), nullptr},
};

}  // namespace

const ImportHooks::Hook* ImportHooks::begin() { return std::begin(hooks); }
const ImportHooks::Hook* ImportHooks::end() { return std::end(hooks); }

bool ImportHooks::Begin(const Setup& with) {
  // A child that C forks while another thread holds a lock would wait for a thread that it does not have.
  static const bool begun =
      pthread_key_create(
          &of_call, [](void* thread) { CountedBlocks::EndThread(static_cast<CallThread*>(thread)); }) == 0 &&
      pthread_atfork(BeforeFork, AfterForkInParent, AfterForkInChild) == 0;
  if (!begun) return false;
  setup = with;
  create_thread = reinterpret_cast<CreateThread>(with.create_thread);
  CountedBlocks::Begin();
  return true;
}

#elif !defined(TALLY_HAS_PE_MODULES)

const ImportHooks::Hook* ImportHooks::begin() { return nullptr; }
const ImportHooks::Hook* ImportHooks::end() { return nullptr; }
bool ImportHooks::Begin(const Setup&) { return false; }

#endif  // TALLY_HAS_ELF_MODULES

}  // namespace tally
