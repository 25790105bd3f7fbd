// LiteRT.js in the worker: loading it, and running a .tflite on one accelerator.

import { PageError } from "./files.js";

const SIGNATURE = "generate"; // of one picture: WebGPU gives zeros for a batch of 16, and the CPU gains nothing by it

/** LiteRT.js, with a graphics device where `withGpu`. */
export async function load(withGpu) {
  try {
    const litert = await import("./litert/core.js");
    if (!withGpu) litert.Environment.create = async () => new litert.Environment({ webGpuDevice: null });
    const log = (line) => console.debug(line); // all levels, since what fails also throws
    globalThis.Module = { print: log, printErr: log, locateFile: (name) => `litert/${name}` };
    await litert.loadLiteRt("litert/"); // chooses the build for this browser
    return litert;
  } catch (error) {
    throw new PageError(
      "LiteRT.js, which runs the generator, cannot be loaded from the folder litert. The folder may be incomplete, or " +
        "the connection was lost. Load the page again, or export it again with kgan export --web.",
      { cause: error },
    );
  }
}

/** {name, dim, run, delete}: run(z, label) gives one picture, as a typed array; z has `dim` numbers. */
export async function compile(litert, content, accelerator) {
  const gpuOptions = { precision: "fp32" }; // so that a seed gives the same picture on every device
  const model = await litert.loadAndCompile(content, { accelerator, gpuOptions });
  const details = model.signatures[SIGNATURE].getInputDetails();

  async function run(z, label) {
    const arrays = { z, label: Int32Array.of(label) };
    const inputs = {};
    let outputs = {};
    try {
      for (const { name, shape } of details) inputs[name] = new litert.Tensor(arrays[name], [...shape]);
      outputs = await model.run(SIGNATURE, inputs);
      return await outputs.images.data();
    } finally {
      // Tensors are in the memory of the WebAssembly module, which has no garbage collector.
      for (const tensor of [...Object.values(inputs), ...Object.values(outputs)]) tensor.delete();
    }
  }

  const dim = details.find(({ name }) => name === "z").shape[1];
  return { name: model.options.accelerator, dim, run, delete: () => model.delete() };
}
