// Hand-overs, made up by libFuzzer, against the model.

#include "../transit_model.h"
#include "choices.h"

extern "C" int LLVMFuzzerInitialize(int* count, char*** arguments) {
  ::testing::InitGoogleTest(count, *arguments);
  ::testing::GTEST_FLAG(break_on_failure) = true;
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tally::Choices choices(data, size);
  tally::TransitModel model([&choices](int64_t limit) { return choices.Below(limit); });
  while (choices.left()) {
    model.Step();
    model.Check();
  }
  model.Finish();
  return 0;
}
