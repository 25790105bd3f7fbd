// Stub for the tests: the names and types of LiteRT's C++ API that the README of an export uses.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "litert/cc/litert_environment.h"
#include "litert/cc/litert_expected.h"
#include "litert/cc/litert_tensor_buffer.h"

namespace litert {

enum class HwAccelerators : int { kNone = 0, kCpu = 1, kGpu = 2, kNpu = 4 };

/// A model of made-up shapes, which environment variables give: the dimension of z, the number of outputs, and whether
/// there are labels and uint8 outputs. It draws a ramp of levels from -20 to 279, which begins at the seed, or at 100
/// times the sum of z, plus 10 times the label.
class CompiledModel {
 public:
  static Expected<CompiledModel> Create(Environment&, const std::string& path, HwAccelerators) {
    if (!path.ends_with(".tflite")) return Error(path + " is no model");
    return CompiledModel();
  }

  CompiledModel(CompiledModel&&) = default;

  Expected<std::vector<TensorBuffer>> CreateInputBuffers(StringView signature) const {
    std::vector<TensorBuffer> buffers;
    if (signature == "sample") buffers.emplace_back(sizeof(std::int32_t));
    if (signature == "generate") buffers.emplace_back(latent_dim_ * sizeof(float));
    if (buffers.empty()) return Error("no such signature");
    if (labels_) buffers.emplace_back(sizeof(std::int32_t));
    return buffers;
  }

  Expected<std::vector<TensorBuffer>> CreateOutputBuffers(StringView) const {
    std::vector<TensorBuffer> buffers;
    buffers.emplace_back(uint8_ ? count_ : count_ * sizeof(float));
    return buffers;
  }

  Expected<void> Run(StringView signature, const std::vector<TensorBuffer>& inputs,
                     const std::vector<TensorBuffer>& outputs) const {
    if (inputs.size() != (labels_ ? 2 : 1) || outputs.size() != 1) return Error("wrong number of buffers");
    float sum = 0;
    for (std::size_t i = 0; i < latent_dim_ && signature == "generate"; ++i) sum += inputs[0].As<float>()[i];
    int start = signature == "sample" ? inputs[0].As<std::int32_t>()[0] : static_cast<int>(std::lround(100 * sum));
    if (labels_) start += 10 * inputs[1].As<std::int32_t>()[0];
    for (std::size_t i = 0; i < count_; ++i) {
      const int level = static_cast<int>(i + start) % 300 - 20;
      if (uint8_) {
        outputs[0].As<std::uint8_t>()[i] = static_cast<std::uint8_t>(std::clamp(level, 0, 255));
      } else {
        outputs[0].As<float>()[i] = static_cast<float>(level) / 127.5f - 1;
      }
    }
    return {};
  }

 private:
  CompiledModel() = default;
  static std::size_t Number(const char* name) { return std::strtoul(std::getenv(name), nullptr, 10); }

  std::size_t latent_dim_ = Number("STUB_LATENT_DIM"), count_ = Number("STUB_COUNT");
  bool labels_ = Number("STUB_LABELS"), uint8_ = Number("STUB_UINT8");
};

}  // namespace litert
