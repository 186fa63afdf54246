// From rows and places to pixels: boxes, wires, and rows and columns that fold where they hold nothing.

export const ROW = 68;
export const HEIGHT = 40;
export const FOLDED = 10;
export const MARGIN = 24;

/** @typedef {{box: number, rows: number, left: number, right: number, nodes: Record<string, [number, number]>, roots: Record<string, [number, number]>, lanes: Record<string, number[]>}} Layout */
/** @typedef {{x: (x: number) => number, y: (row: number) => number, width: number, height: number}} Fold */

/**
 * Where rows and places stand: as they are, or without those that hold nothing. Order stays, so nobody overtakes.
 * @param {Layout} layout
 * @param {{x: number, row: number}[] | null} held what stands there while the picture is folded so; null: no fold
 * @returns {Fold}
 */
export function foldOf(layout, held) {
  const plain = (/** @type {number} */ x) => x - layout.left + MARGIN;
  if (!held || !held.length) {
    return { x: plain, y: (row) => row * ROW + MARGIN, width: layout.right - layout.left + 2 * MARGIN, height: layout.rows * ROW + MARGIN };
  }
  const full = new Set(held.map((item) => item.row));
  const tops = [MARGIN];
  for (let row = 0; row < layout.rows; row++) tops.push(tops[row] + (full.has(row) ? ROW : FOLDED));
  const half = layout.box / 2 + 9;
  const spans = held.map((item) => [plain(item.x) - half, plain(item.x) + half]).sort((a, b) => a[0] - b[0]);
  /** Gaps between what is held: [from, to, how much is taken out before it]. @type {[number, number, number][]} */
  const gaps = [];
  let end = 0, out = 0;
  for (const [from, to] of spans) {
    const room = from - end;
    if (room > 2 * FOLDED) { gaps.push([end, from, out]); out += room - 2 * FOLDED; }
    end = Math.max(end, to);
  }
  const x = (/** @type {number} */ at) => {
    const from = plain(at);
    let taken = out;
    for (const [start, stop, before] of gaps) {
      if (from <= start) { taken = before; break; }
      if (from < stop) { taken = before + (from - start) * (1 - 2 * FOLDED / (stop - start)); break; }
    }
    return from - taken;
  };
  return { x, y: (row) => tops[row] ?? tops[tops.length - 1], width: end - out + MARGIN, height: tops[layout.rows] + MARGIN };
}

/**
 * The path of a wire, from below one box to above another; where rows lie between, along its lane.
 * @param {{x: number, y: number}} from top middle of the box that is read
 * @param {{x: number, y: number}} to where the wire arrives, at the top of the reader
 * @param {{x: number, top: number, bottom: number}[]} lane where it is in each row between
 */
export function wire(from, to, lane) {
  let x = from.x, y = from.y + HEIGHT;
  let path = `M${r(x)} ${r(y)}`;
  /** @param {number} tox @param {number} toy */
  const turn = (tox, toy) => {
    const bend = Math.max(Math.min((toy - y) * 0.6, 18), 0);
    path += Math.abs(tox - x) < 0.5 ? `V${r(toy)}` : `C${r(x)} ${r(y + bend)} ${r(tox)} ${r(toy - bend)} ${r(tox)} ${r(toy)}`;
    x = tox; y = toy;
  };
  for (const { x: at, top, bottom } of lane) { turn(at, top); turn(at, bottom); }
  turn(to.x, to.y);
  return path;
}

/** Where input number `position` of `count` arrives at a box. @param {number} middle @param {number} box @param {number} position @param {number} count */
export function port(middle, box, position, count) {
  return middle + box * ((position + 1) / (count + 1) - 0.5);
}

/** @param {number} number */
function r(number) { return Math.round(number * 10) / 10; }
