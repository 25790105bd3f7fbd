// Stub for the tests: the names and types of LiteRT's C++ API that the README of an export uses.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace litert {

using StringView = std::string_view;
template <typename T>
using Span = std::span<T>;

class Error {
 public:
  explicit Error(std::string message) : message_(std::move(message)) {}
  const std::string& Message() const { return message_; }

 private:
  std::string message_;
};

template <typename T>
class Expected {
 public:
  Expected(T&& value) : value_(std::move(value)) {}
  Expected(const class Error& error) : error_(error) {}
  explicit operator bool() const { return value_.has_value(); }
  T& operator*() & { return *value_; }
  T& operator*() && = delete;
  T* operator->() & { return &*value_; }
  T* operator->() && = delete;
  const class Error& Error() const& { return *error_; }
  const class Error& Error() const&& = delete;

 private:
  std::optional<T> value_;
  std::optional<class Error> error_;
};

template <>
class Expected<void> {
 public:
  Expected() = default;
  Expected(const class Error& error) : error_(error) {}
  explicit operator bool() const { return !error_; }
  const class Error& Error() const& { return *error_; }

 private:
  std::optional<class Error> error_;
};

}  // namespace litert
