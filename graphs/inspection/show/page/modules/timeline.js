// The whole compilation as a line: phases as bands, a mark per rewrite by what it did to the values, and three curves.

import { count, size } from "./numbers.js";

/** @typedef {import("./store.js").Store} Store */

const HEAD = 22, FOOT = 36, HEIGHT = 142;
/** Marks by verdict: colour, height of the stroke, and a sign for those who see no colour. @type {Record<string, [string, number, string]>} */
const MARKS = {
  "": ["--faint", 5, ""],
  identical: ["--faint", 5, ""],
  rounding: ["--rounding", 10, ""],
  unknown: ["--unknown", 10, "?"],
  changed: ["--changed", 16, "◆"],
  repaired: ["--come", 16, "▲"],
  broke: ["--gone", 16, "✕"],
};
export const VERDICT_WORDS = {
  identical: "the same bits", rounding: "rounding only", unknown: "not known", changed: "changed values",
  repaired: "repaired values", broke: "broke values",
};

export class Timeline {
  /** @param {HTMLElement} host @param {Store} store @param {number} index of the side */
  constructor(host, store, index) {
    this.store = store;
    this.index = index;
    this.side = store.book.sides[index];
    this.host = host;
    host.replaceChildren();
    this.legend = add(host, "p", "legend");
    this.frame = add(host, "div", "strip");
    this.frame.setAttribute("role", "slider");
    this.frame.tabIndex = 0;
    this.frame.setAttribute("aria-label", `Step${this.side.label ? ` of ${this.side.label}` : ""}`);
    this.frame.setAttribute("aria-valuemin", "0");
    this.frame.setAttribute("aria-valuemax", String(store.last));
    this.chart = add(this.frame, "div", "chart");
    this.now = add(this.frame, "div", "now");
    this.plot = this._plot();
    this._listen();
    new ResizeObserver(() => this.resize()).observe(this.frame);
  }

  _data() {
    const { store, index, side } = this;
    const at = store.book.moments.map((moment) => /** @type {number} */ (moment[index]));
    const { nodeCounts, nonfinite } = side.story;
    const work = side.drawn?.work;
    const pick = (/** @type {number[] | null} */ values) => (values ? at.map((s) => values[s]) : at.map(() => null));
    return [at.map((_, i) => i), pick(nodeCounts), pick(work ? work.map((/** @type {number[]} */ row) => row[2]) : null), pick(nonfinite)];
  }

  _plot() {
    const last = Math.max(this.store.last, 1);
    const top = (/** @type {any} */ _, /** @type {number} */ __, /** @type {number} */ max) => /** @type {[number, number]} */ ([0, (max || 1) * 1.08]);
    return new uPlot({
      width: Math.max(this.frame.clientWidth, 200), height: HEIGHT, padding: [HEAD, 0, FOOT, 0],
      legend: { show: false }, cursor: { show: false },
      axes: [{ show: false }, { show: false }, { show: false }, { show: false }],
      scales: { x: { time: false, range: [0, last] }, nodes: { range: top }, bytes: { range: top }, bad: { range: top } },
      series: [
        {},
        { scale: "nodes", stroke: () => colour("--curve-nodes"), width: 2, points: { show: false } },
        { scale: "bytes", stroke: () => colour("--curve-bytes"), width: 2, dash: [6, 4], points: { show: false } },
        { scale: "bad", stroke: () => colour("--curve-bad"), width: 2, dash: [2, 3], points: { show: false } },
      ],
      hooks: { drawClear: [(/** @type {any} */ plot) => this._bands(plot)], draw: [(/** @type {any} */ plot) => this._marks(plot)] },
    }, this._data(), this.chart);
  }

  /** @param {any} plot */
  _bands(plot) {
    const { ctx, bbox } = plot;
    const ratio = devicePixelRatio;
    ctx.save();
    ctx.font = `${11 * ratio}px system-ui, sans-serif`;
    this.side.phases.forEach((phase, i) => {
      const from = plot.valToPos(this.store.momentOf(this.index, phase.from) - 1, "x", true);
      const to = plot.valToPos(this.store.momentOf(this.index, phase.to), "x", true);
      ctx.fillStyle = colour(i % 2 ? "--band-b" : "--band-a");
      ctx.fillRect(from, 0, to - from, bbox.top + bbox.height + FOOT * ratio);
      ctx.fillStyle = colour("--text");
      if (ctx.measureText(phase.name).width < to - from - 6 * ratio) ctx.fillText(phase.name, from + 4 * ratio, 14 * ratio);
    });
    ctx.restore();
  }

  /** @param {any} plot */
  _marks(plot) {
    const { ctx, bbox } = plot;
    const ratio = devicePixelRatio;
    const foot = bbox.top + bbox.height + 4 * ratio;
    const order = Object.keys(MARKS);
    const marks = [];
    for (let moment = 1; moment <= this.store.last; moment++) {
      const step = this.store.step(this.index, moment);
      if (step) marks.push({ moment, verdict: this.side.verdict(step) });
    }
    marks.sort((a, b) => order.indexOf(a.verdict) - order.indexOf(b.verdict));
    ctx.save();
    ctx.textAlign = "center";
    ctx.font = `bold ${12 * ratio}px system-ui, sans-serif`;
    for (const { moment, verdict } of marks) {
      const [name, height, sign] = MARKS[verdict] ?? MARKS[""];
      const x = plot.valToPos(moment, "x", true);
      ctx.fillStyle = colour(name);
      ctx.globalAlpha = this.store.isStop(moment) ? 1 : 0.25;
      ctx.fillRect(x - ratio, foot, (sign ? 3 : 2) * ratio, height * ratio);
      if (sign && sign !== "?") {
        ctx.globalAlpha *= 0.35;
        ctx.fillRect(x - 2 * ratio, bbox.top - 4 * ratio, 4 * ratio, bbox.height + 8 * ratio);
        ctx.globalAlpha = 1;
        ctx.fillText(sign, x, foot + 25 * ratio);
      }
    }
    ctx.globalAlpha = 1;
    for (const [row, word] of [[this.store.book.partsAt, "they part"], [this.store.book.valuesPartAt, "values part"]]) {
      if (typeof row !== "number") continue;
      const x = plot.valToPos(row + 1, "x", true);
      ctx.fillStyle = colour("--text");
      for (let y = 0; y < foot; y += 8 * ratio) ctx.fillRect(x - ratio, y, 2 * ratio, 4 * ratio);
      ctx.textAlign = "left";
      ctx.fillText(String(word), x + 4 * ratio, (word === "they part" ? 32 : 46) * ratio);
    }
    ctx.restore();
  }

  resize() {
    const width = this.frame.clientWidth;
    if (width > 0 && width !== this.plot.width) { this.plot.setSize({ width, height: HEIGHT }); this.show(); }
  }

  redraw() { this.plot.redraw(false, true); }

  _listen() {
    const pick = (/** @type {PointerEvent} */ event) => {
      const box = this.frame.getBoundingClientRect();
      const moment = Math.round(((event.clientX - box.left) / Math.max(box.width, 1)) * Math.max(this.store.last, 1));
      this.store.set({ moment: Math.min(Math.max(moment, 0), this.store.last), side: this.index, panel: "step" });
    };
    this.frame.addEventListener("pointerdown", (event) => { this.frame.setPointerCapture(event.pointerId); this.frame.focus({ preventScroll: true }); pick(event); });
    this.frame.addEventListener("pointermove", (event) => { if (event.buttons & 1) pick(event); });
  }

  show() {
    const { moment } = this.store.view;
    const snapshot = this.store.snapshot(this.index), step = this.store.step(this.index);
    const x = (moment / Math.max(this.store.last, 1)) * this.frame.clientWidth;
    this.now.style.transform = `translateX(${x}px)`;
    const { nodeCounts, nonfinite } = this.side.story;
    const work = this.side.drawn?.work?.[snapshot];
    const parts = [`${nodeCounts[snapshot]} nodes`];
    if (work) parts.push(`${work[4] ? "at least " : ""}${size(work[2])} moved, ${work[3] ? "at least " : ""}${count(work[0])} operations`);
    if (nonfinite) parts.push(`${nonfinite[snapshot]} entries not finite`);
    const verdict = /** @type {keyof typeof VERDICT_WORDS} */ (step ? this.side.verdict(step) : "");
    const told = step ? `step ${step}, ${this.side.recording.steps[step - 1].phase}, ${this.side.rule(step).name}${verdict ? `: ${VERDICT_WORDS[verdict]}` : ""}` : moment ? `no such step here; after step ${snapshot}` : "as written";
    this.frame.setAttribute("aria-valuenow", String(moment));
    this.frame.setAttribute("aria-valuetext", told);
    this.legend.textContent = "";
    if (this.side.label) add(this.legend, "strong", "", `${this.side.label}: `);
    ["nodes", "bytes", "bad"].forEach((name, i) => { 
      if (!parts[i]) return;
      const item = add(this.legend, "span", "curve");
      add(item, "span", `swatch ${name}`);
      item.append(parts[i]);
    });
  }
}

/** @param {string} name */
function colour(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }

/** @param {HTMLElement} host @param {string} tag @param {string} [kind] @param {string} [text] */
export function add(host, tag, kind = "", text = "") {
  const made = document.createElement(tag);
  if (kind) made.className = kind;
  if (text) made.textContent = text;
  host.append(made);
  return made;
}
