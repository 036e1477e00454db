// A growable array that says when there is no memory instead of ending the process: std::vector
// throws, and exceptions stay out of an addon. Not thread-safe.

#ifndef FFI_TALLY_BASE_FALLIBLE_VECTOR_H_
#define FFI_TALLY_BASE_FALLIBLE_VECTOR_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>

namespace tally {

template <typename T>
class FallibleVector {
 public:
  // Makes room for `more` further elements. Returns false, and changes nothing, without memory.
  bool Reserve(size_t more) {
    if (more <= capacity_ - size_) return true;
    if (more > SIZE_MAX / sizeof(T) / 2 - size_) return false;
    size_t capacity = capacity_ == 0 ? 16 : capacity_ * 2;
    if (capacity < size_ + more) capacity = size_ + more;
    std::unique_ptr<T[]> larger(new (std::nothrow) T[capacity]);
    if (larger == nullptr) return false;
    for (size_t i = 0; i < size_; i++) larger[i] = std::move(elements_[i]);
    elements_ = std::move(larger);
    capacity_ = capacity;
    return true;
  }

  // REQUIRES: room, by Reserve.
  void Push(T element) { elements_[size_++] = std::move(element); }

  // Makes it `size` long, with values made by default, if it is shorter. Returns false, and changes nothing,
  // without memory.
  bool Extend(size_t size) {
    if (size <= size_) return true;
    if (!Reserve(size - size_)) return false;
    while (size_ < size) Push(T());
    return true;
  }

  void Truncate(size_t size) { size_ = size; }

  T& operator[](size_t index) { return elements_[index]; }
  const T& operator[](size_t index) const { return elements_[index]; }
  size_t size() const { return size_; }
  T* begin() { return elements_.get(); }
  T* end() { return begin() + size_; }
  const T* begin() const { return elements_.get(); }
  const T* end() const { return begin() + size_; }

 private:
  std::unique_ptr<T[]> elements_;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace tally

#endif  // FFI_TALLY_BASE_FALLIBLE_VECTOR_H_
