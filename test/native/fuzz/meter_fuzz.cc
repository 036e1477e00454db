// Programs for meters, made up by libFuzzer, against the model.

#include "../meter_model.h"
#include "choices.h"

extern "C" int LLVMFuzzerInitialize(int* count, char*** arguments) {
  ::testing::InitGoogleTest(count, *arguments);
  ::testing::GTEST_FLAG(break_on_failure) = true;
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tally::Choices choices(data, size);
  tally::MeterModel model([&choices](int64_t limit) { return choices.Below(limit); }, 0);
  while (choices.left()) {
    model.Step();
    model.Check();
  }
  return 0;
}
