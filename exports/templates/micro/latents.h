/* z of a seed, as in all files of keras_gan: {{ "N(0, 1)" if about.latent == "normal" else "U[-1, 1)" }} from a counter and a hash of it. */
#ifndef LATENTS_H_
#define LATENTS_H_

#include <math.h>
#include <stdint.h>

/* The hash lowbias32 (Wellons 2018). */
static inline uint32_t mixed(uint32_t x) {
    x = (x ^ x >> 16) * 0x7FEB352Du;
    x = (x ^ x >> 15) * 0x846CA68Bu;
    return x ^ x >> 16;
}

/* The upper 24 bits of random number `index` of a seed, which a float holds exactly. */
static inline float bits_of(uint32_t seed, uint32_t index) {
    return (float)(mixed(mixed(seed) ^ mixed((index + 1) * 0x9E3779B9u)) >> 8);
}

/* Writes the `dim` numbers of z for a seed from 0 to 2147483647. */
static inline void latents_of(uint32_t seed, float *z, int dim) {
{% if about.latent == "normal" %}
    const int half = (dim + 1) / 2; /* two normal numbers from two uniform ones (Box and Muller 1958) */
    for (int i = 0; i < half; i++) {
        const float unit = (bits_of(seed, (uint32_t)i) + 0.5f) * 0x1p-24f;
        const float angle = 6.2831853f * ((bits_of(seed, (uint32_t)(half + i)) + 0.5f) * 0x1p-24f);
        const float radius = sqrtf(-2.0f * logf(unit));
        z[i] = radius * cosf(angle);
        if (half + i < dim) z[half + i] = radius * sinf(angle);
    }
{% else %}
    for (int i = 0; i < dim; i++) z[i] = bits_of(seed, (uint32_t)i) * 0x1p-23f - 1.0f;
{% endif %}
}

#endif /* LATENTS_H_ */
