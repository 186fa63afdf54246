// What the page shows, as the part of its address after the #, and back: a link to a step and a node works from disk.

/** @typedef {{moment: number, side: number, node: number | null, line: number | null, code: number | null, view: string, colour: string, hide: string, fold: string[], panel: string}} View */

export const VIEWS = ["both", "before", "after"];
export const COLOURS = ["kind", "origin", "phase", "time", "bytes", "values"];
export const HIDES = ["nothing", "names", "numbers"];
export const FOLDS = ["rows", "shapes", "forward", "constants"];
export const PANELS = ["step", "node", "source", "code"];

/** @returns {View} */
export function firstView() {
  return { moment: 0, side: 0, node: null, line: null, code: null, view: "both", colour: "kind", hide: "nothing", fold: [], panel: "step" };
}

/** @param {View} view @returns {string} */
export function toHash(view) {
  const first = firstView();
  const parts = [`step=${view.moment}`];
  if (view.side) parts.push(`side=${view.side}`);
  if (view.node !== null) parts.push(`node=${view.node}`);
  if (view.line !== null) parts.push(`line=${view.line}`);
  if (view.code !== null) parts.push(`code=${view.code}`);
  for (const key of /** @type {const} */ (["view", "colour", "hide", "panel"])) {
    if (view[key] !== first[key]) parts.push(`${key}=${view[key]}`);
  }
  if (view.fold.length) parts.push(`fold=${view.fold.join(",")}`);
  return `#${parts.join("&")}`;
}

/**
 * What an address says; what it does not say, or says wrongly, is as at first.
 * @param {string} hash
 * @param {{moments: number, sides: {nodes: number, lines: number}[]}} limits
 * @returns {Partial<View>}
 */
export function fromHash(hash, limits) {
  const said = new URLSearchParams(hash.replace(/^#/, ""));
  /** @param {string} key @param {number} below */
  const number = (key, below) => {
    const text = said.get(key) ?? "";
    return /^\d{1,9}$/.test(text) && Number(text) < below ? Number(text) : null;
  };
  /** @type {Partial<View>} */
  const view = {};
  const moment = number("step", limits.moments);
  if (moment !== null) view.moment = moment;
  const side = number("side", limits.sides.length) ?? 0;
  view.side = side;
  view.node = number("node", limits.sides[side].nodes);
  view.line = number("line", limits.sides[side].lines);
  view.code = number("code", 1e9);
  for (const [key, allowed] of /** @type {const} */ ([["view", VIEWS], ["colour", COLOURS], ["hide", HIDES], ["panel", PANELS]])) {
    const text = said.get(key);
    if (text !== null && allowed.includes(text)) view[key] = text;
  }
  const fold = said.get("fold");
  if (fold !== null) view.fold = FOLDS.filter((name) => fold.split(",").includes(name));
  return view;
}
