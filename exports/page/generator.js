// The generator as the page sees it: requests to worker.js.

import { PageError } from "./files.js";

const NO_WEBASSEMBLY =
  "This browser has no WebAssembly, which the generator needs. Open the page in a current browser. On an iPhone or " +
  "iPad, turn Lockdown Mode off for this page, since it turns WebAssembly off.";
const NO_WORKER =
  "The script worker.js cannot be loaded. The folder may be incomplete, or the connection was lost. Load the page " +
  "again, or export it again with kgan export --web.";

function toError({ message, forReader, cause }) {
  return new (forReader ? PageError : Error)(message, { cause });
}

/** {request, end}: request(method, ...values) gives the worker's answer. An error outside of a request ends the worker. */
function startWorker() {
  const worker = new Worker("worker.js");
  const waiting = new Map(); // id -> functions of the request's promise
  let count = 0;

  function end(error) {
    worker.terminate();
    waiting.forEach(({ reject }) => reject(error));
  }

  function request(method, ...values) {
    return new Promise((resolve, reject) => {
      waiting.set(++count, { resolve, reject });
      worker.postMessage({ id: count, method, values });
    });
  }

  worker.addEventListener("message", ({ data: { id, value, error } }) => {
    const { resolve, reject } = waiting.get(id);
    waiting.delete(id);
    if (error) reject(toError(error));
    else resolve(value);
  });
  worker.addEventListener("error", ({ message }) => {
    end(message ? new Error(message) : new PageError(NO_WORKER)); // a script that is missing gives no message
  });
  return { request, end };
}

/**
 * Opens a .tflite of keras_gan in a worker.
 *
 * wanted: "webgpu", "wasm", or null for the faster of the two.
 * Returns {draw, end, bytes, reason}: draw(z, label) gives {image, accelerator, ms}; end() ends the worker; bytes is the
 * size of the file; reason says why the pictures are drawn on the CPU, and is null where they are not.
 */
export async function open(name, wanted) {
  if (typeof WebAssembly === "undefined") throw new PageError(NO_WEBASSEMBLY);
  const { request, end } = startWorker();
  try {
    return { ...(await request("open", name, wanted)), draw: (z, label) => request("draw", z, label), end };
  } catch (error) {
    end(error);
    throw error;
  }
}
