// Numbers as people read them.

/** Three figures in the largest unit that fits. @param {number | null | undefined} value @param {[number, string][]} units */
function scaled(value, units) {
  if (value === null || value === undefined || Number.isNaN(value)) return "?";
  const [factor, unit] = units.find(([size]) => Math.abs(value) >= size * 0.9995) ?? units[units.length - 1];
  return `${figures(value / factor)} ${unit}`.trim();
}

/** @param {number} number */
function figures(number) {
  const digits = Math.abs(number) >= 99.95 ? 0 : Math.abs(number) >= 9.995 ? 1 : 2;
  const text = number.toFixed(digits);
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

/** @param {number | null | undefined} seconds */
export function duration(seconds) { return scaled(seconds, [[1, "s"], [1e-3, "ms"], [1e-6, "µs"], [1e-9, "ns"]]); }

/** @param {number | null | undefined} bytes */
export function size(bytes) { return scaled(bytes, [[1e9, "GB"], [1e6, "MB"], [1e3, "KB"], [1, "B"]]); }

/** @param {number | null | undefined} number */
export function count(number) { return scaled(number, [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"], [1, ""]]); }

/** @param {number} part of one */
export function share(part) { return part >= 0.0995 || part === 0 ? `${(100 * part).toFixed(0)} %` : `${(100 * part).toFixed(1)} %`; }

/** A number of a value, four figures. @param {number | null | undefined} number */
export function plainNumber(number) {
  if (number === null || number === undefined) return "?";
  if (!Number.isFinite(number)) return Number.isNaN(number) ? "NaN" : number > 0 ? "∞" : "−∞";
  return String(Number(number.toPrecision(4)));
}

/** A value in a few words: how many entries are not finite, and its range. @param {any} value */
export function valueText(value) {
  if (!value) return "not known";
  if (value.problem) return `not computed: ${value.problem}`;
  const bad = [[value.nan, "NaN"], [value.inf, "infinite"]].filter(([number]) => number).map(([number, word]) => `${number} ${word}`);
  if (value.min !== null && value.max !== null) {
    bad.push(value.min === value.max ? plainNumber(value.min) : `${plainNumber(value.min)} … ${plainNumber(value.max)}`);
  }
  return bad.join(", ") || (value.shape && value.shape.includes(0) ? "empty" : "no numbers");
}

/** @param {number[] | null | undefined} shape */
export function shapeText(shape) {
  if (!shape) return "none";
  return shape.length ? shape.map((n) => (n === null ? "?" : String(n))).join(" × ") : "one number";
}

/** Units in the last place, and the bits of a float that they cost. @param {number | null} ulp */
export function ulpText(ulp) {
  if (ulp === null) return "no entry is finite";
  const units = ulp < 1e4 ? String(Number(ulp.toPrecision(3))) : ulp.toExponential(1);
  return `${units} ulp (${Math.log2(Math.max(ulp, 1)).toFixed(1)} bits)`;
}
