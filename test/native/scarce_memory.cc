#include "scarce_memory.h"

#include <cstddef>
#include <new>

int allocations_left = -1;

namespace {

bool AllocationFails() {
  if (allocations_left < 0) return false;
  if (allocations_left == 0) return true;
  allocations_left--;
  return false;
}

}  // namespace

void* operator new(size_t size, const std::nothrow_t& /*tag*/) noexcept {
  return AllocationFails() ? nullptr : ::operator new(size);
}
void* operator new[](size_t size, const std::nothrow_t& /*tag*/) noexcept {
  return AllocationFails() ? nullptr : ::operator new[](size);
}
