#include "meters/call_stubs.h"

#include "meters/elf_module.h"

#ifdef TALLY_HAS_ELF_MODULES

#include <atomic>

#include "meters/counted_blocks.h"

namespace tally {

namespace {

// kForsaken: the call is on its way, and nobody waits for it.
enum class State : uint8_t { kFree, kTaken, kReturned, kForsaken };

struct Call {
  std::atomic<State> state{State::kFree};
  bool has_loaded = false;                    // a library has loaded another one
  std::atomic<const double*> taker{nullptr};  // the thread's block
  uint64_t function = 0;
  double account = 0;
  double net = 0;
  double others = 0;  // what it has added to kOthers

  // While it runs:
  uintptr_t return_address = 0;
  Call* outer = nullptr;  // in this thread
  double mark_before = 0;
  double net_before = 0;
  double others_before = 0;
};

Call calls[CallStubs::kCount];
thread_local Call* running = nullptr;

void Begin(Call* call, uintptr_t return_address) {
  double* block = CountedBlocks::ThreadBlock();
  call->return_address = return_address;
  call->outer = running;
  call->mark_before = block[CountedBlocks::kMark];
  call->net_before = block[CountedBlocks::kNet];
  call->others_before = block[CountedBlocks::kOthers];
  running = call;
  block[CountedBlocks::kMark] = call->account;
  block[CountedBlocks::kNet] = 0;
}

// Returns where the call returns to.
uintptr_t End() {
  Call* call = running;
  double* block = CountedBlocks::ThreadBlock();
  running = call->outer;
  call->net = block[CountedBlocks::kNet];
  call->others = block[CountedBlocks::kOthers] - call->others_before;
  call->has_loaded = block[CountedBlocks::kStale] != 0;
  block[CountedBlocks::kStale] = 0;
  block[CountedBlocks::kMark] = call->mark_before;
  block[CountedBlocks::kNet] = call->net_before;
  const uintptr_t return_address = call->return_address;
  State taken = State::kTaken;
  if (!call->state.compare_exchange_strong(taken, State::kReturned, std::memory_order_acq_rel))
    call->state.store(State::kFree, std::memory_order_release);
  return return_address;
}

}  // namespace

}  // namespace tally

// What is assembled below, and what that calls. All stubs are alike: each hands its own address on to
// ffi_tally_enter_stub, which says what stub it is.
extern "C" {
__attribute__((visibility("hidden"))) extern const char ffi_tally_stubs[];

constexpr size_t kStubBytes = 16;

// `stub` is an address within the stub. Returns the function.
__attribute__((visibility("hidden"), used)) uintptr_t ffi_tally_begin_call(uintptr_t stub,
                                                                           uintptr_t return_address) {
  tally::Call* call = &tally::calls[(stub - reinterpret_cast<uintptr_t>(ffi_tally_stubs)) / kStubBytes];
  tally::Begin(call, return_address);
  return static_cast<uintptr_t>(call->function);
}

__attribute__((visibility("hidden"), used)) uintptr_t ffi_tally_end_call() { return tally::End(); }
}

// Entering saves whatever arguments may be in, and has the function return to ffi_tally_leave_stub in place
// of its caller. That saves whatever results may be in, but for x87 registers, which C++ does not touch here.
// Unwinding ends there. It looks up the byte before a return address, hence the nop.
#if defined(__x86_64__)

asm(R"(
  .pushsection .text
  .balign 16
  .globl ffi_tally_stubs
  .hidden ffi_tally_stubs
  .type ffi_tally_stubs, @object
ffi_tally_stubs:
  .rept 256
  .balign 16
  leaq (%rip), %r11
  jmp ffi_tally_enter_stub
  .endr

  .balign 16
  .type ffi_tally_enter_stub, @function
ffi_tally_enter_stub:
  pushq %rax
  pushq %rdi
  pushq %rsi
  pushq %rdx
  pushq %rcx
  pushq %r8
  pushq %r9
  pushq %r10
  subq $136, %rsp
  movups %xmm0, (%rsp)
  movups %xmm1, 16(%rsp)
  movups %xmm2, 32(%rsp)
  movups %xmm3, 48(%rsp)
  movups %xmm4, 64(%rsp)
  movups %xmm5, 80(%rsp)
  movups %xmm6, 96(%rsp)
  movups %xmm7, 112(%rsp)
  movq %r11, %rdi
  movq 200(%rsp), %rsi
  call ffi_tally_begin_call
  movq %rax, %r11
  leaq ffi_tally_leave_stub(%rip), %rax
  movq %rax, 200(%rsp)
  movups (%rsp), %xmm0
  movups 16(%rsp), %xmm1
  movups 32(%rsp), %xmm2
  movups 48(%rsp), %xmm3
  movups 64(%rsp), %xmm4
  movups 80(%rsp), %xmm5
  movups 96(%rsp), %xmm6
  movups 112(%rsp), %xmm7
  addq $136, %rsp
  popq %r10
  popq %r9
  popq %r8
  popq %rcx
  popq %rdx
  popq %rsi
  popq %rdi
  popq %rax
  jmp *%r11
  .size ffi_tally_enter_stub, . - ffi_tally_enter_stub

  .balign 16
  .type ffi_tally_leave_stub, @function
  .cfi_startproc
  .cfi_undefined rip
  nop
ffi_tally_leave_stub:
  subq $64, %rsp
  movq %rax, (%rsp)
  movq %rdx, 8(%rsp)
  movups %xmm0, 16(%rsp)
  movups %xmm1, 32(%rsp)
  call ffi_tally_end_call
  movq %rax, 56(%rsp)
  movq (%rsp), %rax
  movq 8(%rsp), %rdx
  movups 16(%rsp), %xmm0
  movups 32(%rsp), %xmm1
  addq $56, %rsp
  ret
  .cfi_endproc
  .size ffi_tally_leave_stub, . - ffi_tally_leave_stub
  .popsection
)");

#elif defined(__arm__)

// Not in Thumb, whichever the rest is in.
asm(R"(
  .pushsection .text
  .syntax unified
  .arm
  .balign 16
  .globl ffi_tally_stubs
  .hidden ffi_tally_stubs
  .type ffi_tally_stubs, %object
  .fnstart
ffi_tally_stubs:
  .rept 256
  .balign 16
  mov r12, pc
  b ffi_tally_enter_stub
  .endr

  .balign 16
  .type ffi_tally_enter_stub, %function
ffi_tally_enter_stub:
  push {r0-r4, lr}
  vpush {d0-d7}
  mov r0, r12
  mov r1, lr
  bl ffi_tally_begin_call
  mov r12, r0
  vpop {d0-d7}
  pop {r0-r4, lr}
  adr lr, ffi_tally_leave_stub
  bx r12
  .cantunwind
  .fnend
  .size ffi_tally_enter_stub, . - ffi_tally_enter_stub

  .balign 16
  .type ffi_tally_leave_stub, %function
  .fnstart
  nop
ffi_tally_leave_stub:
  push {r0-r3}
  vpush {d0-d7}
  bl ffi_tally_end_call
  mov lr, r0
  vpop {d0-d7}
  pop {r0-r3}
  bx lr
  .cantunwind
  .fnend
  .size ffi_tally_leave_stub, . - ffi_tally_leave_stub
  .popsection
)");

#else

asm(R"(
  .pushsection .text
  .balign 16
  .globl ffi_tally_stubs
  .hidden ffi_tally_stubs
  .type ffi_tally_stubs, %object
ffi_tally_stubs:
  .rept 256
  .balign 16
  adr x16, .
  b ffi_tally_enter_stub
  .endr

  .balign 16
  .type ffi_tally_enter_stub, %function
ffi_tally_enter_stub:
  stp x29, x30, [sp, #-224]!
  mov x29, sp
  stp x0, x1, [sp, #16]
  stp x2, x3, [sp, #32]
  stp x4, x5, [sp, #48]
  stp x6, x7, [sp, #64]
  str x8, [sp, #80]
  stp q0, q1, [sp, #96]
  stp q2, q3, [sp, #128]
  stp q4, q5, [sp, #160]
  stp q6, q7, [sp, #192]
  mov x0, x16
  mov x1, x30
  bl ffi_tally_begin_call
  mov x16, x0
  ldp x0, x1, [sp, #16]
  ldp x2, x3, [sp, #32]
  ldp x4, x5, [sp, #48]
  ldp x6, x7, [sp, #64]
  ldr x8, [sp, #80]
  ldp q0, q1, [sp, #96]
  ldp q2, q3, [sp, #128]
  ldp q4, q5, [sp, #160]
  ldp q6, q7, [sp, #192]
  ldp x29, x30, [sp], #224
  adr x30, ffi_tally_leave_stub
  br x16
  .size ffi_tally_enter_stub, . - ffi_tally_enter_stub

  .balign 16
  .type ffi_tally_leave_stub, %function
  .cfi_startproc
  .cfi_undefined x30
  nop
ffi_tally_leave_stub:
  sub sp, sp, #80
  stp x0, x1, [sp]
  stp q0, q1, [sp, #16]
  stp q2, q3, [sp, #48]
  bl ffi_tally_end_call
  mov x30, x0
  ldp x0, x1, [sp]
  ldp q0, q1, [sp, #16]
  ldp q2, q3, [sp, #48]
  add sp, sp, #80
  ret
  .cfi_endproc
  .size ffi_tally_leave_stub, . - ffi_tally_leave_stub
  .popsection
)");

#endif

namespace tally {

static_assert(CallStubs::kCount == 256, "that many are assembled");

uint64_t CallStubs::Take(uint64_t function, double account) {
  for (size_t i = 0; i < kCount; i++) {
    Call& call = calls[i];
    State expected = State::kFree;
    if (call.state.load(std::memory_order_relaxed) != State::kFree ||
        !call.state.compare_exchange_strong(expected, State::kTaken, std::memory_order_acquire))
      continue;
    call.taker.store(CountedBlocks::ThreadBlock(), std::memory_order_relaxed);
    call.function = function;
    call.account = account;
    call.net = 0;
    call.others = 0;
    call.has_loaded = false;
    return reinterpret_cast<uintptr_t>(ffi_tally_stubs) + i * kStubBytes;
  }
  return 0;
}

double CallStubs::GiveBack(uint64_t stub) {
  Call& call = calls[(stub - reinterpret_cast<uintptr_t>(ffi_tally_stubs)) / kStubBytes];
  const double net = call.net;
  CountedBlocks::ThreadBlock()[CountedBlocks::kOthers] += call.others;
  if (call.has_loaded) CountedBlocks::SetStale(true);
  call.taker.store(nullptr, std::memory_order_relaxed);
  call.state.store(State::kFree, std::memory_order_release);
  return net;
}

void CallStubs::Forsake() {
  const double* taker = CountedBlocks::ThreadBlock();
  for (Call& call : calls) {
    if (call.taker.load(std::memory_order_relaxed) != taker) continue;
    call.taker.store(nullptr, std::memory_order_relaxed);
    State taken = State::kTaken;
    if (!call.state.compare_exchange_strong(taken, State::kForsaken, std::memory_order_acq_rel))
      call.state.store(State::kFree, std::memory_order_release);
  }
}

}  // namespace tally

#else

namespace tally {

uint64_t CallStubs::Take(uint64_t, double) { return 0; }
double CallStubs::GiveBack(uint64_t) { return 0; }
void CallStubs::Forsake() {}

}  // namespace tally

#endif  // TALLY_HAS_ELF_MODULES
