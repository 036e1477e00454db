// What the kernel counts: for the memory cgroup that limits this process, or else for the process. Any
// thread.

#ifndef FFI_TALLY_BASE_KERNEL_MEMORY_H_
#define FFI_TALLY_BASE_KERNEL_MEMORY_H_

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

namespace tally {

class KernelMemory {
 public:
  static constexpr int64_t kNone = INT64_MAX;

  // Finds the cgroup (v1 or v2) with the lowest limit, of those that this process is in. `root` stands before
  // /proc and /sys, for tests.
  explicit KernelMemory(const std::string& root = "");
  ~KernelMemory();
  KernelMemory(const KernelMemory&) = delete;
  KernelMemory& operator=(const KernelMemory&) = delete;

  // Bytes past which the kernel kills, or stalls (memory.high); kNone outside of a limited cgroup.
  int64_t limit() const { return limit_.load(std::memory_order_relaxed); }
  // Reads the limits again, which may be changed in place. One thread at a time.
  void Reread();
  // Whether Usage is that of a cgroup, which may have other processes in it.
  bool is_cgroup() const { return group_.load(std::memory_order_relaxed) != nullptr; }

  // Bytes that count for the limit. File pages, which the kernel takes back before it kills, are left out;
  // they are read at most every 100 ms unless `exact`. -1 where that cannot be told.
  int64_t Usage(bool exact = false);

  // Resident bytes of files: executables, libraries, mapped and shared memory. -1 where the platform cannot
  // tell.
  int64_t FileResident() const;

 private:
  // The paths are kept: Reread has no need of memory.
  struct Group {
    std::vector<std::string> limits;
    std::string usage;
    std::string stat;
    int usage_file = -1;  // once it was the lowest
    int stat_file = -1;
  };

  void Add(const std::string& top, std::string at, const char* usage, const char* const* limits);
  static int64_t Reclaimable(const Group& group);
  int64_t Statm(int field) const;

  std::vector<Group> groups_;  // that this process is in, and their parents
  std::atomic<int64_t> limit_{kNone};
  std::atomic<const Group*> group_{nullptr};  // that of the limit
  int statm_file_ = -1;
  std::atomic<int64_t> reclaimable_{0};
  std::atomic<int64_t> read_at_{INT64_MIN};  // milliseconds
};

}  // namespace tally

#endif  // FFI_TALLY_BASE_KERNEL_MEMORY_H_
