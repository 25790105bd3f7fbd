// The page: its controls, its pictures, and its address.

import { COUNT, LAST_FIRST_SEED, LAST_SEED, format, parse, whole } from "./address.js";
import { PageError, read } from "./files.js";
import { open } from "./generator.js";
import { between, classOf, draw as drawLatent } from "./latents.js";
import { save, sheet, show, toPixels } from "./pictures.js";
import * as sliders from "./sliders.js";

const COLUMNS = 4;
const SMOOTH_PX = 48; // pictures of at least this size are smoothed when they are enlarged
const UNEXPECTED =
  "The pictures cannot be drawn: generator.json and generator.tflite may not belong together, or memory ran out. " +
  "Load the page again, or export it again with kgan export --web.";
const ADDRESS_PAUSE_MS = 300; // browsers reject many changes of the address in a row

const TIMED = 64; // pictures whose median time is shown
const ACCELERATORS = { webgpu: "on the GPU (WebGPU)", wasm: "on the CPU (WebAssembly)" }; // by their names in the address

const $ = (id) => document.getElementById(id);
let description, generator, state, showAmounts, addressTimer;
const times = []; // ms of the last pictures

function fail(error) {
  generator?.end();
  $("tool").hidden = true;
  $("message").hidden = false;
  $("message").setAttribute("role", "alert");
  $("message").textContent = error instanceof PageError ? error.message : UNEXPECTED;
  console.error(error.cause ?? error);
}

function labelName(label) {
  return description.labels?.[label] ?? `${label}`;
}

function nameOf(seed, label) {
  return label === null ? `seed ${seed}` : `seed ${seed}, ${labelName(label)}`;
}

function labelAt(i) {
  return description.num_classes ? (state.label ?? classOf(state.seed + i, description.num_classes)) : null;
}

// Drawing

function latentOf(seed) {
  return drawLatent(seed, description.latent_dim, description.latent);
}

async function draw(canvas, z, label) {
  const { image, accelerator, ms } = await generator.draw(z, label ?? 0);
  show(canvas, toPixels(image, description.data_shape));
  times.push(ms);
  if (times.length > TIMED) times.shift();
  const median = [...times].sort((a, b) => a - b)[times.length >> 1];
  $("speed").dataset.accelerator = accelerator;
  $("speed").textContent = `${Number(median.toPrecision(2))} ms a picture ${ACCELERATORS[accelerator]}`;
}

// Grid

async function drawGrid() {
  await Promise.all(
    [...$("pictures").children].map((button, i) => draw(button.firstChild, latentOf(state.seed + i), labelAt(i))),
  );
  mark();
}

/** Names the grid's pictures, and marks those at the ends of the slider. */
function mark() {
  [...$("pictures").children].forEach((button, i) => {
    const [seed, label] = [state.seed + i, labelAt(i)];
    const end = label === state.as && { [state.to]: "right", [state.from]: "left" }[seed];
    button.dataset.end = end || "";
    button.title = nameOf(seed, label);
    button.ariaLabel = end ? `${button.title}, at the slider's ${end} end` : button.title;
  });
}

function choose(i) {
  const seed = state.seed + i;
  if (seed !== state.from) state.to = state.from;
  Object.assign(state, { from: seed, as: labelAt(i), at: 0 });
  update(drawPicture);
  $("picture").scrollIntoView({ block: "nearest" });
}

// Picture

async function drawPicture() {
  const { latent } = description;
  const still = between(latentOf(state.from), latentOf(state.to), state.at, latent);
  const z = sliders.move(still, state.amounts, latent);
  await draw($("large"), z, state.as);
  const percent = Math.round(100 * state.at);
  const where = `${percent} percent of the way from seed ${state.from} to seed ${state.to}`;
  const seed = percent === 0 ? state.from : state.to;
  const moved = state.amounts.size ? `, moved by ${sliders.inWords(state.amounts)}` : "";
  $("large").ariaLabel = (percent % 100 ? `Picture ${where}` : `Picture of ${nameOf(seed, state.as)}`) + moved;
  $("at").ariaValueText = percent % 100 ? where : `seed ${seed}`;
  mark();
}

// Controls

function fill() {
  for (const id of ["seed", "from", "to", "at"]) $(id).value = state[id];
  for (const id of ["label", "as"]) $(id).value = state[id] ?? "";
  showAmounts(state.amounts);
}

const pending = new Set();
let busy = false;

/** Shows the state in the controls and the address, and runs the drawing functions. */
function update(...draws) {
  fill();
  clearTimeout(addressTimer);
  addressTimer = setTimeout(() => history.replaceState(null, "", format(state)), ADDRESS_PAUSE_MS);
  draws.forEach((one) => pending.add(one));
  if (!busy) drawPending().catch(fail);
}

// Draws at most once a frame, so that the slider still moves with a slow generator.
async function drawPending() {
  busy = true;
  while (pending.size) {
    await new Promise(requestAnimationFrame);
    const draws = [...pending];
    pending.clear();
    for (const one of draws) await one();
  }
  busy = false;
}

function onSeed(id, largest, ...draws) {
  $(id).max = largest;
  $(id).addEventListener("change", () => {
    const seed = whole($(id).value, largest);
    if (seed === null) return $(id).reportValidity();
    state[id] = seed;
    update(...draws);
  });
}

function onLabel(id, ...draws) {
  const names = Array.from({ length: description.num_classes ?? 0 }, (_, label) => new Option(labelName(label), label));
  $(id).append(...names);
  $(id).closest("label").hidden = !description.num_classes;
  $(id).addEventListener("change", () => {
    state[id] = $(id).value === "" ? null : Number($(id).value);
    if (id === "label" && state.label !== null) state.as = state.label;
    update(...draws);
  });
}

function onAmount(slider, amount) {
  if (amount) state.amounts.set(slider, amount);
  else state.amounts.delete(slider);
  update(drawPicture);
}

function resetAmounts() {
  state.amounts.clear();
  update(drawPicture);
}

function connect() {
  for (let i = 0; i < COUNT; i++) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(document.createElement("canvas"));
    button.addEventListener("click", () => choose(i));
    $("pictures").append(button);
  }
  onSeed("seed", LAST_FIRST_SEED, drawGrid);
  onSeed("from", LAST_SEED, drawPicture);
  onSeed("to", LAST_SEED, drawPicture);
  onLabel("label", drawGrid, drawPicture);
  onLabel("as", drawPicture);
  showAmounts = sliders.connect($("features"), description.directions, onAmount, resetAmounts);
  $("at").addEventListener("input", () => {
    state.at = Number($("at").value);
    update(drawPicture);
  });
  $("new").addEventListener("click", () => {
    state.seed = Math.floor(Math.random() * (LAST_FIRST_SEED + 1));
    update(drawGrid);
  });
  $("save-grid").addEventListener("click", () => {
    const label = state.label === null ? "" : `-${labelName(state.label)}`;
    save(sheet([...$("pictures").querySelectorAll("canvas")], COLUMNS), `${description.name}-seeds-${state.seed}${label}`);
  });
  $("save").addEventListener("click", () => save($("large"), pictureName()));
  addEventListener("hashchange", () => {
    state = parse(location.hash, description.num_classes, description.directions);
    update(drawGrid, drawPicture);
  });
}

function pictureName() {
  const way = state.at === 0 ? state.from : state.at === 1 ? state.to : `${state.from}-to-${state.to}-at-${state.at}`;
  const label = state.as === null ? "" : `-${labelName(state.as)}`;
  return `${description.name}-seed-${way}${label}${state.amounts.size ? "-moved" : ""}`;
}

// Start

function showFacts() {
  const [height, width] = description.data_shape;
  const facts = [
    `${width} × ${height} pixels`,
    `${Math.round(generator.bytes / 1000).toLocaleString("en")} kB, ${description.quantize}`,
    description.data && `trained on ${description.data}`,
    description.data_license && `data: ${description.data_license}`,
    description.license && `license: ${description.license}`,
  ];
  for (const textContent of facts.filter(Boolean)) {
    $("speed").before(Object.assign(document.createElement("span"), { textContent }));
  }
  $("reason").textContent = generator.reason ? `Drawn on the CPU: ${generator.reason}.` : "";
}

async function describe() {
  const answer = await read("generator.json");
  try {
    return await answer.json();
  } catch {
    throw new PageError("The file generator.json is damaged. Export the page again with kgan export --web.");
  }
}

async function start() {
  $("message").textContent = "Loading the generator and LiteRT.js, which runs it.";
  description = await describe();
  description.directions ??= [];
  document.title = $("name").textContent = description.name;
  document.body.classList.toggle("sharp", Math.min(...description.data_shape.slice(0, 2)) < SMOOTH_PX);
  document.body.classList.toggle("movable", description.directions.length > 0);
  const wanted = new URLSearchParams(location.search).get("accelerator");
  generator = await open("generator.tflite", Object.hasOwn(ACCELERATORS, wanted) ? wanted : null);
  state = parse(location.hash, description.num_classes, description.directions);
  connect();
  showFacts();
  await drawGrid();
  await drawPicture();
  $("message").hidden = true;
  $("tool").hidden = false;
  update();
}

start().catch(fail);
