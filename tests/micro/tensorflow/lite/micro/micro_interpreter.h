// A stub with the names and types of LiteRT for Microcontrollers that main.cc uses. Its picture is a ramp that z[0] and
// the label shift.
#pragma once
#include <cstddef>
#include <cstdint>

#include "generator.h"

enum TfLiteStatus { kTfLiteOk = 0, kTfLiteError = 1 };
struct TfLiteTensor {
  union {
    float* f;
    int32_t* i32;
  } data;
};

namespace tflite {
struct Model;
class MicroOpResolver {};
class MicroInterpreter {
 public:
  MicroInterpreter(const Model*, const MicroOpResolver&, uint8_t*, size_t arena_bytes) : bytes_(arena_bytes) {}
  TfLiteStatus AllocateTensors() { return bytes_ == ARENA_BYTES ? kTfLiteOk : kTfLiteError; }
  TfLiteTensor* input(size_t place) { return place < 2 ? &inputs_[place] : nullptr; }
  TfLiteTensor* output(size_t) { return &output_; }
  TfLiteStatus Invoke() {
    for (int i = 0; i < HEIGHT * WIDTH * CHANNELS; i++) pixels_[i] = -1.5f + 0.01f * i + z_[0] + 0.1f * label_[0];
    return kTfLiteOk;
  }

 private:
  size_t bytes_;
  float z_[LATENT_DIM], pixels_[HEIGHT * WIDTH * CHANNELS];
  int32_t label_[1] = {0};
  TfLiteTensor inputs_[2] = {{{z_}}, {{reinterpret_cast<float*>(label_)}}}, output_ = {{pixels_}};
};
}  // namespace tflite
