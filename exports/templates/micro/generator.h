/* The generator {{ name | comment }}, {{ mark }} of keras_gan {{ about.keras_gan | comment }}. */
{% if about.license %}
/* License: {{ about.license | comment }} */
{% endif %}
#ifndef GENERATOR_H_
#define GENERATOR_H_

#define LATENT_DIM {{ about.latent_dim }}
#define HEIGHT {{ shape[0] }}
#define WIDTH {{ shape[1] }}
#define CHANNELS {{ shape[2] }}
{% if classes %}
#define CLASSES {{ classes }}
{% endif %}
/* Enough for the reference kernels on a 64-bit processor. Others may need more; then AllocateTensors fails. */
#define ARENA_BYTES {{ report.arena_bytes }}
{% if sliders %}
#define SLIDERS {{ sliders | length }}

/* Added to z times an amount from -limit to limit. */
static const struct {
    float limit;
    float vector[LATENT_DIM];
} sliders[SLIDERS] = {
{% for slider in sliders %}
    {{ "{" }}{{ [slider.limit] | floats }}, {{ "{" }} /* {{ slider.name | comment }} */
        {{ slider.vector | floats }}
    {{ "}}," }}
{% endfor %}
};
{% endif %}

/* A .tflite of {{ count }} bytes. */
#ifdef __cplusplus
alignas(16)
#else
_Alignas(16)
#endif
static const unsigned char model_bytes[{{ count }}] = {
{{ array }}
};

#endif /* GENERATOR_H_ */
