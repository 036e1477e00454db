// For what compilers would not put into its callers by themselves, and what must cost no call.

#ifndef FFI_TALLY_BASE_INLINE_H_
#define FFI_TALLY_BASE_INLINE_H_

#if defined(__GNUC__)
#define TALLY_INLINE [[gnu::always_inline]] inline
#define TALLY_NOINLINE [[gnu::noinline]]
#else
#define TALLY_INLINE inline
#define TALLY_NOINLINE
#endif

#endif  // FFI_TALLY_BASE_INLINE_H_
