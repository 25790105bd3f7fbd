#pragma once
#include "tensorflow/lite/micro/micro_interpreter.h"

namespace tflite {
inline const Model* GetModel(const void* bytes) { return static_cast<const Model*>(bytes); }
}  // namespace tflite
