// The generator: a .tflite of keras_gan, which LiteRT.js runs on the CPU.

/** An error whose message tells the reader the reason and a remedy. */
export class PageError extends Error {}

// LiteRT.js logs everything as an error, also its messages of the levels INFO and VERBOSE.
function log(line) {
  if (/^(INFO|WARNING|VERBOSE)/.test(line)) console.debug(line);
  else console.error(line);
}

async function load() {
  if (typeof WebAssembly === "undefined") {
    throw new PageError(
      "This browser has no WebAssembly, which the generator needs. Open the page in a current browser. On an iPhone " +
        "or iPad, turn Lockdown Mode off for this page, since it turns WebAssembly off.",
    );
  }
  try {
    const litert = await import("./litert/core.js");
    // Otherwise LiteRT.js requests a graphics device, which is not used here.
    litert.Environment.create = async () => new litert.Environment({ webGpuDevice: null });
    globalThis.Module = { printErr: log };
    await litert.loadLiteRt("litert/"); // chooses the loader for this browser
    return litert;
  } catch (error) {
    throw new PageError(
      "LiteRT.js, which runs the generator, cannot be loaded from the folder litert. The folder may be incomplete, or " +
        "the connection was lost. Load the page again, or export it again with kgan export --web.",
      { cause: error },
    );
  }
}

/** The server's response for a file in the folder of the page. */
export async function read(name) {
  const answer = await fetch(name).catch(() => null);
  if (answer?.ok) return answer;
  const why = answer ? `the server responds with status ${answer.status}` : "the server does not respond";
  throw new PageError(`The file ${name} cannot be read: ${why}. Load the page again, or export it again.`);
}

async function compile(litert, content) {
  try {
    return await litert.loadAndCompile(content, { accelerator: "wasm" });
  } catch (error) {
    throw new PageError(
      "The file generator.tflite is damaged, or is not a generator that kgan export wrote. Export the page again with " +
        "kgan export --web.",
      { cause: error },
    );
  }
}

/** {run, bytes}: a function (signature, typed arrays by the input's name) to the images, and the size of the file. */
export async function open(name) {
  const content = new Uint8Array(await (await read(name)).arrayBuffer());
  const litert = await load();
  const model = await compile(litert, content);

  async function run(signature, arrays) {
    const inputs = {};
    let outputs = {};
    try {
      for (const details of model.signatures[signature].getInputDetails()) {
        inputs[details.name] = new litert.Tensor(arrays[details.name], [...details.shape]);
      }
      outputs = await model.run(signature, inputs);
      return await outputs.images.data();
    } finally {
      // Tensors are in the memory of the WebAssembly module, which has no garbage collector.
      for (const tensor of [...Object.values(inputs), ...Object.values(outputs)]) tensor.delete();
    }
  }

  return { run, bytes: content.length };
}
