// Stub for the tests: the names and types of LiteRT's C++ API that the README of an export uses.
#pragma once
#include "litert/cc/litert_expected.h"

namespace litert {

class Environment {
 public:
  struct Option {};
  static Expected<Environment> Create(Span<const Option>) { return Environment(); }
  Environment(Environment&&) = default;

 private:
  Environment() = default;
};

}  // namespace litert
