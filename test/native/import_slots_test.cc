// Libraries whose slots are patched, against what they are known to allocate.

#include "meters/import_slots.h"

#include <gtest/gtest.h>

#include "meters/module.h"

#ifdef TALLY_HAS_IMPORT_SLOTS

#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "meters/audit.h"
#include "meters/counted_blocks.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TALLY_SANITIZED 1
#endif

namespace tally {
namespace {

// NOLINTBEGIN(*-no-malloc): what is allocated with one function is freed with another

class Library {
 public:
  explicit Library(const std::string& name, int flags = RTLD_LAZY)
      : path_(TEST_LIBRARIES "/lib" + name + ".so") {
    handle_ = dlopen(path_.c_str(), flags | RTLD_LOCAL);
    EXPECT_NE(handle_, nullptr) << dlerror();
  }
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
  ~Library() { dlclose(handle_); }

  const char* path() const { return path_.c_str(); }

  ImportSlots::Result Patch() const {
    const ImportSlots::Result result = ImportSlots::Patch(path(), false);
    EXPECT_EQ(result.outcome, ImportSlots::Outcome::kPatched) << result.name;
    return result;
  }

  template <typename Result, typename... Arguments>
  Result Call(const char* name, Arguments... arguments) const {
    auto* function = reinterpret_cast<Result (*)(Arguments...)>(dlsym(handle_, name));
    EXPECT_NE(function, nullptr) << name;
    return function(arguments...);
  }

 private:
  std::string path_;
  void* handle_ = nullptr;
};

// A call of C that JavaScript makes for an account.
class Marked {
 public:
  explicit Marked(double mark) : block_(CountedBlocks::ThreadBlock()) {
    block_[CountedBlocks::kMark] = mark;
    block_[CountedBlocks::kNet] = 0;
    block_[CountedBlocks::kOthers] = 0;
  }
  Marked(const Marked&) = delete;
  Marked& operator=(const Marked&) = delete;
  ~Marked() { block_[CountedBlocks::kMark] = 0; }

  double net() const { return block_[CountedBlocks::kNet]; }
  double others() const { return block_[CountedBlocks::kOthers]; }

 private:
  double* block_;
};

double NewAccount() {
  static const double first = CountedBlocks::NewAccounts();
  static double used = 0;
  return first + used++;
}

int64_t Bytes() { return static_cast<int64_t>(CountedBlocks::Sum().bytes); }
int64_t Blocks() { return static_cast<int64_t>(CountedBlocks::Sum().blocks); }

// When the call for the account `ended` has returned.
int64_t ChangeOf(double account, double ended = 0) {
  FallibleVector<CountedBlocks::Change> changes;
  EXPECT_TRUE(CountedBlocks::TakeChanges(1, static_cast<uint64_t>(ended), &changes));
  for (const auto& change : changes) {
    if (static_cast<double>(change.account) == account) return change.bytes;
  }
  return 0;
}

class EachLinkage : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(ImportSlots, EachLinkage, ::testing::Values("allocates_lazy", "allocates_now"));

TEST_P(EachLinkage, CountsWhatEveryFunctionGives) {
  const Library library(GetParam());
  library.Patch();
  const int64_t before = Bytes();
  const int64_t blocks_before = Blocks();
  void* blocks[16];
  const int count = library.Call<int>("every_way", static_cast<void**>(blocks));
  EXPECT_EQ(count, 8);
  EXPECT_EQ(Blocks() - blocks_before, count);
  EXPECT_EQ(Bytes() - before, 100 + 110 + 120 + 130 + 192 + 150 + 160 + 170);
  for (int i = 0; i < count; i++) blocks[i] = library.Call<void*>("resize", blocks[i], size_t{1000});
  EXPECT_EQ(Bytes() - before, 1000 * count);
  for (int i = 0; i < count; i++) library.Call<void>("release", blocks[i]);
  EXPECT_EQ(Blocks(), blocks_before);
  EXPECT_EQ(Bytes(), before);
}

TEST_P(EachLinkage, CountsThroughPointersUnlessTheProgramHasChangedThem) {
  const Library library(GetParam());
  library.Patch();
  const int64_t before = Blocks();
  void* block = library.Call<void*>("allocate_through_pointer", size_t{10});
  EXPECT_EQ(Blocks(), before + 1);
  library.Call<void>("release", block);
  void* (*own)(size_t) = [](size_t bytes) { return std::malloc(bytes); };
  library.Call<void>("set_pointer", own);
  EXPECT_EQ(ImportSlots::Patch(library.path(), false).outcome, ImportSlots::Outcome::kForeign);
  block = library.Call<void*>("allocate_through_pointer", size_t{10});
  EXPECT_EQ(Blocks(), before);
  library.Call<void>("release", block);
}

TEST_P(EachLinkage, LeavesPagesAsTheyWere) {
  const Library library(GetParam());
  const auto writable = [] {
    std::ifstream maps("/proc/self/maps");
    int count = 0;
    for (std::string line; std::getline(maps, line);) {
      if (line.find(std::string(GetParam()) + ".so") != std::string::npos &&
          line.find(" rw") != std::string::npos)
        count++;
    }
    return count;
  };
  const int before = writable();
  library.Patch();
  EXPECT_EQ(writable(), before);
}

TEST(ElfModule, KnowsSlotsAndWhatIsNeeded) {
  const Library library("allocates_lazy");
  bool found = false;
  EachModule([&](const ElfModule& module) {
    if (module.file() != "liballocates_lazy.so") return true;
    found = true;
    int mallocs = 0;
    bool is_libc_needed = false;
    module.EachSlot([&](const ElfModule::Slot& slot) {
      if (std::strcmp(slot.name, "malloc") != 0) return true;
      mallocs++;
      EXPECT_EQ(slot.own, 0U);
      EXPECT_TRUE(module.Contains(reinterpret_cast<uintptr_t>(slot.address)));
      EXPECT_TRUE(!slot.is_jump || module.IsUnbound(slot)) << "nothing was called yet";
      return true;
    });
    module.EachNeeded([&](std::string_view name) { is_libc_needed = is_libc_needed || name == "libc.so.6"; });
    EXPECT_EQ(mallocs, 2);  // a call, and the pointer
    EXPECT_TRUE(is_libc_needed);
    return false;
  });
  EXPECT_TRUE(found);
}

TEST(ImportSlots, SecondTimeFindsNothingToDo) {
  const Library library("allocates_lazy");
  library.Patch();
  EXPECT_EQ(library.Patch().slots, 0U);
}

TEST(ImportSlots, WhatIsNotLoadedIsNotPatched) {
  EXPECT_EQ(ImportSlots::Patch("/nowhere/libnothing.so", false).outcome, ImportSlots::Outcome::kNotLoaded);
  EXPECT_EQ(ImportSlots::Patch("libnothing.so", false).outcome, ImportSlots::Outcome::kNotLoaded);
}

TEST(ImportSlots, TheProgramIsLeftAlone) {
  const Library library("allocates_lazy");
  library.Patch();
  const Marked call(NewAccount());
  const int64_t before = Blocks();
  const std::unique_ptr<int> mine(new int);
  std::free(std::malloc(10));
  EXPECT_EQ(Blocks(), before);
}

#ifndef TALLY_SANITIZED  // the C runtime is left alone then
TEST(ImportSlots, RuntimesCountUnderAMarkOnly) {
  const Library library("allocates_lazy");
  library.Patch();
  const int64_t before = Bytes();
  char* text = library.Call<char*>("duplicate", "twelve bytes");
  EXPECT_EQ(Bytes(), before);
  library.Call<void>("release", static_cast<void*>(text));
  {
    const Marked call(NewAccount());
    text = library.Call<char*>("duplicate", "twelve bytes");
    EXPECT_EQ(call.net(), 13);
    void* stream = library.Call<void*>("open_stream", "/dev/null");
    EXPECT_GT(call.net(), 100);
    library.Call<int>("close_stream", stream);
    EXPECT_EQ(call.net(), 13);
    library.Call<void>("release", static_cast<void*>(text));
    EXPECT_EQ(call.net(), 0);
  }
  EXPECT_EQ(Bytes(), before);
}
#endif

TEST(ImportSlots, CountsContainers) {
  const Library library("containers");
  library.Patch();
  const int64_t before = Bytes();
  const double account = NewAccount();
  void* strings = nullptr;
  double size = 0;
  {
    const Marked call(account);
    strings = library.Call<void*>("make_strings", 100);
    size = call.net();
    EXPECT_GT(size, 100 * (sizeof(std::string) + 40));
  }
  {
    const Marked call(account);
    library.Call<void>("add_string", strings);
    EXPECT_GT(call.net(), 1000);
    size += call.net();
  }
  EXPECT_EQ(Bytes() - before, static_cast<int64_t>(size));
  {
    const EndOfAccount end(reinterpret_cast<uintptr_t>(strings));
    CountedBlocks::ThreadBlock()[CountedBlocks::kNet] = 0;
    library.Call<void>("free_strings", strings);
    EXPECT_EQ(CountedBlocks::ThreadBlock()[CountedBlocks::kNet], -size);
  }
  const Marked call(NewAccount());
  library.Call<void>("free_map", library.Call<void*>("make_map", 100));
  library.Call<void>("free_stream", library.Call<void*>("make_stream", "/dev/null"));
  library.Call<void>("free_aligned", library.Call<void*>("make_aligned"));
#ifndef TALLY_SANITIZED  // which have an operator new of their own
  void* resource = library.Call<void*>("make_resource", size_t{1000});
  EXPECT_EQ(call.net(), 1000);
  library.Call<void>("free_resource", resource, size_t{1000});
#endif
  EXPECT_EQ(call.net(), 0);
  EXPECT_EQ(Bytes(), before);
}

#ifndef TALLY_SANITIZED  // sanitizers are told to return null
TEST(ImportSlots, OperatorNewThrows) {
  const Library library("containers");
  library.Patch();
  EXPECT_EQ(library.Call<int>("throws"), 1);
}
#endif

TEST(ImportSlots, ThreadsOfTheLibraryAreIts) {
  const Library library("allocates_lazy");
  library.Patch();
  const int64_t before = Bytes();
  void* text = library.Call<void*>("duplicate_in_thread", "twelve bytes");
#ifndef TALLY_SANITIZED
  EXPECT_EQ(Bytes() - before, 13);
#endif
  library.Call<void>("release", text);
  EXPECT_EQ(Bytes(), before);
}

TEST(ImportSlots, WhatThreadsMakeThatACallStartsIsItsObjects) {
  const Library library("allocates_lazy");
  library.Patch();
  const int64_t before = Bytes();
  const double account = NewAccount();
  ChangeOf(account);  // of other tests, with numbers of their own
  void* blocks[8];
  {
    const Marked call(account);
    library.Call<void>("allocate_in_threads", static_cast<void**>(blocks), 8, size_t{1000});
    EXPECT_EQ(call.net(), 0);
    EXPECT_GT(call.others(), 0) << "so that the changes are taken";
  }
  EXPECT_EQ(Bytes() - before, 8000);
  EXPECT_EQ(ChangeOf(account, account), 8000);
  EXPECT_EQ(CountedBlocks::ThreadBlock()[CountedBlocks::kThreads], 0);
  const Marked call(account);
  for (void* block : blocks) library.Call<void>("release", block);
  EXPECT_EQ(call.net(), -8000);
}

TEST(ImportSlots, AThreadThatLivesOnWorksForTheObjectWhenThatIsUsed) {
  const Library library("allocates_lazy");
  library.Patch();
  const int64_t before = Bytes();
  const auto has_threads = [] { return CountedBlocks::ThreadBlock()[CountedBlocks::kThreads] != 0; };
  const double pool_account = NewAccount();
  const double other = NewAccount();
  ChangeOf(pool_account);
  void* pool = nullptr;
  int64_t size = 0;
  {
    const Marked call(pool_account);
    pool = library.Call<void*>("start_pool");
    size = Bytes() - before;
    void* first = library.Call<void*>("allocate_in_pool", pool, size_t{100});
    EXPECT_EQ(static_cast<int64_t>(call.net()) + ChangeOf(pool_account), size + 100);
    EXPECT_GT(call.others(), 1) << "what is still to come";
    library.Call<void>("release_in_pool", pool, first);
  }
  EXPECT_EQ(ChangeOf(pool_account, pool_account), -100);
  EXPECT_TRUE(has_threads());

  void* block = nullptr;
  {
    const Marked call(other);
    block = library.Call<void*>("allocate_in_pool", pool, size_t{1000});
  }
  EXPECT_EQ(ChangeOf(other, other), 0);
  EXPECT_EQ(ChangeOf(pool_account), 0) << "it was for somebody else";
  library.Call<void>("release", block);

  CountedBlocks::ResumeThreads(static_cast<int64_t>(pool_account));
  {
    const Marked call(pool_account);
    block = library.Call<void*>("allocate_in_pool", pool, size_t{2000});
  }
  EXPECT_EQ(ChangeOf(pool_account, pool_account), 2000);
  library.Call<void>("release_in_pool", pool, block);
  EXPECT_EQ(ChangeOf(pool_account), -2000);
  library.Call<void>("stop_pool", pool);
  ChangeOf(pool_account);
  EXPECT_FALSE(has_threads());
  EXPECT_EQ(Bytes(), before);
}

TEST(ImportSlots, OneCallChangesManyObjects) {
  constexpr size_t kObjects = 3000;
  const Library library("allocates_lazy");
  library.Patch();
  std::vector<void*> blocks;
  for (size_t i = 0; i < kObjects; i++) {
    const Marked call(NewAccount());
    blocks.push_back(library.Call<void*>("allocate", size_t{100}));
  }
  FallibleVector<CountedBlocks::Change> earlier;  // of what runs before this test
  ASSERT_TRUE(CountedBlocks::TakeChanges(1, 0, &earlier));
  const Marked call(NewAccount());
  for (void* block : blocks) library.Call<void>("release", block);
  FallibleVector<CountedBlocks::Change> changes;
  ASSERT_TRUE(CountedBlocks::TakeChanges(1, 0, &changes));
  EXPECT_EQ(changes.size(), kObjects);
  int64_t sum = 0;
  for (const auto& change : changes) sum += change.bytes;
  EXPECT_EQ(sum, -100 * static_cast<int64_t>(kObjects));
}

#ifndef TALLY_SANITIZED  // addresses do not come again soon
TEST(ImportSlots, AFreeThatWasMissedIsFoundWhenTheAddressComesAgain) {
  const Library library("allocates_lazy");
  library.Patch();
  const int64_t before = Bytes();
  for (int i = 0; i < 1000; i++) std::free(library.Call<void*>("allocate", size_t{40}));
  void* block = library.Call<void*>("allocate", size_t{40});
  library.Call<void>("release", block);
  EXPECT_LE(Bytes() - before, 40 * 8);  // what lies in the allocator's caches
}
#endif

TEST(ImportSlots, FreeByItsAddressCountsToo) {
  const Library library("allocates_lazy");
  library.Patch();
  const auto plain = reinterpret_cast<uintptr_t>(dlsym(RTLD_DEFAULT, "free"));
  const uintptr_t counting = ImportSlots::CountingFree(plain);
  EXPECT_NE(counting, plain);
  EXPECT_EQ(ImportSlots::CountingFree(counting), counting);
  const int64_t before = Blocks();
  reinterpret_cast<void (*)(void*)>(counting)(library.Call<void*>("allocate", size_t{100}));
  EXPECT_EQ(Blocks(), before);
}

TEST(ImportSlots, OthersFreeWhatIsAnAccounts) {
  const Library library("allocates_lazy");
  library.Patch();
  const double first = NewAccount();
  const double second = NewAccount();
  void* blocks[2];
  {
    const Marked call(first);
    for (void*& block : blocks) block = library.Call<void*>("allocate", size_t{100});
  }
  {
    const Marked call(second);
    library.Call<void>("release", blocks[0]);
    blocks[1] = library.Call<void*>("resize", blocks[1], size_t{5000});
    EXPECT_EQ(call.net(), 0);
    EXPECT_GT(call.others(), 0);
  }
  EXPECT_EQ(ChangeOf(first), 4800);
  EXPECT_EQ(ChangeOf(first), 0);
  library.Call<void>("release", blocks[1]);
  EXPECT_EQ(ChangeOf(first), -5000);
  EXPECT_EQ(ChangeOf(second), 0);
}

TEST(ImportSlots, MergedAccountsAreOne) {
  const Library library("allocates_lazy");
  library.Patch();
  const double accounts[] = {NewAccount(), NewAccount(), NewAccount()};
  void* blocks[3];
  for (int i = 0; i < 3; i++) {
    const Marked call(accounts[i]);
    blocks[i] = library.Call<void*>("allocate", size_t{100});
  }
  const auto number = [&](int i) { return static_cast<uint64_t>(accounts[i]); };
  CountedBlocks::Merge(number(0), number(1), 100);
  CountedBlocks::Merge(number(1), number(2), 200);
  CountedBlocks::Merge(number(2), number(0), 300);  // which would make a ring
  const Marked call(accounts[2]);
  blocks[0] = library.Call<void*>("resize", blocks[0], size_t{150});
  EXPECT_EQ(call.net(), 50);
  for (void* block : blocks) library.Call<void>("release", block);
  EXPECT_EQ(call.net(), -300);
  EXPECT_EQ(call.others(), 0);
}

TEST(ImportSlots, PluginsCountWhenTheyAreFound) {
  const Library library("allocates_now");
  library.Patch();
#ifdef TALLY_SANITIZED  // sanitizers have a dlopen() of their own, which knows no search path
  const char* name = TEST_LIBRARIES "/plugins/libplugin.so";
#else
  const char* name = "libplugin.so";
#endif
  void* plugin = library.Call<void*>("load_plugin", name);
  ASSERT_NE(plugin, nullptr) << "the library's own search path was not looked at";
  EXPECT_EQ(CountedBlocks::ThreadBlock()[CountedBlocks::kStale], 1);
  const auto patched = ImportSlots::PatchNew();
  EXPECT_EQ(patched.modules, 1U);
  EXPECT_GE(patched.slots, 1U);
  EXPECT_EQ(CountedBlocks::ThreadBlock()[CountedBlocks::kStale], 0);
  const int64_t before = Bytes();
  auto* allocate =
      reinterpret_cast<void* (*)(size_t)>(library.Call<void*>("find", plugin, "plugin_allocate"));
  void* block = allocate(100);
  EXPECT_EQ(Bytes() - before, 100);
  library.Call<void>("release", block);
  EXPECT_EQ(library.Call<int>("unload_plugin", plugin), 0);
  EXPECT_EQ(ImportSlots::PatchNew().modules, 0U);
}

TEST(ImportSlots, LoadedAgainItIsPatchedAgain) {
  for (int i = 0; i < 20; i++) {
    const Library library("allocates_lazy");
    EXPECT_GT(library.Patch().slots, 5U);
    const int64_t before = Bytes();
    void* block = library.Call<void*>("allocate", size_t{100});
    EXPECT_EQ(Bytes() - before, 100);
    library.Call<void>("release", block);
  }
}

// The block of a thread that JavaScript sees ends before the thread does.
TEST(ImportSlots, AThreadUsesTheBlockThatItIsGiven) {
  const Library library("allocates_lazy");
  library.Patch();
  double block[CountedBlocks::kFields] = {};
  block[CountedBlocks::kMark] = NewAccount();
  CountedBlocks::UseThreadBlock(block);
  void* made = library.Call<void*>("allocate", size_t{100});
  EXPECT_EQ(block[CountedBlocks::kNet], 100);
  library.Call<void>("release", made);
  EXPECT_EQ(block[CountedBlocks::kNet], 0);
  CountedBlocks::UseThreadBlock(nullptr);
}

TEST(ImportSlots, TheAuditTakesFromWhatIsTrackedWhatItHasAdded) {
  constexpr uint64_t kAddress = 4096;
  double* block = CountedBlocks::ThreadBlock();
  const uint32_t maker = Audit::MakerOf("maker", 5);
  for (const bool is_tracked_first : {false, true}) {
    block[CountedBlocks::kMaker] = maker;
    Audit::Made(kAddress, 100);
    if (is_tracked_first) Audit::Tracked(kAddress);  // by a callback of the call
    Audit::Returned(kAddress, maker, true, 1000);
    EXPECT_EQ(Audit::Of(maker).tracked, 1);
    Audit::Given(kAddress);
    block[CountedBlocks::kMaker] = 0;
    EXPECT_EQ(Audit::Of(maker).tracked, 0);
    EXPECT_EQ(Audit::Of(maker).tracked_bytes, 0);
  }
}

#ifndef TALLY_SANITIZED  // see Storm
TEST(ImportSlots, AChildThatCForksDuringAnAuditGoesOn) {
  Library("allocates_lazy").Patch();
  const uint32_t maker = Audit::MakerOf("forks", 5);
  const auto audit = [maker](uint64_t address) {
    CountedBlocks::ThreadBlock()[CountedBlocks::kMaker] = maker;
    Audit::Made(address, 100);
    Audit::Returned(address, maker, true, 1000);
    Audit::Given(address);
  };
  std::atomic<bool> done{false};
  std::vector<std::thread> threads;
  for (uint64_t t = 1; t <= 4; t++) {
    threads.emplace_back([&, t] {
      for (uint64_t i = 0; !done; i++) audit(t << 32 | (1 + i % 256) << 12);
    });
  }
  int failed = 0;
  for (int i = 0; i < 50 && failed == 0; i++) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(20);
      for (uint64_t j = 1; j < 500; j++) audit(j << 12);
      _exit(0);
    }
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) failed++;
  }
  done = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed, 0);
}
#endif

// Threads that pass blocks on, children that are forked meanwhile, and a library that comes and goes.
TEST(ImportSlots, Storm) {
  constexpr int kThreads = 4;
  constexpr int kPlaces = 256;
  const Library library("allocates_lazy");
  library.Patch();
  const int64_t before = Bytes();
  std::vector<std::atomic<void*>> places(kPlaces);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; t++) {
    threads.emplace_back([&, t] {
      std::mt19937 random(static_cast<unsigned>(t));
      double* block = CountedBlocks::ThreadBlock();
      const double first = CountedBlocks::NewAccounts();
      for (int i = 0; i < 20000; i++) {
        block[CountedBlocks::kMark] = random() % 3 == 0 ? 0 : first + i;
        void* memory = random() % 8 == 0 ? library.Call<char*>("duplicate", "some text")
                                         : library.Call<void*>("allocate", size_t{random() % 2000});
        if (i % 4 == 0) memory = library.Call<void*>("resize", memory, size_t{1 + random() % 3000});
        library.Call<void>("release", places[random() % kPlaces].exchange(memory));
        if (i % 100 == 0)
          library.Call<void>("release", library.Call<void*>("duplicate_in_thread", "other text"));
      }
      block[CountedBlocks::kMark] = 0;
    });
  }
  std::thread patching([] {
    for (int i = 0; i < 50; i++) {
      const Library other("containers");
      other.Patch();
      other.Call<void>("free_strings", other.Call<void*>("make_strings", 10));
    }
  });
  int failed = 0;
#ifndef TALLY_SANITIZED  // the allocators of sanitizers do not survive a fork of many threads
  for (int i = 0; i < 20; i++) {
    const pid_t child = fork();
    if (child == 0) {
      for (int j = 0; j < 1000; j++)
        library.Call<void>("release", library.Call<void*>("allocate", size_t{100}));
      _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) failed++;
  }
#endif
  for (std::thread& thread : threads) thread.join();
  patching.join();
  for (auto& place : places) library.Call<void>("release", place.load());
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(Bytes(), before);
}

// NOLINTEND(*-no-malloc)

}  // namespace
}  // namespace tally

#endif  // TALLY_HAS_IMPORT_SLOTS
