// The generator itself: a .tflite of keras_gan, run by LiteRT.js on the processor.

/** Says in one sentence why there are no pictures, and what to do. */
export class Trouble extends Error {}

// LiteRT.js tells even its good news as console errors.
function log(line) {
  if (/^(INFO|WARNING|VERBOSE)/.test(line)) console.debug(line);
  else console.error(line);
}

async function load() {
  if (typeof WebAssembly === "undefined") {
    throw new Trouble(
      "This browser has no WebAssembly, which the generator needs. Open the page in a current browser; on an iPhone " +
        "or iPad, Lockdown Mode switches WebAssembly off.",
    );
  }
  try {
    const litert = await import("./litert/core.js");
    // Without this it would ask for a graphics device, which nothing here uses.
    litert.Environment.create = async () => new litert.Environment({ webGpuDevice: null });
    globalThis.Module = { printErr: log };
    await litert.loadLiteRt("litert/"); // takes the loader that suits the browser
    return litert;
  } catch (error) {
    throw new Trouble(
      "LiteRT.js, which runs the generator, cannot be loaded from the folder litert. It may be incomplete, or the " +
        "connection broke: load the page again, or export it anew with kgan export --web.",
      { cause: error },
    );
  }
}

/** The answer of this page's server for a file of its folder. */
export async function read(name) {
  const answer = await fetch(name).catch(() => null);
  if (answer?.ok) return answer;
  const why = answer ? `the server says ${answer.status}` : "the server does not answer";
  throw new Trouble(`The file ${name} cannot be read: ${why}. Load the page again, or export it anew.`);
}

async function compile(litert, content) {
  try {
    return await litert.loadAndCompile(content, { accelerator: "wasm" });
  } catch (error) {
    throw new Trouble(
      "The file generator.tflite is damaged, or is not a generator that kgan export wrote. Export it anew with kgan " +
        "export --web.",
      { cause: error },
    );
  }
}

/** A function (signature, typed arrays by input's name) that runs a signature, and the size of the file in bytes. */
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
      // They lie in the module's own memory, which no garbage collector sees.
      for (const tensor of [...Object.values(inputs), ...Object.values(outputs)]) tensor.delete();
    }
  }

  return { run, bytes: content.length };
}
