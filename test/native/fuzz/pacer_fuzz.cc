// Programs around the pacer, made up by libFuzzer; the simulation checks every step.

#include "../pacer_simulation.h"
#include "choices.h"

extern "C" int LLVMFuzzerInitialize(int* count, char*** arguments) {
  ::testing::InitGoogleTest(count, *arguments);
  ::testing::GTEST_FLAG(break_on_failure) = true;
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr int kPhases = 3;
  tally::Choices choices(data, size);
  tally::RunRandomProgram([&choices](int64_t limit) { return choices.Below(limit); }, kPhases,
                          static_cast<int>(size / kPhases / 4));
  return 0;
}
