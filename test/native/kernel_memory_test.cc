#include "base/kernel_memory.h"

#include <gtest/gtest.h>

#if defined(__linux__)
#include <sys/resource.h>
#include <unistd.h>
#endif

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace tally {
namespace {

#if defined(__linux__)

// A root directory with what the kernel would have there.
class KernelMemoryTest : public testing::Test {
 protected:
  KernelMemoryTest() {
    std::string name = (std::filesystem::temp_directory_path() / "ffi-tally-XXXXXX").string();
    root_ = mkdtemp(name.data());
    Write("proc/self/statm", "1000 20 5 1 0 9 0\n");
  }
  ~KernelMemoryTest() override { std::filesystem::remove_all(root_); }

  void Write(const std::string& name, const std::string& text) {
    const std::filesystem::path path = root_ / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  std::string root() const { return root_.string(); }

 private:
  std::filesystem::path root_;
};

TEST_F(KernelMemoryTest, WithoutACgroupItIsTheResidentMemory) {
  KernelMemory memory(root());
  EXPECT_EQ(memory.limit(), KernelMemory::kNone);
  EXPECT_FALSE(memory.is_cgroup());
  EXPECT_EQ(memory.Usage() % 20, 0);
  EXPECT_GT(memory.Usage(), 0);
  EXPECT_EQ(memory.FileResident() * 4, memory.Usage());  // 5 pages of 20
}

TEST_F(KernelMemoryTest, Version2WithTheLimitOfAParent) {
  Write("proc/self/cgroup", "0::/system.slice/app\n");
  Write("sys/fs/cgroup/system.slice/app/memory.max", "max\n");
  Write("sys/fs/cgroup/system.slice/app/memory.high", "max\n");
  Write("sys/fs/cgroup/system.slice/memory.max", "536870912\n");
  Write("sys/fs/cgroup/system.slice/memory.current", "300000000\n");
  Write("sys/fs/cgroup/system.slice/memory.stat",
        "anon 1\nfile 7\ninactive_file 40000000\nactive_file 60000000\n");
  KernelMemory memory(root());
  EXPECT_EQ(memory.limit(), 536870912);
  EXPECT_TRUE(memory.is_cgroup());
  EXPECT_EQ(memory.Usage(), 200000000) << "file pages are taken back";
  Write("sys/fs/cgroup/system.slice/memory.current", "350000000\n");
  Write("sys/fs/cgroup/system.slice/memory.stat", "inactive_file 0\nactive_file 50000000\n");
  EXPECT_EQ(memory.Usage(true), 300000000);
}

TEST_F(KernelMemoryTest, Version2InAContainerStallsAtHigh) {
  Write("proc/self/cgroup", "0::/\n");
  Write("sys/fs/cgroup/memory.max", "536870912\n");
  Write("sys/fs/cgroup/memory.high", "400000000\n");
  Write("sys/fs/cgroup/memory.current", "1000\n");
  KernelMemory memory(root());
  EXPECT_EQ(memory.limit(), 400000000);
  EXPECT_EQ(memory.Usage(), 1000);
}

TEST_F(KernelMemoryTest, Version1WithItsFileOfAllBelow) {
  Write("proc/self/cgroup", "9:name=systemd:/\n4:cpu,memory:/docker/1\n0::/\n");
  Write("sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes", "268435456\n");
  Write("sys/fs/cgroup/memory/docker/1/memory.usage_in_bytes", "100000000\n");
  Write("sys/fs/cgroup/memory/docker/1/memory.stat",
        "inactive_file 5\nactive_file 5\ntotal_inactive_file 10000000\ntotal_active_file 20000000\n");
  Write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  KernelMemory memory(root());
  EXPECT_EQ(memory.limit(), 268435456);
  EXPECT_EQ(memory.Usage(), 70000000);
}

TEST_F(KernelMemoryTest, APathThatIsAnothersInAContainer) {
  Write("proc/self/cgroup", "4:memory:/not/mounted/here\n");
  Write("sys/fs/cgroup/memory/memory.limit_in_bytes", "268435456\n");
  Write("sys/fs/cgroup/memory/memory.usage_in_bytes", "100\n");
  KernelMemory memory(root());
  EXPECT_EQ(memory.limit(), 268435456);
  EXPECT_EQ(memory.Usage(), 100) << "without memory.stat all counts";
}

TEST_F(KernelMemoryTest, ALimitThatIsChangedInPlaceIsFollowed) {
  Write("proc/self/cgroup", "0::/pod/app\n");
  Write("sys/fs/cgroup/pod/app/memory.max", "max\n");
  Write("sys/fs/cgroup/pod/app/memory.current", "100\n");
  Write("sys/fs/cgroup/pod/memory.max", "max\n");
  Write("sys/fs/cgroup/pod/memory.current", "300000000\n");
  Write("sys/fs/cgroup/pod/memory.stat", "inactive_file 100000000\n");
  KernelMemory memory(root());
  EXPECT_EQ(memory.limit(), KernelMemory::kNone);
  EXPECT_FALSE(memory.is_cgroup());
  Write("sys/fs/cgroup/pod/app/memory.max", "536870912\n");
  memory.Reread();
  EXPECT_EQ(memory.limit(), 536870912);
  EXPECT_EQ(memory.Usage(), 100);
  Write("sys/fs/cgroup/pod/memory.max", "400000000\n");
  memory.Reread();
  EXPECT_EQ(memory.limit(), 400000000);
  EXPECT_EQ(memory.Usage(), 200000000) << "the parent's, at once";
  Write("sys/fs/cgroup/pod/memory.max", "max\n");
  Write("sys/fs/cgroup/pod/app/memory.max", "max\n");
  memory.Reread();
  EXPECT_EQ(memory.limit(), KernelMemory::kNone);
  EXPECT_EQ(memory.Usage() % 20, 0) << "that of the process again";
}

TEST_F(KernelMemoryTest, ALimitStaysWhereNoFileCanBeOpened) {
  Write("proc/self/cgroup", "0::/app\n");
  Write("sys/fs/cgroup/app/memory.max", "536870912\n");
  Write("sys/fs/cgroup/app/memory.current", "100\n");
  KernelMemory memory(root());
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{0, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  memory.Reread();
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(memory.limit(), 536870912);
  EXPECT_EQ(memory.Usage(), 100);
}

TEST_F(KernelMemoryTest, WithoutTheUsageOfItsCgroupItIsTheResidentMemory) {
  Write("proc/self/cgroup", "0::/app\n");
  Write("sys/fs/cgroup/app/memory.max", "536870912\n");
  KernelMemory memory(root());
  EXPECT_EQ(memory.limit(), 536870912);
  EXPECT_FALSE(memory.is_cgroup());
  Write("sys/fs/cgroup/app/memory.current", "100\n");
  memory.Reread();
  EXPECT_EQ(memory.Usage(), 100) << "from now on";
  Write("sys/fs/cgroup/app/memory.current", "");
  EXPECT_EQ(memory.Usage(), 20 * sysconf(_SC_PAGESIZE)) << "it is gone";
}

TEST_F(KernelMemoryTest, WhatCannotBeReadIsNoLimit) {
  for (const char* text : {"", "nonsense", "0:", "4:memory:", "0::relative"}) {
    Write("proc/self/cgroup", text);
    EXPECT_EQ(KernelMemory(root()).limit(), KernelMemory::kNone) << text;
  }
}

#endif

TEST(KernelMemory, OfThisProcess) {
  KernelMemory memory;
  EXPECT_NE(memory.Usage(), 0);
}

}  // namespace
}  // namespace tally
