// The graph, before and after a step. A box stands at one place for as long as it lives; only what goes and comes is
// touched when one steps. Plain SVG, for it is what is drawn again at every key press.

import { HEIGHT, MARGIN, ROW, foldOf, port, wire } from "./geometry.js";
import { lookOf, rootLook } from "./looks.js";
import { Sight } from "./sight.js";
import { Standing } from "./standing.js";
import { SVG, make } from "./svg.js";

/** @typedef {import("./store.js").Store} Store */
/** @typedef {import("./address.js").View} View */
/** @typedef {import("./standing.js").Shown} Shown */
/** @typedef {import("./standing.js").Wire} Wire */


export class Picture {
  /** @param {HTMLElement} host @param {Store} store @param {number} index of the side */
  constructor(host, store, index) {
    this.store = store;
    this.index = index;
    this.side = store.book.sides[index];
    this.host = host;
    host.replaceChildren();
    this.svg = /** @type {SVGSVGElement} */ (make("svg", { class: "graph", role: "group", tabindex: "0" }));
    this.world = make("g", { class: "world" });
    this.wires = make("g", { class: "wires" });
    this.boxes = make("g", { class: "boxes" });
    this.world.append(this.wires, this.boxes);
    this.svg.append(this.world);
    this.map = document.createElement("canvas");
    this.map.className = "map";
    this.map.setAttribute("aria-hidden", "true");
    host.append(this.svg, this.map);
    this.standing = new Standing(this.side);
    this.sight = new Sight(this.svg, this.world, this.map, {
      box: this.side.layout.box, bounds: () => this._bounds(), extent: () => this.fold, places: () => this._places(),
    });
    /** @type {Map<string, any>} */
    this.made = new Map();
    /** @type {Map<string, any>} */
    this.paths = new Map();
    /** @type {Map<string, Shown>} */
    this.shown = new Map();
    /** @type {Map<string, string>} */
    this.drawn = new Map();
    this.foldKey = "";
    this.fold = foldOf(this.side.layout, null);
    /** @type {Set<string>} */
    this.halved = new Set();
    /** Wires as drawn now. @type {Wire[]} */
    this.edges = [];
    /** The box that is traced. @type {string | null} */
    this.traced = null;
    /** The node for which a group was opened. @type {number | null} */
    this.openedFor = null;
    /** The snapshot at hand. */
    this.now = 0;
    this.isFresh = true;
    this._listen();
  }

  /** Open a group of an overview, or close it with -1. @param {number} group */
  openGroup(group) {
    this.side.openGroup(group);
    this.standing = new Standing(this.side);
    for (const { root } of this.made.values()) root.remove();
    this._forgetPaths();
    this.made.clear(); this.shown.clear(); this.drawn.clear();
    this.foldKey = "?";
    this.show(this.store.view);
    this.sight.fit();
  }

  /** @param {View} view */
  show(view) {
    // A node that is chosen, however that was done, is seen: the group that holds it opens, once.
    const holder = view.node !== null && view.side === this.index ? this.standing.unitOf.get(view.node) : undefined;
    if (holder?.name && this.openedFor !== view.node) {
      this.openedFor = view.node;
      this.openGroup(Number(holder.key.slice(1)));
      return;
    }
    const now = this.store.snapshot(this.index), step = this.store.step(this.index);
    const before = step && view.view !== "after" ? now - 1 : now;
    const after = view.view === "before" && step ? now - 1 : now;
    this.now = now;
    const hidden = this.standing.hidden(view, after);
    const wanted = this.standing.boxes(view, step, now, before, after, hidden);
    this._refold(view, now);
    const edges = hidden.size || this.side.isOverview ? this.standing.wiresThrough(before, after, hidden) : this.standing.wires(step, now, before, after);
    this._drawWires(edges, wanted);
    this._drawBoxes(view, wanted, after);
    this._halve(wanted);
    this.shown = wanted;
    const traced = this.traced;
    this.traced = null;
    this.trace(traced);
    const label = this.side.label ? `${this.side.label}: ` : "";
    const moves = step ? this.side.recording.steps[step - 1] : null;
    const changes = moves ? `, ${moves.gone.length} out, ${moves.come.length} in` : "";
    this.svg.setAttribute("aria-label", `${label}graph ${step ? `at step ${step}` : now ? `after step ${now}` : "as written"}: ${this.side.story.nodeCounts[now]} nodes${changes}`);
    if (this.isFresh) { this.isFresh = false; this.sight.home(); }
    this.sight.follow(this._aims(view, wanted));
    this.sight.drawMap();
  }

  /** @param {View} view @param {number} now */
  _refold(view, now) {
    const phase = this.side.phaseOf(now);
    const key = view.fold.includes("rows") ? `phase ${phase}` : "";
    if (key === this.foldKey) return;
    this.foldKey = key;
    this.fold = foldOf(this.side.layout, key ? this._held(phase) : null);
    for (const [id, element] of this.made) this._place(id, element);
    this._forgetPaths();
  }

  _forgetPaths() {
    for (const [id, path] of this.paths) { path.remove(); this.drawn.delete(`e${id}`); }
    this.paths.clear();
  }

  /** What stands at some time in a phase. @param {number} phase */
  _held(phase) {
    const { phases, story, layout } = this.side;
    const [from, to] = phase < 0 ? [0, 0] : [phases[phase].from - 1, phases[phase].to];
    const held = [];
    for (const unit of this.standing.units) {
      const lives = unit.nodes.some((node) => { const s = story.spans[node]; for (let i = 0; i < s.length; i += 2) if (s[i] <= to && from <= s[i + 1]) return true; return false; });
      if (lives && layout.nodes[unit.key]) held.push({ x: layout.nodes[unit.key][0], row: layout.nodes[unit.key][1] });
    }
    for (const [x, row] of Object.values(layout.roots)) held.push({ x, row });
    return held;
  }

  /** Where a box stands: the middle of its top. @param {string} key @returns {{x: number, y: number, row: number} | null} */
  at(key) {
    const found = key[0] === "r" ? this.side.layout.roots[key.slice(1)] : this.side.layout.nodes[key];
    return found ? { x: this.fold.x(found[0]), y: this.fold.y(found[1]), row: found[1] } : null;
  }

  /** @param {any[]} edges @param {Map<string, Shown>} wanted */
  _drawWires(edges, wanted) {
    const keep = new Set();
    for (const edge of edges) {
      if (!wanted.has(edge.from) || !wanted.has(edge.to)) continue;
      keep.add(edge.id);
      let path = this.paths.get(edge.id);
      if (!path) {
        path = make("path", { d: this._route(edge), "data-from": edge.from, "data-to": edge.to });
        this.paths.set(edge.id, path);
      }
      const kind = `wire ${edge.status}`;
      if (this.drawn.get(`e${edge.id}`) !== kind) { path.setAttribute("class", kind); this.drawn.set(`e${edge.id}`, kind); }
      if (!path.isConnected) this.wires.append(path);
    }
    for (const [id, path] of this.paths) if (!keep.has(id) && path.isConnected) path.remove();
    this.edges = edges;
  }

  /** @param {any} edge */
  _route(edge) {
    const from = this.at(edge.from), to = this.at(edge.to);
    if (!from || !to) return "";
    const end = { x: port(to.x, this.side.layout.box - 24, edge.position, edge.count), y: to.y };
    const lane = (this.side.layout.lanes[edge.variable] ?? []).slice(0, Math.max(to.row - from.row - 1, 0)).map((x, i) => {
      const top = this.fold.y(from.row + 1 + i);
      return { x: this.fold.x(x), top, bottom: Math.max(top, this.fold.y(from.row + 2 + i) - ROW + HEIGHT) };
    });
    return wire(from, end, lane);
  }

  /** @param {View} view @param {Map<string, Shown>} wanted @param {number} snapshot */
  _drawBoxes(view, wanted, snapshot) {
    const lit = this._lit(view);
    for (const [key, box] of wanted) {
      let element = this.made.get(key);
      if (!element) { element = this._box(key, box); this.made.set(key, element); }
      const look = box.unit ? lookOf(this.side, view, box, snapshot, this.now) : rootLook(this.side, box.root, snapshot);
      const chosen = box.unit?.nodes.length === 1 && box.unit.nodes[0] === view.node && view.side === this.index ? " chosen" : "";
      const kind = `box ${box.unit ? "" : "root "}${box.status} ${look.colour}${chosen}${box.unit && box.unit.nodes.some((node) => lit.has(node)) ? " lit" : ""}`;
      const told = [kind, look.sign, look.word, look.whole, look.badge, look.out, look.constants].join("\n");
      if (this.drawn.get(key) !== told) {
        this.drawn.set(key, told);
        const parts = element.parts;
        element.root.setAttribute("class", kind);
        for (const name of ["sign", "word", "formula", "badge", "out", "constants"]) parts[name].textContent = /** @type {any} */ (look)[name];
        parts.mark.textContent = box.status === "goes" ? "−" : box.status === "comes" ? "+" : "";
        const does = box.status === "goes" ? ", goes out in this step" : box.status === "comes" ? ", comes in with this step" : "";
        const name = !box.unit ? "" : `${box.unit.name || `node ${box.unit.nodes[0]}`}, `;
        parts.title.textContent = `${name}${look.whole}${look.badge ? `, ${look.badge}` : ""}${look.out ? `, ${look.out}` : ""}${does}`;
        if (chosen) element.root.setAttribute("aria-pressed", "true"); else element.root.removeAttribute("aria-pressed");
      }
      if (!element.root.isConnected) this.boxes.append(element.root);
    }
    for (const key of this.shown.keys()) if (!wanted.has(key)) this.made.get(key)?.root.remove();
  }

  /** Nodes of the chosen line of source or of code. @param {View} view @returns {Set<number>} */
  _lit(view) {
    /** @type {Set<number>} */
    const lit = new Set();
    if (view.side !== this.index) return lit;
    const { recording } = this.side;
    if (view.line !== null) recording.nodes.forEach((/** @type {any} */ _, /** @type {number} */ node) => { if (this.side.lines(node).includes(/** @type {number} */ (view.line))) lit.add(node); });
    if (view.code !== null) {
      for (const code of recording.measurements?.code ?? []) if (code.node !== null && code.lines && code.lines[0] <= view.code && view.code <= code.lines[1]) lit.add(code.node);
    }
    return lit;
  }

  /** @param {string} key @param {Shown} box */
  _box(key, box) {
    const half = this.side.layout.box / 2;
    const root = make("g", { class: "box", tabindex: "-1", role: "button", "data-key": key });
    if (box.unit?.nodes.length === 1) root.setAttribute("data-node", String(box.unit.nodes[0]));
    const parts = {
      title: make("title", {}),
      body: make("rect", { class: "body", x: -half, y: 0, width: 2 * half, height: HEIGHT, rx: box.unit ? 6 : 19 }),
      stripe: make("rect", { class: "stripe", x: -half + 1.5, y: 1.5, width: 21, height: HEIGHT - 3, rx: 5 }),
      sign: make("text", { class: "sign", x: -half + 12, y: 24 }),
      word: make("text", { class: "word", x: -half + 28, y: 16 }),
      formula: make("text", { class: "formula", x: -half + 28, y: 32 }),
      badge: make("text", { class: "badge", x: half - 5, y: 16 }),
      mark: make("text", { class: "mark", x: -half - 5, y: 26 }),
      out: make("text", { class: "out", x: 6, y: HEIGHT + 12 }),
      constants: make("text", { class: "constants", x: -half + 4, y: -4 }),
    };
    root.append(...Object.values(parts));
    const element = { root, parts };
    this._place(key, element);
    return element;
  }

  /** @param {string} key @param {any} element */
  _place(key, element) {
    const at = this.at(key);
    if (at) element.root.setAttribute("transform", `translate(${Math.round(at.x * 10) / 10} ${Math.round(at.y * 10) / 10})`);
  }

  /** Where what comes takes the very place of what goes, both are drawn at half their height. @param {Map<string, Shown>} wanted */
  _halve(wanted) {
    /** @type {Map<string, string>} */
    const going = new Map();
    for (const [key, box] of wanted) if (box.status === "goes") going.set(this._spot(key), key);
    /** @type {Map<string, string>} */
    const halves = new Map();
    if (going.size) {
      for (const [key, box] of wanted) {
        const other = box.status === "comes" ? going.get(this._spot(key)) : undefined;
        if (other) { halves.set(key, "lower"); halves.set(other, "upper"); }
      }
    }
    for (const key of this.halved) if (!halves.has(key)) { this._size(key, ""); this.halved.delete(key); }
    for (const [key, half] of halves) { this._size(key, half); this.halved.add(key); }
  }

  /** @param {string} key */
  _spot(key) {
    const at = this.at(key);
    return at ? `${Math.round(at.x)} ${Math.round(at.y)}` : key;
  }

  /** @param {string} key @param {string} half */
  _size(key, half) {
    const element = this.made.get(key);
    if (!element) return;
    const { body, stripe, sign, word, formula, badge, mark } = element.parts;
    const top = half === "lower" ? HEIGHT / 2 + 1 : 0, height = half ? HEIGHT / 2 - 1 : HEIGHT;
    body.setAttribute("y", top); body.setAttribute("height", height);
    stripe.setAttribute("y", top + 1.5); stripe.setAttribute("height", height - 3);
    const line = half ? top + 14 : 16;
    word.setAttribute("y", line); badge.setAttribute("y", line); sign.setAttribute("y", half ? line : 24); mark.setAttribute("y", half ? line + 1 : 26);
    formula.setAttribute("visibility", half ? "hidden" : "visible");
  }

  _bounds() {
    const all = [this.boxes, this.wires].map((part) => /** @type {SVGGElement} */ (part).getBBox()).filter((box) => box.width || box.height);
    if (!all.length) return { left: 0, right: 100, top: 0, bottom: 100 };
    return {
      left: Math.min(...all.map((box) => box.x)) - MARGIN, right: Math.max(...all.map((box) => box.x + box.width)) + MARGIN,
      top: Math.min(...all.map((box) => box.y)) - MARGIN, bottom: Math.max(...all.map((box) => box.y + box.height)) + MARGIN,
    };
  }

  /** Every box that is shown, for the map. */
  *_places() {
    for (const [key, box] of this.shown) {
      const at = this.at(key);
      if (at) yield { ...at, status: box.status };
    }
  }

  /** What should be in view: the node that is chosen, or what goes and comes. @param {View} view @param {Map<string, Shown>} wanted */
  _aims(view, wanted) {
    const chosen = view.node !== null && view.side === this.index && view.panel === "node" ? this.standing.unitOf.get(view.node) : undefined;
    const keys = chosen && wanted.has(chosen.key) ? [chosen.key] : [...wanted].filter(([, box]) => box.status !== "stays").map(([key]) => key);
    return keys.flatMap((key) => this.at(key) ?? []);
  }

  _listen() {
    const { svg } = this;
    svg.addEventListener("click", (event) => {
      const isDragged = this.sight.moved > 6;
      this.sight.moved = 0;
      if (isDragged) return;
      const box = /** @type {Element} */ (event.target).closest?.(".box");
      this._choose(box?.getAttribute("data-key") ?? null);
    });
    svg.addEventListener("pointerover", (event) => {
      if (event.buttons) return;
      const box = /** @type {Element} */ (event.target).closest?.(".box");
      this.trace(box?.getAttribute("data-key") ?? null);
    });
    svg.addEventListener("pointerleave", () => this.trace(null));
    svg.addEventListener("focusin", (event) => {
      const key = /** @type {Element} */ (event.target).getAttribute?.("data-key");
      if (key) this.trace(key);
    });
  }

  /** @param {string | null} key */
  _choose(key) {
    if (key === null) return;
    if (key[0] === "g") return this.openGroup(Number(key.slice(1)));
    if (key[0] === "r") return;
    this.store.select(Number(key), this.index);
  }

  /** Show what a box goes back to and what is made of it; all else steps back. @param {string | null} key */
  trace(key) {
    if (key === this.traced) return;
    this.traced = key;
    this.svg.classList.toggle("tracing", key !== null);
    for (const element of this.svg.querySelectorAll(".up, .down, .here")) element.classList.remove("up", "down", "here");
    if (key === null) return;
    const edges = this.edges.filter((edge) => this.paths.get(edge.id)?.isConnected);
    /** @param {(edge: any) => string} from @param {(edge: any) => string} to @param {string} name */
    const walk = (from, to, name) => {
      /** @type {Map<string, any[]>} */
      const next = new Map();
      for (const edge of edges) { const list = next.get(from(edge)); if (list) list.push(edge); else next.set(from(edge), [edge]); }
      const seen = new Set([key]), waiting = [key];
      while (waiting.length) {
        for (const edge of next.get(/** @type {string} */ (waiting.pop())) ?? []) {
          this.paths.get(edge.id)?.classList.add(name);
          if (!seen.has(to(edge))) { seen.add(to(edge)); waiting.push(to(edge)); this.made.get(to(edge))?.root.classList.add(name); }
        }
      }
    };
    walk((edge) => edge.to, (edge) => edge.from, "up");
    walk((edge) => edge.from, (edge) => edge.to, "down");
    this.made.get(key)?.root.classList.add("here");
  }

  /** The graph as it stands, whole, as a picture of its own: SVG text. @returns {string} */
  asSvg() {
    const { left, right, top, bottom } = this._bounds();
    const copy = /** @type {SVGSVGElement} */ (this.svg.cloneNode(true));
    for (const old of copy.querySelectorAll("[tabindex]")) old.removeAttribute("tabindex");
    copy.setAttribute("xmlns", SVG);
    copy.setAttribute("viewBox", `${left} ${top} ${right - left} ${bottom - top}`);
    copy.setAttribute("width", String(Math.round(right - left)));
    copy.setAttribute("height", String(Math.round(bottom - top)));
    copy.setAttribute("class", "graph");
    copy.querySelector(".world")?.removeAttribute("transform");
    inline(this.svg, copy);
    return new XMLSerializer().serializeToString(copy);
  }
}

const INLINED = ["fill", "stroke", "stroke-width", "stroke-dasharray", "font-family", "font-size", "font-weight", "text-anchor", "opacity", "visibility", "display"];

/** Styles of the page as attributes, for a picture stands without the page. @param {Element} from @param {Element} to */
function inline(from, to) {
  const style = getComputedStyle(from);
  for (const name of INLINED) to.setAttribute(name, style.getPropertyValue(name));
  for (let i = 0; i < from.children.length; i++) inline(from.children[i], to.children[i]);
}
