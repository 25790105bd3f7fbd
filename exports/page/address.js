// The state of the page in its address: #seed=7&label=3&from=7&to=8&as=3&at=0.25&set=slant%3D0.3

import { classOf } from "./latents.js";

export const COUNT = 16;
export const LAST_SEED = 2 ** 31 - 1;
export const LAST_FIRST_SEED = LAST_SEED - COUNT + 1; // so that no seed of a grid is above LAST_SEED

/** `text` as an integer from 0 to `largest`, or null where it is none. */
export function whole(text, largest) {
  return /^\d{1,10}$/.test(text ?? "") && Number(text) <= largest ? Number(text) : null;
}

/** The moved sliders, Map of slider to amount, from texts such as "slant=0.3". A name can contain "=". */
function parseAmounts(texts, sliders) {
  const amounts = new Map();
  for (const text of texts) {
    const [, name, amount] = /^(.*)=(-?\d[\d.e-]*)$/s.exec(text) ?? [];
    const slider = sliders.find((one) => one.name === name);
    if (slider && amount != 0 && Math.abs(amount) <= slider.limit) amounts.set(slider, Number(amount));
  }
  return amounts;
}

/**
 * The state in an address. Values that are missing or wrong become their defaults.
 *
 * seed: seed of the grid's first picture. label: label of the grid, null for the class of each seed.
 * from, to: seeds at the ends of the slider. as: label of the large picture. at: position of the slider, 0 to 1.
 * Both labels are null where the generator takes none.
 * amounts: Map of the sliders of features that are moved to their amounts.
 */
export function parse(hash, classes, sliders) {
  const parameters = new URLSearchParams(hash.slice(1));
  const seed = whole(parameters.get("seed"), LAST_FIRST_SEED) ?? 0;
  const from = whole(parameters.get("from"), LAST_SEED) ?? seed;
  const at = Number(parameters.get("at"));
  const label = classes ? whole(parameters.get("label"), classes - 1) : null;
  return {
    seed,
    label,
    from,
    to: whole(parameters.get("to"), LAST_SEED) ?? (from === LAST_SEED ? 0 : from + 1),
    as: classes ? (whole(parameters.get("as"), classes - 1) ?? label ?? classOf(from, classes)) : null,
    at: at >= 0 && at <= 1 ? at : 0,
    amounts: parseAmounts(parameters.getAll("set"), sliders),
  };
}

/** The address of a state. */
export function format({ amounts, ...numbers }) {
  const moved = [...amounts].map(([{ name }, amount]) => ["set", `${name}=${amount}`]);
  return `#${new URLSearchParams([...Object.entries(numbers).filter(([, value]) => value !== null), ...moved])}`;
}
