// What is shown now. Whoever changes it calls `set`; whoever shows it is told once per frame, however often it changed.

/** @typedef {import("./address.js").View} View */
/** @typedef {import("./side.js").Side} Side */
/** @typedef {{moments: [number, number, boolean][], partsAt: number | null, valuesPartAt: number | null, sides: Side[]}} Book */

export class Store {
  /** @param {View} view @param {Book} book */
  constructor(view, book) {
    this.view = view;
    this.book = book;
    /** @type {((view: View) => void)[]} */
    this._listeners = [];
    this._waiting = false;
  }

  /** @param {(view: View) => void} listener */
  listen(listener) { this._listeners.push(listener); }

  /** @param {Partial<View>} changes */
  set(changes) {
    Object.assign(this.view, changes);
    if (this._waiting) return;
    this._waiting = true;
    requestAnimationFrame(() => {
      this._waiting = false;
      for (const listener of this._listeners) listener(this.view);
    });
  }

  get last() { return this.book.moments.length - 1; }

  /** The snapshot of a side at a moment. @param {number} [side] @param {number} [moment] */
  snapshot(side = this.view.side, moment = this.view.moment) { return /** @type {number} */ (this.book.moments[moment][side]); }

  /** The step that a side made at a moment; 0 where it made none. @param {number} [side] @param {number} [moment] */
  step(side = this.view.side, moment = this.view.moment) {
    const now = this.snapshot(side, moment);
    return moment > 0 && this.snapshot(side, moment - 1) !== now ? now : 0;
  }

  /** The moment at which a side has made a step. @param {number} side @param {number} step */
  momentOf(side, step) {
    let low = 0, high = this.last;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.snapshot(side, middle) < step) low = middle + 1; else high = middle;
    }
    return low;
  }

  /** Whether stepping stops at a moment, with steps of a kind hidden. @param {number} moment */
  isStop(moment) {
    const { hide } = this.view;
    if (moment === 0 || moment === this.last || hide === "nothing") return true;
    if (hide === "numbers") return this.moves(moment);
    return this.book.sides.some((side, i) => this.step(i, moment) > 0 && !side.told(this.step(i, moment)).names);
  }

  /** To the next moment in a direction that is a stop, if there is one. @param {number} direction */
  go(direction) {
    let moment = this.view.moment + direction;
    while (moment >= 0 && moment <= this.last && !this.isStop(moment)) moment += direction;
    if (moment >= 0 && moment <= this.last) this.set({ moment, panel: "step" });
  }

  /** To the first step of the next phase, or of this or the one before. @param {number} direction */
  goPhase(direction) {
    const side = this.book.sides[this.view.side];
    const starts = [0, ...side.phases.map((phase) => this.momentOf(this.view.side, phase.from)), this.last];
    const found = direction > 0 ? starts.find((moment) => moment > this.view.moment) : [...starts].reverse().find((moment) => moment < this.view.moment);
    if (found !== undefined) this.set({ moment: found, panel: "step" });
  }

  /** Whether a step of some side moves numbers at a moment. @param {number} moment @param {boolean} [loud] by more than rounding */
  moves(moment, loud = false) {
    return this.book.sides.some((side, i) => movesNumbers(side.verdict(this.step(i, moment)), loud));
  }

  /** To the next step, round the end, that changed numbers by more than rounding; by rounding where there is none. */
  goNumbers() {
    for (const loud of [true, false]) {
      for (let i = 1; i <= this.last; i++) {
        const moment = (this.view.moment + i) % (this.last + 1);
        if (this.moves(moment, loud)) {
          this.set({ moment, panel: "step" });
          return;
        }
      }
    }
  }

  /** @param {number | null} node @param {number} [side] @param {number} [snapshot] where it stands */
  select(node, side = this.view.side, snapshot) {
    /** @type {Partial<View>} */
    const changes = { node, side, panel: node === null ? "step" : "node" };
    if (node !== null) {
      const story = this.book.sides[side].story;
      const here = this.snapshot(side);
      const seen = story.stands(node, here) || (this.step(side) > 0 && story.stands(node, here - 1));
      if (snapshot !== undefined && snapshot !== here) changes.moment = this.momentOf(side, snapshot);
      else if (!seen) changes.moment = this.momentOf(side, story.spans[node][0] ?? 0);
    }
    this.set(changes);
  }
}

/** @param {string} verdict @param {boolean} [loud] by more than rounding */
function movesNumbers(verdict, loud = false) {
  return ["repaired", "broke", "changed"].includes(verdict) || (!loud && verdict === "rounding");
}
