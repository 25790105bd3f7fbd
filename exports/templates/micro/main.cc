// {{ "Draws the picture" if picture else "Prints the sample" }} of a seed: draw SEED{{ " [LABEL]" if classes }}{{ " > seed.%s" % ("pgm" if shape[2] == 1 else "ppm") if picture }}. See README.md.
#include <cstdio>
#include <cstdlib>

#include "generator.h"
#include "latents.h"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"
#include "tensorflow/lite/micro/system_setup.h"
#include "tensorflow/lite/schema/schema_generated.h"

alignas(16) static uint8_t arena[ARENA_BYTES];
{% if picture %}

static int level(float x) {  // from [-1, 1] to 0 to 255
  const float grey = (x + 1.0f) * 127.5f + 0.5f;
  return grey < 0.0f ? 0 : grey > 255.0f ? 255 : static_cast<int>(grey);
}
{% endif %}

int main(int argc, char** argv) {
  const uint32_t seed = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 7;
  tflite::InitializeTarget();
  tflite::MicroMutableOpResolver<{{ methods | length }}> operations;
{% for method in methods %}
  operations.{{ method }}();
{% endfor %}
  tflite::MicroInterpreter interpreter(tflite::GetModel(model_bytes), operations, arena, sizeof arena);
  if (interpreter.AllocateTensors() != kTfLiteOk) return 1;  // the arena is too small

  float* z = interpreter.input({{ places["z"] }})->data.f;
  latents_of(seed, z, LATENT_DIM);
{% if sliders %}
  // A slider: for (int i = 0; i < LATENT_DIM; i++) z[i] += 1.0f * sliders[0].vector[i];
{% endif %}
{% if classes %}
  interpreter.input({{ places["label"] }})->data.i32[0] = (argc > 2 ? std::strtoul(argv[2], nullptr, 10) : seed) % CLASSES;
{% endif %}
  if (interpreter.Invoke() != kTfLiteOk) return 1;

  const float* values = interpreter.output(0)->data.f;
{% if picture %}
  std::printf("P{{ 2 if shape[2] == 1 else 3 }}\n%d %d\n255\n", WIDTH, HEIGHT);
  for (int i = 0; i < HEIGHT * WIDTH * CHANNELS; i++) std::printf("%d\n", level(values[i]));
{% else %}
  for (int i = 0; i < HEIGHT * WIDTH * CHANNELS; i++) std::printf("%g\n", static_cast<double>(values[i]));
{% endif %}
}
