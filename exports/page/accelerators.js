// The choice between the GPU (WebGPU) and the CPU (WebAssembly).

import { PageError } from "./files.js";
import { draw as drawLatent } from "./latents.js";
import { compile, load } from "./litert.js";

const TRIAL_SEED = 7;
const TIMED_RUNS = 5;
const LONGEST_TRIAL_MS = 30_000;
const LARGEST_MEAN_ERROR = 0.02; // of values in [-1, 1]: with weights of 8 bits a GPU rounds in other places than the CPU
const DAMAGED =
  "The file generator.tflite is damaged, or is not a generator that kgan export wrote. Export the page again with " +
  "kgan export --web.";

function median(values) {
  return [...values].sort((a, b) => a - b)[values.length >> 1];
}

/** Why this browser has no GPU to try, as a clause; null where it has one. */
async function missingGpu(wanted) {
  const adapter = await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" }).catch(() => null);
  if (!adapter) return "this browser offers no WebGPU";
  const inSoftware = adapter.info?.isFallbackAdapter ?? adapter.isFallbackAdapter;
  return inSoftware && wanted !== "webgpu" ? "WebGPU is emulated on the CPU here" : null;
}

/** {image, ms}: the picture of a fixed latent, and the median time of a run after the first. */
async function tryOut(model) {
  const z = drawLatent(TRIAL_SEED, model.dim, "uniform");
  const image = await model.run(z, 0); // not timed, since it prepares the model
  const times = [];
  for (let i = 0; i < TIMED_RUNS; i++) {
    const start = performance.now();
    await model.run(z, 0);
    times.push(performance.now() - start);
  }
  return { image, ms: median(times) };
}

/** Whether two pictures agree; false where a value is NaN. The range of the values is 2 in float32, 255 in uint8. */
function agree(image, expected) {
  const range = expected instanceof Uint8Array ? 255 : 2;
  const sum = expected.reduce((total, value, i) => total + Math.abs(image[i] - value), 0);
  return image.length === expected.length && sum / expected.length <= (LARGEST_MEAN_ERROR * range) / 2;
}

function within(ms, promise) {
  const late = new Promise((_, reject) => setTimeout(() => reject(new Error(`no answer in ${ms} ms`)), ms));
  return Promise.race([promise, late]);
}

/** {gpu}: the generator on the GPU, or {reason}: a clause that says why it is not used. */
async function tryGpu(litert, content, cpu, wanted) {
  if (!litert.getWebGpuDevice()) return { reason: "this browser gives no graphics device" };
  try {
    const gpu = await compile(litert, content, "webgpu");
    if (gpu.name !== "webgpu") return { reason: "WebGPU lacks operations of this generator" };
    const [own, expected] = [await within(LONGEST_TRIAL_MS, tryOut(gpu)), await tryOut(cpu)];
    const right = agree(own.image, expected.image);
    if (right && (wanted === "webgpu" || own.ms < expected.ms)) return { gpu };
    gpu.delete();
    const slower = `WebGPU is slower here, at ${Number(own.ms.toPrecision(2))} ms a picture`;
    return { reason: right ? slower : "WebGPU draws wrong pictures here" };
  } catch (error) {
    console.debug(error);
    return { reason: "WebGPU fails with this generator" };
  }
}

async function compileForCpu(litert, content) {
  try {
    return await compile(litert, content, "wasm");
  } catch (error) {
    throw new PageError(DAMAGED, { cause: error });
  }
}

/** {draw, reason} of a .tflite, as in generator.js. */
export async function open(content, wanted) {
  const missing = wanted === "wasm" ? "the address asks for it" : await missingGpu(wanted);
  const litert = await load(!missing);
  const cpu = await compileForCpu(litert, content);
  const { gpu = null, reason = null } = missing ? { reason: missing } : await tryGpu(litert, content, cpu, wanted);
  if (wanted === "webgpu" && !gpu) {
    throw new PageError(
      `The address asks for WebGPU, but ${reason}. Remove accelerator=webgpu from the address, or use another browser.`,
    );
  }
  let model = gpu ?? cpu;

  async function draw(z, label) {
    const start = performance.now();
    try {
      const image = await model.run(z, label);
      return { image, accelerator: model.name, ms: performance.now() - start };
    } catch (error) {
      if (model === cpu) throw error;
      model = cpu; // the graphics device was lost
      return draw(z, label);
    }
  }

  return { draw, reason };
}
