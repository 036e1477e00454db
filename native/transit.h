// Transit is where a pointer is after one thread has handed it over and before another has taken it over:
// it has no environment then, and cannot be in two. Whoever takes it first has it; for everybody else, and
// for every copy of its key, it is gone. The library of its destructor stays mapped meanwhile, and its bytes
// are in the sums over the process.
//
// One for the process, usable from any thread. Not in a hurry: hand-overs go through a message anyway.

#ifndef FFI_TALLY_TRANSIT_H_
#define FFI_TALLY_TRANSIT_H_

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "destructor.h"
#include "meter.h"

namespace tally {

struct Traveller {
  uint64_t address = 0;
  int64_t size = 0;
  std::string label;
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

  // REQUIRES: no traveller ever had that key; its form is not kJavaScript.
  void Put(const std::string& key, const Traveller& traveller);

  // What is there under that key; false if nothing is, or no more.
  bool Look(const std::string& key, Traveller* traveller);

  // Ends the stay of what is there; false if nothing is, or no more. The destructor is not run.
  bool Take(const std::string& key);

  // Frees all that nobody has taken.
  void FreeAll();

  struct Sum {
    int64_t bytes = 0;
    int64_t pointers = 0;
  };
  Sum Total();

 private:
  struct Stay {
    Traveller traveller;
    Destructor destructor;  // pinned
  };

  void Count(int64_t bytes, int64_t pointers);

  std::mutex mutex_;
  std::map<std::string, Stay> stays_;
  Sum total_;
};

}  // namespace tally

#endif  // FFI_TALLY_TRANSIT_H_
