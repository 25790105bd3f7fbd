// Stub for the tests: the names and types of LiteRT's C++ API that the README of an export uses.
#pragma once
#include "litert/cc/litert_expected.h"

#define STUB_JOIN_(a, b) a##b
#define STUB_JOIN(a, b) STUB_JOIN_(a, b)
#define STUB_ASSIGN_OR_RETURN(result, target, ...) \
  auto result = (__VA_ARGS__);                     \
  if (!result) return result.Error();              \
  target = std::move(*result)
#define LITERT_ASSIGN_OR_RETURN(target, ...) STUB_ASSIGN_OR_RETURN(STUB_JOIN(result_, __LINE__), target, __VA_ARGS__)
#define LITERT_RETURN_IF_ERROR(...) \
  if (auto result = (__VA_ARGS__); !result) return result.Error()
