#include "base/black_box.h"

#if !defined(_WIN32)

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <string>

namespace tally {

namespace {

constexpr char kMagic[] = "ffi-tally black box 1\n";
constexpr size_t kSignal = 32;
constexpr size_t kEnded = 36;
constexpr size_t kSize = BlackBox::kHead + 2 * BlackBox::kSlot;
constexpr size_t kText = 12;
constexpr std::array<int, 5> kSignals = {SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE};

// Of the box that is open, for the handler. Process-wide on purpose, as handlers are.
std::atomic<uint32_t*> noted_signal{nullptr};
std::array<struct sigaction, kSignals.size()> before;

// Notes the signal and leaves it to whoever had it.
void Note(int signal, siginfo_t* info, void* context) {
  uint32_t* const note = noted_signal.load();
  if (note != nullptr) *note = static_cast<uint32_t>(signal);
  const auto at = static_cast<size_t>(std::find(kSignals.begin(), kSignals.end(), signal) - kSignals.begin());
  const struct sigaction& old = before[at];
  if ((old.sa_flags & SA_SIGINFO) != 0) {
    old.sa_sigaction(signal, info, context);
  } else if (old.sa_handler != SIG_DFL && old.sa_handler != SIG_IGN) {
    old.sa_handler(signal);
  } else {
    sigaction(signal, &old, nullptr);
    if (info == nullptr || info->si_code <= 0)
      static_cast<void>(raise(signal));  // sent; a fault happens again
    return;
  }
  // Whoever had it has mended it; unless he gave up, and left it to the default.
  struct sigaction now {};
  sigaction(signal, nullptr, &now);
  if (note != nullptr && (now.sa_flags & SA_SIGINFO) != 0 && now.sa_sigaction == Note) *note = 0;
}

void Handle() {
  static bool is_handling = false;
  if (is_handling) return;
  is_handling = true;
  struct sigaction action {};
  action.sa_sigaction = Note;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  for (size_t i = 0; i < kSignals.size(); i++) sigaction(kSignals[i], &action, &before[i]);
}

uint32_t Checksum(uint32_t number, const unsigned char* text, size_t length) {  // FNV-1a
  uint32_t sum = 2166136261U ^ number;
  for (size_t i = 0; i < length; i++) sum = (sum ^ text[i]) * 16777619U;
  return sum;
}

void Put(unsigned char* at, uint32_t value) { std::memcpy(at, &value, sizeof value); }

}  // namespace

bool BlackBox::IsSupported() { return true; }

int BlackBox::Open(const char* path) {
  const int former = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
  if (former >= 0) {
    close(former);
  } else if (errno != ENOENT) {
    return errno;
  }
  // Under a name of its own until it is whole: another process may have mapped what is there.
  const std::string fresh = std::string(path) + "." + std::to_string(getpid());
  const int file = open(fresh.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return errno;
  // Zeroes, not a hole: on a full disk that would be a SIGBUS later.
  std::array<char, 4096> zeroes{};
  int error = 0;
  for (size_t written = 0; written < kSize && error == 0;) {
    const ssize_t more = write(file, zeroes.data(), std::min(zeroes.size(), kSize - written));
    if (more <= 0) error = more < 0 ? errno : ENOSPC;
    written += static_cast<size_t>(std::max(more, ssize_t{0}));
  }
  void* const data =
      error != 0 ? MAP_FAILED : mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (error == 0 && data == MAP_FAILED) error = errno;
  close(file);
  if (error == 0) {
    // What a process before this one has left, if there was one.
    static_cast<void>(rename(path, (std::string(path) + ".1").c_str()));
    if (rename(fresh.c_str(), path) != 0) error = errno;
    if (error != 0) munmap(data, kSize);
  }
  if (error != 0) {
    unlink(fresh.c_str());
    return error;
  }
  Close();
  data_ = static_cast<unsigned char*>(data);
  number_ = 0;
  std::memcpy(data_, kMagic, sizeof kMagic - 1);
  noted_signal = reinterpret_cast<uint32_t*>(data_ + kSignal);
  Handle();
  return 0;
}

void BlackBox::Write(std::string_view text) {
  unsigned char* const slot = data_ + kHead + (++number_ % 2) * kSlot;
  const size_t length = std::min(text.size(), kSlot - kText);
  Put(slot, 0);  // not whole from here on
  std::atomic_signal_fence(std::memory_order_seq_cst);
  std::memcpy(slot + kText, text.data(), length);
  Put(slot + 8, static_cast<uint32_t>(length));
  Put(slot + 4, Checksum(number_, slot + kText, length));
  std::atomic_signal_fence(std::memory_order_seq_cst);
  Put(slot, number_);
}

void BlackBox::MarkEnd() {
  if (data_ != nullptr) Put(data_ + kEnded, 1);
}

void BlackBox::Close() {
  if (data_ == nullptr) return;
  noted_signal = nullptr;
  munmap(data_, kSize);
  data_ = nullptr;
}

}  // namespace tally

#else

namespace tally {

bool BlackBox::IsSupported() { return false; }
int BlackBox::Open(const char*) { return -1; }
void BlackBox::Write(std::string_view) {}
void BlackBox::MarkEnd() {}
void BlackBox::Close() {}

}  // namespace tally

#endif
