#include "meters/crash_note.h"

#include "meters/audit.h"
#include "meters/counted_blocks.h"

#ifndef _WIN32
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <iterator>
#endif

namespace tally {

#ifdef _WIN32

void CrashNote::WriteTo(int64_t) {}

#else

namespace {

constexpr int kSignals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};

int file = -1;
struct sigaction before[std::size(kSignals)];

// Text for write(), put together with what a signal handler may call. What does not fit is left out.
class Line {
 public:
  void Add(const char* text) { Add(text, std::strlen(text)); }
  void Add(const char* text, size_t length) {
    for (size_t i = 0; i < length && length_ < sizeof(text_); i++) text_[length_++] = text[i];
  }
  void Add(uint64_t number) {
    char digits[20];
    size_t at = sizeof(digits);
    do {
      digits[--at] = static_cast<char>('0' + number % 10);
      number /= 10;
    } while (number > 0);
    Add(digits + at, sizeof(digits) - at);
  }
  void Write() const { (void)!write(file, text_, length_); }

 private:
  char text_[4096];
  size_t length_ = 0;
};

void Note() {
  const auto maker = static_cast<uint32_t>(CountedBlocks::ThreadBlock()[CountedBlocks::kMaker]);
  if (maker == 0 || maker > Audit::Count()) return;
  const Audit::Figures figures = Audit::Of(maker);
  // Its first line is JSON.
  const void* end = std::memchr(figures.text, '\n', figures.length);
  if (end == nullptr) return;
  Line line;
  line.Add("{\"type\":\"crash\",\"at\":0,\"pid\":");
  line.Add(static_cast<uint64_t>(getpid()));
  line.Add(",\"function\":");
  line.Add(figures.text, static_cast<size_t>(static_cast<const char*>(end) - figures.text));
  line.Add("}\n");
  line.Write();
}

void Handle(int signal) {
  Note();
  // What was there before us, such as V8's, finds it as if it came for the first time.
  for (size_t i = 0; i < std::size(kSignals); i++) (void)sigaction(kSignals[i], &before[i], nullptr);
  if (signal == SIGABRT) (void)raise(signal);
}

}  // namespace

void CrashNote::WriteTo(int64_t open_file) {
  if (file >= 0) return;
  file = static_cast<int>(open_file);
  struct sigaction action {};
  action.sa_handler = Handle;
  action.sa_flags = SA_ONSTACK;
  for (size_t i = 0; i < std::size(kSignals); i++) (void)sigaction(kSignals[i], &action, &before[i]);
}

#endif

}  // namespace tally
