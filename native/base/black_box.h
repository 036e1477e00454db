// A BlackBox is a file that is mapped, so that what was written last is there after whatever end of the
// process, a SIGKILL included. What is written goes into two slots in turn, each with a number and a
// checksum: if the end comes in the middle of one, the other is whole. lib/tools/cli/post-mortem.js reads it.
//
//   0     "ffi-tally black box 1\n"
//   32    Uint32 the number of the signal that has ended the process, or 0
//   36    Uint32 1 if it has come to its own end
//   4096  two slots of kSlot bytes: Uint32 x 3 (number, checksum, length), and text
//
// Not where files cannot be mapped so (Windows). One thread at a time.

#ifndef FFI_TALLY_BASE_BLACK_BOX_H_
#define FFI_TALLY_BASE_BLACK_BOX_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tally {

class BlackBox {
 public:
  static constexpr size_t kHead = 4096;
  static constexpr size_t kSlot = 16384;

  BlackBox() = default;
  ~BlackBox() { Close(); }
  BlackBox(const BlackBox&) = delete;
  BlackBox& operator=(const BlackBox&) = delete;

  static bool IsSupported();
  // Makes the file, or empties it. Returns 0, or what errno says.
  int Open(const char* path);
  bool is_open() const { return data_ != nullptr; }
  // REQUIRES: it is open. What does not fit is cut off.
  void Write(std::string_view text);
  // The process has come to its own end, so far.
  void MarkEnd();
  void Close();

 private:
  unsigned char* data_ = nullptr;
  [[maybe_unused]] uint32_t number_ = 0;  // of the last slot; unused where there is no mapping
};

}  // namespace tally

#endif  // FFI_TALLY_BASE_BLACK_BOX_H_
