// The noise of a seed, as in keras_gan/sampling/latents.py and in the graph of a .tflite: uint32 arithmetic modulo 2^32.

// The hash lowbias32 (Wellons 2018, Prospecting for hash functions).
function mix(x) {
  x ^= x >>> 16;
  x = Math.imul(x, 0x7feb352d);
  x ^= x >>> 15;
  x = Math.imul(x, 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}

// `count` random numbers of one seed, of 24 bits each: integers in [0, 2^24), which float32 holds exactly.
function bits(seed, count) {
  const own = mix(seed);
  return Array.from({ length: count }, (_, j) => mix(own ^ mix(Math.imul(0x9e3779b9, j + 1))) >>> 8);
}

function uniform(seed, dim) {
  return Float32Array.from(bits(seed, dim), (b) => (2 * b) / 2 ** 24 - 1);
}

// Box and Muller 1958: two normal numbers from two uniform ones.
function normal(seed, dim) {
  const half = Math.ceil(dim / 2);
  const unit = bits(seed, 2 * half).map((b) => Math.fround((b + 0.5) / 2 ** 24));
  const z = new Float32Array(2 * half);
  for (let j = 0; j < half; j++) {
    const radius = Math.sqrt(-2 * Math.log(unit[j]));
    const angle = 2 * Math.PI * unit[half + j];
    z[j] = radius * Math.cos(angle);
    z[half + j] = radius * Math.sin(angle);
  }
  return z.subarray(0, dim);
}

const DISTRIBUTIONS = { normal, uniform };

/** The latent of a seed in [0, 2^31): Float32Array of `dim` numbers, `distribution` "normal" or "uniform". */
export function draw(seed, dim, distribution) {
  return DISTRIBUTIONS[distribution](seed, dim);
}

/** The class of a seed where the reader chooses no label, as `latents.choose_labels` in keras_gan. */
export function classOf(seed, classes) {
  return seed % classes;
}

function dot(a, b) {
  return a.reduce((sum, value, i) => sum + value * b[i], 0);
}

// Along an arc, since normal latents have similar lengths (White 2016, Sampling generative networks, sec. 2.1).
function spherical(a, b, share) {
  const cosine = dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
  const omega = Math.acos(Math.min(1, Math.max(-1, cosine)));
  const sine = Math.sin(omega);
  if (!(sine >= 1e-6)) return [1 - share, share];
  return [Math.sin((1 - share) * omega) / sine, Math.sin(share * omega) / sine];
}

/** The latent at `share` in [0, 1] of the way from a to b: linear for uniform z, on the sphere for normal z. */
export function between(a, b, share, distribution) {
  const [first, second] = distribution === "normal" ? spherical(a, b, share) : [1 - share, share];
  return a.map((value, i) => first * value + second * b[i]);
}
