// The entry points of the profile.

#include <cstdlib>
#include <cstring>
#include <memory>

#ifdef __GNUC__
#include <cxxabi.h>
#endif

#include "meters/import_slots.h"
#include "meters/samples.h"
#include "napi/entry_points.h"
#include "napi/values.h"

namespace tally::entry {

namespace {

// A function of C++ as it is written in the source.
Napi::Value Named(Napi::Env env, const char* name) {
#ifdef __GNUC__
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> written(
      abi::__cxa_demangle(name, nullptr, nullptr, &status), std::free);
  if (written != nullptr) return Napi::String::New(env, written.get());
#endif
  return Napi::String::New(env, name);
}

// Return addresses, which a number has all digits of.
Napi::Value Addresses(Napi::Env env, uint32_t number) {
  const Samples::Bytes stack = Samples::Stack(number);
  Napi::Array result = Napi::Array::New(env);
  for (uint32_t i = 0; i < stack.length / sizeof(void*); i++) {
    uintptr_t address = 0;
    std::memcpy(&address, stack.at + i * sizeof(void*), sizeof(void*));
    const Napi::Value value = Napi::Number::New(env, static_cast<double>(address));
    if (napi_set_element(env, result, i, value) != napi_ok) break;
  }
  return result;
}

void PutView(Napi::Object site, const char* name, const Samples::Weight& weight) {
  Napi::Object view = Napi::Object::New(site.Env());
  Put(view, "bytes", weight.bytes);
  Put(view, "blocks", weight.blocks);
  Define(site, name, view);
}

}  // namespace

bool ProfileOn(double mean, double seed) {
  if (!Samples::Begin(mean, static_cast<uint64_t>(seed))) return false;
  ImportSlots::PatchFrees();
  return true;
}

uint32_t ProfileStack(Napi::Value text) {
  const Text stack(text);
  return stack.is_read() ? Samples::StackOf(stack.text().data(), stack.text().size()) : 0;
}

Napi::Value ProfileSites(Napi::Env env) {
  Napi::Array result = Napi::Array::New(env);
  FallibleVector<Samples::Site> sites;
  if (!Samples::Read(&sites)) return result;
  uint32_t length = 0;
  for (const Samples::Site& site : sites) {
    if (site.allocated.blocks == 0) continue;
    const Napi::HandleScope scope(env);
    const Samples::Bytes stack = Samples::Stack(site.stack);
    Napi::Object object = Napi::Object::New(env);
    Define(object, "stack", Napi::String::New(env, stack.at, stack.length));
    Define(object, "native", Addresses(env, site.native));
    PutView(object, "inUse", site.live);
    PutView(object, "allocated", site.allocated);
    PutView(object, "atPeak", site.at_peak);
    PutView(object, "temporary", site.temporary);
    if (napi_set_element(env, result, length++, object) != napi_ok) break;
  }
  return result;
}

// Of a return address.
Napi::Value ProfileCode(Napi::Env env, double address) {
  const ImportSlots::Code code = ImportSlots::Describe(static_cast<uint64_t>(address));
  Napi::Object frame = Napi::Object::New(env);
  Define(frame, "file", Napi::String::New(env, code.file));
  Define(frame, "name", Named(env, code.name));
  Put(frame, "offset", code.offset);
  return frame;
}

}  // namespace tally::entry
