// Stub for the tests: the names and types of LiteRT's C++ API that the README of an export uses.
#pragma once
#include <cstddef>
#include <cstring>
#include <memory>

#include "litert/cc/litert_expected.h"

namespace litert {

class TensorBuffer {
 public:
  explicit TensorBuffer(std::size_t size) : size_(size), bytes_(new std::byte[size]) {}

  template <typename T>
  Expected<void> Write(Span<const T> data) {
    if (data.size_bytes() > size_) return Error("more than the buffer holds");
    std::memcpy(bytes_.get(), data.data(), data.size_bytes());
    return {};
  }

  template <typename T>
  Expected<void> Read(Span<T> data) {
    if (data.size_bytes() > size_) return Error("more than the buffer holds");
    std::memcpy(data.data(), bytes_.get(), data.size_bytes());
    return {};
  }

  template <typename T>
  T* As() const {
    return reinterpret_cast<T*>(bytes_.get());
  }

 private:
  std::size_t size_;
  std::unique_ptr<std::byte[]> bytes_;
};

}  // namespace litert
