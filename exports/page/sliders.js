// The sliders: features of the large picture, and their amounts.

const PLACES = 50; // positions of a slider on each side of its middle
const MOST_WITHOUT_CHOICE = 6; // sliders; with more, the reader chooses which are shown
const FIRST_SHOWN = 4; // sliders that are shown at first where there is a choice

/** The latent moved by amounts, Map of slider to standard deviations, as in keras_gan/sampling/sliders.py. */
export function move(z, amounts, distribution) {
  const moved = Float64Array.from(z);
  for (const [{ vector }, amount] of amounts) vector.forEach((value, i) => (moved[i] += amount * value));
  const largest = distribution === "uniform" ? 1 : Infinity;
  return Float32Array.from(moved, (value) => Math.min(largest, Math.max(-largest, value)));
}

/** An amount in two digits, with its sign. */
export function signed(amount) {
  const short = Number(amount.toPrecision(2));
  return short > 0 ? `+${short}` : `${short}`.replace("-", "−");
}

/** A text about the moved sliders, such as "slant +0.3, width −0.1"; "" where none is moved. */
export function inWords(amounts) {
  return [...amounts].map(([{ name }, amount]) => `${name} ${signed(amount)}`).join(", ");
}

function amountAt(place, { limit }) {
  const amount = Number(((limit * place) / PLACES).toPrecision(4)); // short in the address
  return Math.min(limit, Math.max(-limit, amount));
}

function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

/** {row, choice, box, show}: the row of a slider, its checkbox with and without label, and a function that sets both. */
function build(slider, i, onMove) {
  const input = element("input", { type: "range", id: `feature-${i}`, min: -PLACES, max: PLACES, step: 1 });
  input.setAttribute("list", "middle");
  const value = element("output", { ariaHidden: "true" }); // screen readers read the value of the input
  const label = element("label", { htmlFor: input.id, textContent: slider.name });
  const ends = [-slider.limit, 0, slider.limit].map((textContent) =>
    element("span", { textContent: signed(textContent) }),
  );
  const scale = element("div", { className: "scale", ariaHidden: "true" }, ...ends); // as the input's own limits say
  const row = element("div", { className: "feature" }, label, value, input, scale);
  const box = element("input", { type: "checkbox", checked: i < FIRST_SHOWN });
  input.addEventListener("input", () => onMove(slider, amountAt(Number(input.value), slider)));
  input.addEventListener("dblclick", () => onMove(slider, 0));
  box.addEventListener("change", () => onMove(slider, 0)); // a hidden slider must not move the picture

  function show(amount, choosing) {
    input.value = (PLACES * amount) / slider.limit;
    value.textContent = signed(amount);
    input.ariaValueText = `${signed(amount)} standard deviations`;
    box.checked ||= amount !== 0;
    row.hidden = choosing && !box.checked;
  }

  return { row, choice: element("label", {}, box, slider.name), box, show };
}

/**
 * Adds sliders to the page, and hides their section where there are none.
 *
 * onMove(slider, amount) is called when the reader moves a slider, onReset() when the reader resets all. Returns a
 * function that shows amounts, Map of slider to standard deviations.
 */
export function connect(section, sliders, onMove, onReset) {
  const find = (selector) => section.querySelector(selector);
  const built = sliders.map((slider, i) => build(slider, i, onMove));
  const choosing = sliders.length > MOST_WITHOUT_CHOICE;
  section.hidden = sliders.length === 0;
  find("details").hidden = !choosing;
  find(".choices").append(...built.map(({ choice }) => choice));
  find(".sliders").append(...built.map(({ row }) => row));
  find("button").addEventListener("click", onReset);
  return (amounts) => {
    built.forEach(({ show }, i) => show(amounts.get(sliders[i]) ?? 0, choosing));
    find("summary span").textContent = `${built.filter(({ box }) => box.checked).length} of ${sliders.length}`;
  };
}
