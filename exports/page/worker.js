// The worker: opens the generator and draws, so that the page's own thread stays free. It answers one request after the
// other: {id, method, values} gets {id, value}, or {id, error}.
//
// A classic script, since LiteRT.js loads its WebAssembly with importScripts, which fails in module workers.

const imported = Promise.all([import("./accelerators.js"), import("./files.js")]);
let generator;
let last = Promise.resolve();

async function perform(method, values) {
  const [{ open }, { read }] = await imported;
  if (method === "draw") return generator.draw(...values);
  const [name, wanted] = values;
  const content = new Uint8Array(await (await read(name)).arrayBuffer());
  generator = await open(content, wanted);
  return { bytes: content.length, reason: generator.reason };
}

async function answer({ id, method, values }) {
  try {
    const value = await perform(method, values);
    postMessage({ id, value }, value.image ? [value.image.buffer] : []);
  } catch (error) {
    const [, { PageError }] = await imported.catch(() => [, {}]);
    const forReader = PageError !== undefined && error instanceof PageError;
    postMessage({ id, error: { message: error.message, forReader, cause: String(error.cause ?? error) } });
  }
}

onmessage = ({ data }) => {
  last = last.then(() => answer(data));
};
