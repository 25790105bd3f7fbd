// What is shown, as the address holds it: #seed=7&label=3&from=7&to=8&as=3&at=0.25&set=slant%3D0.3

import { classOf } from "./latents.js";

export const COUNT = 16;
export const LAST_SEED = 2 ** 31 - 1;
export const LAST_FIRST_SEED = LAST_SEED - COUNT + 1; // so that all seeds of a grid are seeds

/** `text` as a whole number from 0 to `largest`, or null where it is none. */
export function whole(text, largest) {
  return /^\d{1,10}$/.test(text ?? "") && Number(text) <= largest ? Number(text) : null;
}

/** The moved sliders, Map of slider to amount, in texts such as "slant=0.3"; a name may hold a "=". */
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
 * The state in an address; whatever is missing or makes no sense takes its default.
 *
 * seed: of the grid's first picture. label: of the grid, null for the class of each picture's seed. from, to: seeds of the slider's ends.
 * as: label of the large picture. at: the slider, 0 to 1. Both labels are null where the generator takes none.
 * amounts: the sliders of features that are moved, and how far.
 */
export function parse(hash, classes, sliders) {
  const said = new URLSearchParams(hash.slice(1));
  const seed = whole(said.get("seed"), LAST_FIRST_SEED) ?? 0;
  const from = whole(said.get("from"), LAST_SEED) ?? seed;
  const at = Number(said.get("at"));
  const label = classes ? whole(said.get("label"), classes - 1) : null;
  return {
    seed,
    label,
    from,
    to: whole(said.get("to"), LAST_SEED) ?? (from === LAST_SEED ? 0 : from + 1),
    as: classes ? (whole(said.get("as"), classes - 1) ?? label ?? classOf(from, classes)) : null,
    at: at >= 0 && at <= 1 ? at : 0,
    amounts: parseAmounts(said.getAll("set"), sliders),
  };
}

/** The address of a state. */
export function format({ amounts, ...numbers }) {
  const moved = [...amounts].map(([{ name }, amount]) => ["set", `${name}=${amount}`]);
  return `#${new URLSearchParams([...Object.entries(numbers).filter(([, value]) => value !== null), ...moved])}`;
}
