// Transit is where a pointer is after one thread has handed it over and before another has taken it over:
// it has no environment then, and cannot be in two. Whoever takes it first has it; for everybody else, and
// for every copy of its key, it is gone. The library of its destructor stays mapped meanwhile, and its bytes
// are in the sums over the process.
//
// One for the process, usable from any thread. Not in a hurry: hand-overs go through a message anyway.

#ifndef FFI_TALLY_ENV_TRANSIT_H_
#define FFI_TALLY_ENV_TRANSIT_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>

#include "books/ledger.h"
#include "env/destructor.h"
#include "meters/meter.h"

namespace tally {

struct TransferredPointer {
  uint64_t address = 0;
  int64_t size = 0;
  bool shared = false;     // for the checked mode of whoever takes it
  Meter* meter = nullptr;  // that counts its bytes too, and has been told that they are a pointer's
  // What Destructor is made of, for another environment.
  Destructor::Form form = Destructor::Form::kNone;
  uint64_t function = 0;
  BoundArguments arguments;
};

class Transit {
 public:
  static Transit& Instance();

  // How long a key is: a random UUID. Anything else is no key.
  static constexpr size_t kKey = 36;

  // Returns false, and changes nothing, without memory. REQUIRES: no pointer ever had that key; its form is
  // not kJavaScript.
  bool Put(std::string_view key, const TransferredPointer& transferred, Label label);

  // What is there under that key; kGone if nothing is, or no more. Only the label needs memory.
  enum class Found : uint8_t { kYes, kGone, kNoMemory };
  Found Peek(std::string_view key, TransferredPointer* transferred, Label* label = nullptr);

  // Ends the stay of what is there; false if nothing is, or no more. The destructor is not run.
  bool Take(std::string_view key);

  // Frees all that nobody has taken.
  void FreeAll();

  struct Sum {
    int64_t bytes = 0;
    int64_t pointers = 0;
  };
  Sum Total();

 private:
  struct Stay {
    std::array<char, kKey> key{};
    TransferredPointer transferred;
    Label label;
    Destructor destructor;  // pinned
    std::unique_ptr<Stay> next;
  };

  // What holds the stay of that key, or is empty where it would be.
  std::unique_ptr<Stay>* Find(std::string_view key);
  void Count(int64_t bytes, int64_t pointers);

  std::mutex mutex_;
  std::array<std::unique_ptr<Stay>, 1024> chains_;  // by hashes of keys; needs no memory to find anything
  Sum total_;
};

}  // namespace tally

#endif  // FFI_TALLY_ENV_TRANSIT_H_
