// A plain layered layout for what has no foresighted one: the graph within an Op, one that was compiled without a rule, a
// recording dropped onto the page. Rows by longest path, each row ordered by the middle of its neighbours (Sugiyama,
// Tagawa and Toda 1981). Nodes with lives that never meet share places.

/** @typedef {{id: number, reads: number[], from?: number, to?: number}} Item */

/**
 * A row and a column for each item. Reads of unknown items are left aside, and so is one edge of every cycle.
 * @param {Item[]} items
 * @returns {Map<number, {row: number, column: number}>}
 */
export function layers(items) {
  const byId = new Map(items.map((item) => [item.id, item]));
  const rows = rowsOf(items, byId);
  /** @type {Map<number, number[]>} */
  const readers = new Map(items.map((item) => [item.id, []]));
  for (const item of items) for (const read of item.reads) readers.get(read)?.push(item.id);
  const height = Math.max(-1, ...rows.values()) + 1;
  /** @type {Item[][]} */
  const layered = Array.from({ length: height }, () => []);
  for (const item of items) layered[/** @type {number} */ (rows.get(item.id))].push(item);
  /** @type {Map<number, number>} */
  const columns = new Map();
  for (const row of layered) place(row, columns, (item) => columns.get(item.id) ?? 0);
  for (let sweep = 0; sweep < 4; sweep++) {
    const down = sweep % 2 === 0;
    const order = down ? layered : [...layered].reverse();
    for (const row of order) {
      place(row, columns, (item) => {
        const near = (down ? item.reads : readers.get(item.id) ?? []).map((id) => columns.get(id)).filter((x) => x !== undefined);
        return near.length ? near.reduce((a, b) => a + b, 0) / near.length : columns.get(item.id) ?? 0;
      });
    }
  }
  return new Map(items.map((item) => [item.id, { row: /** @type {number} */ (rows.get(item.id)), column: /** @type {number} */ (columns.get(item.id)) }]));
}

/** @param {Item[]} items @param {Map<number, Item>} byId @returns {Map<number, number>} */
function rowsOf(items, byId) {
  /** @type {Map<number, number>} */
  const rows = new Map();
  const entered = new Set();
  for (const root of items) {
    const stack = [root];
    while (stack.length) {
      const item = stack[stack.length - 1];
      const waiting = item.reads.map((id) => byId.get(id)).filter((read) => read && !rows.has(read.id) && !entered.has(read.id));
      if (rows.has(item.id)) { stack.pop(); continue; }
      entered.add(item.id);
      if (waiting.length) { stack.push(.../** @type {Item[]} */ (waiting)); continue; }
      rows.set(item.id, 1 + Math.max(-1, ...item.reads.map((id) => rows.get(id) ?? -1)));
      stack.pop();
    }
  }
  return rows;
}

/** Columns for one row, in the order that `wanted` gives, each as near to it as there is room. @param {Item[]} row @param {Map<number, number>} columns @param {(item: Item) => number} wanted */
function place(row, columns, wanted) {
  const want = new Map(row.map((item) => [item.id, wanted(item)]));
  const ordered = [...row].sort((a, b) => /** @type {number} */ (want.get(a.id)) - /** @type {number} */ (want.get(b.id)) || a.id - b.id);
  /** @type {Item[]} */
  const placed = [];
  for (const item of ordered) {
    let column = Math.round(/** @type {number} */ (want.get(item.id)));
    const taken = new Set(placed.filter((other) => meet(item, other)).map((other) => columns.get(other.id)));
    while (taken.has(column)) column++;
    columns.set(item.id, column);
    placed.push(item);
  }
  const middle = ordered.reduce((sum, item) => sum + /** @type {number} */ (columns.get(item.id)) - /** @type {number} */ (want.get(item.id)), 0) / (ordered.length || 1);
  const shift = Math.round(middle);
  if (shift) for (const item of ordered) columns.set(item.id, /** @type {number} */ (columns.get(item.id)) - shift);
}

/** @param {Item} a @param {Item} b */
function meet(a, b) {
  return (a.from ?? 0) <= (b.to ?? Infinity) + 1 && (b.from ?? 0) <= (a.to ?? Infinity) + 1;
}
