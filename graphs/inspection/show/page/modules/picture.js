// The graph, before and after a step. A box stands at one place for as long as it lives; only what goes and comes is
// touched when one steps. Plain SVG, for it is what is drawn again at every key press.

import { foldOf, port, wire, HEIGHT, ROW, MARGIN } from "./geometry.js";
import { KINDS, kindOf } from "./kinds.js";
import { share, size } from "./numbers.js";

/** @typedef {import("./store.js").Store} Store */
/** @typedef {import("./address.js").View} View */
/** @typedef {import("./side.js").Unit} Unit */
/** @typedef {{unit: Unit | null, root: number, status: string}} Shown */

const SVG = "http://www.w3.org/2000/svg";
const WORD = 15, FORMULA = 20; // characters that fit
const ORIGINS = { forward: [2, "F"], gradient: [4, "G"], update: [7, "U"], rewrite: [1, "C"] };
const LEAST = 0.06, MOST = 3, FAR = 0.38;

export class Picture {
  /** @param {HTMLElement} host @param {Store} store @param {number} index of the side */
  constructor(host, store, index) {
    this.store = store;
    this.index = index;
    this.side = store.book.sides[index];
    this.host = host;
    host.innerHTML = "";
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
    this.zoom = { k: 0.7, x: 0, y: 0 };
    this.units = this.side.units();
    /** @type {Map<number, Unit>} */
    this.unitOf = new Map();
    this._index();
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
    /** Edges as drawn now. @type {any[]} */
    this.edges = [];
    /** The box that is traced. @type {string | null} */
    this.traced = null;
    /** The snapshot at hand. */
    this.now = 0;
    /** Pixels of the map per pixel of the picture. */
    this.mapScale = { x: 1, y: 1 };
    this.mostBytes = 0;
    this.isFresh = true;
    this._listen();
  }

  _index() {
    this.unitOf.clear();
    for (const unit of this.units) for (const node of unit.nodes) this.unitOf.set(node, unit);
  }

  /** Open a group of an overview, or close it with -1. @param {number} group */
  openGroup(group) {
    this.side.openGroup(group);
    this.units = this.side.units();
    this._index();
    for (const { root } of this.made.values()) root.remove();
    this._forgetPaths();
    this.made.clear(); this.shown.clear(); this.drawn.clear();
    this.foldKey = "?";
    this.show(this.store.view);
    this.fit();
  }

  /** @param {View} view */
  show(view) {
    const now = this.store.snapshot(this.index), step = this.store.step(this.index);
    const before = step && view.view !== "after" ? now - 1 : now;
    const after = view.view === "before" && step ? now - 1 : now;
    this.now = now;
    const hidden = this._hidden(view, after);
    const wanted = this._wanted(view, step, now, before, after, hidden);
    this._refold(view, now);
    const edges = hidden.size || this.side.isOverview ? this._through(before, after, hidden) : this._edges(step, now, before, after);
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
    if (this.isFresh) { this.isFresh = false; this.home(); }
    this._follow(view, wanted);
    this._drawMap();
  }

  /** Nodes that are folded away. @param {View} view @param {number} snapshot @returns {Set<number>} */
  _hidden(view, snapshot) {
    /** @type {Set<number>} */
    const hidden = new Set();
    if (this.side.isOverview || !(view.fold.includes("shapes") || view.fold.includes("forward"))) return hidden;
    const { nodes, ops } = this.side.recording;
    const named = new Set(this.side.recording.outputs.map((/** @type {any} */ _, /** @type {number} */ i) => this.side.recording.variables[this.side.story.outputAt(i, snapshot)]?.owner));
    for (const unit of this.units) {
      const node = unit.nodes[0];
      if (node === view.node || named.has(node)) continue; // what is asked for, and what the function returns, stays
      const folds = (view.fold.includes("shapes") && kindOf(ops[nodes[node].op]) === "shape") || (view.fold.includes("forward") && this.side.part(node) === "forward");
      if (folds) hidden.add(node);
    }
    return hidden;
  }

  /** @param {View} view @param {number} step @param {number} now @param {number} before @param {number} after @param {Set<number>} hidden @returns {Map<string, Shown>} */
  _wanted(view, step, now, before, after, hidden) {
    const { story } = this.side;
    /** @type {Map<string, Shown>} */
    const wanted = new Map();
    for (const unit of this.units) {
      let status = "";
      for (const node of unit.nodes) {
        if (hidden.has(node)) continue;
        const was = story.stands(node, step ? now - 1 : now), is = story.stands(node, now);
        const seen = (before !== now && was) || (after === now && is);
        if (!seen) continue;
        const one = was && is ? "stays" : was ? "goes" : "comes";
        status = !status || status === one ? one : "stays changes";
      }
      if (status) wanted.set(unit.key, { unit, root: -1, status });
    }
    const roots = new Set();
    for (const edge of story.edges) {
      if (edge.from <= after && before <= edge.to && this.side.recording.variables[edge.variable].owner === null) roots.add(edge.variable);
    }
    for (const root of roots) wanted.set(`r${root}`, { unit: null, root, status: "stays" });
    return wanted;
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
    for (const unit of this.units) {
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

  /** Each edge that is there, with its end and status. @param {number} step @param {number} now @param {number} before @param {number} after */
  _edges(step, now, before, after) {
    const { story, recording } = this.side;
    const found = [];
    for (let i = 0; i < story.edges.length; i++) {
      const edge = story.edges[i];
      if (edge.from > after || edge.to < before) continue;
      const was = step ? edge.from <= now - 1 : edge.from <= now, is = edge.to >= now;
      const owner = recording.variables[edge.variable].owner;
      const status = was && is ? "stays" : is ? "comes" : "goes";
      found.push({ id: String(i), from: owner === null ? `r${edge.variable}` : String(owner), to: String(edge.node), variable: edge.variable, position: edge.position, count: recording.nodes[edge.node].inputs.length, status });
    }
    return found;
  }

  /** Edges between boxes, by way of what is folded away. @param {number} before @param {number} after @param {Set<number>} hidden */
  _through(before, after, hidden) {
    const { story, recording } = this.side;
    /** @type {Map<number, import("./recording.js").Edge[]>} */
    const into = new Map();
    for (const edge of story.edges) {
      if (edge.from > after || edge.to < before) continue;
      const list = into.get(edge.node);
      if (list) list.push(edge); else into.set(edge.node, [edge]);
    }
    /** @type {Map<number, Set<string>>} */
    const sources = new Map();
    /** Boxes that a hidden node goes back to. @param {number} node @returns {Set<string>} */
    const behind = (node) => {
      const known = sources.get(node);
      if (known) return known;
      const made = new Set();
      sources.set(node, made);
      for (const edge of into.get(node) ?? []) for (const key of ends(edge.variable)) made.add(key);
      return made;
    };
    /** @param {number} variable @returns {Iterable<string>} */
    const ends = (variable) => {
      const owner = recording.variables[variable].owner;
      if (owner === null) return [`r${variable}`];
      if (hidden.has(owner)) return behind(owner);
      return [/** @type {Unit} */ (this.unitOf.get(owner)).key];
    };
    /** @type {Map<string, any>} */
    const found = new Map();
    for (const [node, edges] of into) {
      if (hidden.has(node)) continue;
      const to = /** @type {Unit} */ (this.unitOf.get(node)).key;
      for (const edge of edges) {
        const owner = recording.variables[edge.variable].owner;
        const isThrough = owner !== null && hidden.has(owner);
        for (const from of ends(edge.variable)) {
          if (from !== to) found.set(`${from}>${to}`, { id: `${from}>${to}`, from, to, variable: isThrough ? -1 : edge.variable, position: 0, count: 1, status: isThrough ? "stays through" : "stays" });
        }
      }
    }
    return [...found.values()];
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
      const look = box.unit ? this._look(view, box, snapshot) : this._rootLook(box.root, snapshot);
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

  /** What a box says, and its colour. @param {View} view @param {Shown} box @param {number} snapshot */
  _look(view, box, snapshot) {
    const { recording, story } = this.side;
    const unit = /** @type {Unit} */ (box.unit);
    if (unit.name) {
      const number = unit.nodes.filter((node) => story.stands(node, snapshot)).length;
      return { sign: "▤", word: cut(unit.name, WORD + 6), formula: `${number} nodes, click to open`, badge: "", out: "", constants: "", colour: "k0", whole: `${number} nodes` };
    }
    const node = unit.nodes[0];
    const at = story.stands(node, snapshot) ? snapshot : box.status === "goes" ? snapshot - 1 : this.now;
    const [word, formula] = this.side.label_of(node, at);
    const outs = recording.nodes[node].outputs.flatMap((/** @type {number} */ variable) => story.outputNames(variable, at));
    const constants = view.fold.includes("constants") ? story.inputsAt(node, at).map((variable) => recording.variables[variable]).filter((v) => v.kind === "constant").map((v) => v.value) : [];
    const look = this._colour(view, node, at);
    return {
      ...look, word: cut(word, look.badge ? WORD - look.badge.length : WORD), formula: cut(formula, FORMULA),
      out: outs.length ? `⇒ ${cut(outs.join(", "), 18)}` : "", constants: cut(constants.join(", "), 24), whole: `${word} ${formula}`,
    };
  }

  /** @param {number} variable @param {number} snapshot */
  _rootLook(variable, snapshot) {
    const { recording, story } = this.side;
    const described = recording.variables[variable];
    const shape = story.valueAt(variable, snapshot)?.shape ?? described.shape;
    return { sign: "", word: cut(described.name || "input", WORD), formula: cut(`${described.dtype || described.type}${shape && shape.length ? ` ${shape.map((/** @type {any} */ n) => n ?? "?").join("×")}` : ""}`, FORMULA), badge: described.kind === "shared" ? "shared" : "input", out: story.outputNames(variable, snapshot).map((name) => `⇒ ${name}`).join(" "), constants: "", colour: "k-root", whole: described.name || "input" };
  }

  /** @param {View} view @param {number} node @param {number} snapshot @returns {{sign: string, badge: string, colour: string}} */
  _colour(view, node, snapshot) {
    const { recording, story, drawn } = this.side;
    const kind = KINDS[kindOf(recording.ops[recording.nodes[node].op])];
    const bad = story.badAt(node, snapshot);
    const health = bad ? `${bad} bad` : "";
    const grade = (/** @type {number} */ part) => `s${Math.min(4, Math.floor(part * 5))}`;
    switch (view.colour) {
      case "origin": {
        const [number, sign] = ORIGINS[/** @type {keyof typeof ORIGINS} */ (recording.nodes[node].origin.kind)];
        return { sign: String(sign), badge: "", colour: `k${number}` };
      }
      case "phase": {
        const born = this.side.phaseOf(story.spans[node][0]);
        return { sign: born < 0 ? "0" : String(born + 1), badge: "", colour: born < 0 ? "k0" : `k${(born % 7) + 1}` };
      }
      case "time": {
        const times = recording.measurements?.times;
        const timed = times?.nodes.find((/** @type {any} */ found) => found.node === node)?.seconds;
        if (!timed || !times.call) return { sign: kind.sign, badge: "", colour: "k0" };
        const part = timed.median / times.call.median;
        return { sign: kind.sign, badge: share(part), colour: grade(Math.sqrt(part)) };
      }
      case "bytes": {
        const work = drawn?.node_work?.[node];
        if (!work || work[2] === null || work[3] === null) return { sign: kind.sign, badge: "", colour: "k0" };
        const most = this.mostBytes ||= Math.max(1, ...drawn.node_work.map((/** @type {any} */ row) => (row?.[2] ?? 0) + (row?.[3] ?? 0)));
        return { sign: kind.sign, badge: size(work[2] + work[3]), colour: grade(Math.sqrt((work[2] + work[3]) / most)) };
      }
      case "values": {
        const known = recording.nodes[node].outputs.some((/** @type {number} */ variable) => story.valueAt(variable, snapshot));
        return { sign: bad ? "✕" : known ? "✓" : "?", badge: health, colour: bad ? "bad" : known ? "well" : "k0" };
      }
      default:
        return { sign: kind.sign, badge: health, colour: `k${kind.colour}${bad ? " ill" : ""}` };
    }
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

  // Where one looks.

  _transform() {
    const { k, x, y } = this.zoom;
    this.world.setAttribute("transform", `translate(${x} ${y}) scale(${k})`);
    this.svg.classList.toggle("far", k < FAR);
    this._drawMap();
  }

  _bounds() {
    const all = [this.boxes, this.wires].map((part) => /** @type {SVGGElement} */ (part).getBBox()).filter((box) => box.width || box.height);
    if (!all.length) return { left: 0, right: 100, top: 0, bottom: 100 };
    return {
      left: Math.min(...all.map((box) => box.x)) - MARGIN, right: Math.max(...all.map((box) => box.x + box.width)) + MARGIN,
      top: Math.min(...all.map((box) => box.y)) - MARGIN, bottom: Math.max(...all.map((box) => box.y + box.height)) + MARGIN,
    };
  }

  /** All of the graph in view. */
  fit() {
    const { left, right, top, bottom } = this._bounds();
    const { clientWidth, clientHeight } = this.svg;
    const k = Math.min(Math.max(Math.min(clientWidth / (right - left), clientHeight / (bottom - top)), LEAST), 1);
    this.zoom = { k, x: (clientWidth - k * (left + right)) / 2, y: (clientHeight - k * (top + bottom)) / 2 };
    this._transform();
  }

  /** As at first: readable, at what changes or else at the top. */
  home() {
    const { left, right, top } = this._bounds();
    const k = Math.min(1, Math.max(0.62, this.svg.clientWidth / (right - left)));
    this.zoom = { k, x: this.svg.clientWidth / 2 - k * (left + right) / 2, y: -k * top + 8 };
    this._transform();
  }

  /** @param {number} factor @param {number} [x] @param {number} [y] */
  scale(factor, x = this.svg.clientWidth / 2, y = this.svg.clientHeight / 2) {
    const k = Math.min(Math.max(this.zoom.k * factor, LEAST), MOST);
    const by = k / this.zoom.k;
    this.zoom = { k, x: x - (x - this.zoom.x) * by, y: y - (y - this.zoom.y) * by };
    this._transform();
  }

  /** @param {number} dx @param {number} dy */
  pan(dx, dy) { this.zoom.x += dx; this.zoom.y += dy; this._transform(); }

  /** Bring what changes, or is chosen, into view if none of it is. @param {View} view @param {Map<string, Shown>} wanted */
  _follow(view, wanted) {
    const chosen = view.node !== null && view.side === this.index && view.panel === "node" ? this.unitOf.get(view.node) : undefined;
    const keys = chosen && wanted.has(chosen.key) ? [chosen.key] : [...wanted].filter(([, box]) => box.status !== "stays").map(([key]) => key);
    const places = keys.map((key) => this.at(key)).filter((at) => at !== null);
    if (!places.length) return;
    const { k, x, y } = this.zoom;
    const { clientWidth, clientHeight } = this.svg;
    const half = (this.side.layout.box / 2) * k;
    const seen = places.some((at) => at.x * k + x > half * 0.5 && at.x * k + x < clientWidth - half * 0.5 && at.y * k + y > 0 && at.y * k + y + HEIGHT * k < clientHeight);
    if (seen) return;
    const aim = places[places.length - 1];
    this.zoom.x = clientWidth / 2 - aim.x * k;
    this.zoom.y = clientHeight / 2 - aim.y * k;
    this._transform();
  }

  /** The whole graph, small, and what of it is in view. */
  _drawMap() {
    const { left, right, top, bottom } = { left: 0, right: Math.max(this.fold.width, 1), top: 0, bottom: Math.max(this.fold.height, 1) };
    const width = 96, height = Math.round(Math.min(130, Math.max(40, width * (bottom - top) / (right - left))));
    const ratio = devicePixelRatio;
    if (this.map.width !== width * ratio || this.map.height !== height * ratio) {
      this.map.width = width * ratio; this.map.height = height * ratio;
      this.map.style.width = `${width}px`; this.map.style.height = `${height}px`;
    }
    const context = this.map.getContext("2d");
    if (!context) return;
    const sx = this.map.width / (right - left), sy = this.map.height / (bottom - top);
    this.mapScale = { x: width / (right - left), y: height / (bottom - top) };
    const style = getComputedStyle(this.host);
    context.clearRect(0, 0, this.map.width, this.map.height);
    const half = this.side.layout.box / 2;
    for (const [key, box] of this.shown) {
      const at = this.at(key);
      if (!at) continue;
      context.fillStyle = style.getPropertyValue(box.status === "goes" ? "--gone" : box.status === "comes" ? "--come" : "--faint");
      context.fillRect((at.x - half) * sx, at.y * sy, 2 * half * sx, Math.max(HEIGHT * sy, ratio));
    }
    const { k, x, y } = this.zoom;
    context.strokeStyle = style.getPropertyValue("--accent");
    context.lineWidth = 1.5 * ratio;
    context.strokeRect((-x / k) * sx, (-y / k) * sy, (this.svg.clientWidth / k) * sx, (this.svg.clientHeight / k) * sy);
  }

  // What one does.

  _listen() {
    const { svg, map } = this;
    /** @type {Map<number, {x: number, y: number}>} */
    const held = new Map();
    let moved = 0;
    svg.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return; // the page scrolls
      event.preventDefault();
      const box = svg.getBoundingClientRect();
      this.scale(Math.exp(-event.deltaY / 300), event.clientX - box.left, event.clientY - box.top);
    }, { passive: false });
    svg.addEventListener("pointerdown", (event) => { held.set(event.pointerId, { x: event.clientX, y: event.clientY }); moved = 0; });
    svg.addEventListener("pointermove", (event) => {
      const last = held.get(event.pointerId);
      if (!last) return;
      if (!svg.hasPointerCapture(event.pointerId) && Math.hypot(event.clientX - last.x, event.clientY - last.y) > 3) svg.setPointerCapture(event.pointerId);
      const dx = event.clientX - last.x, dy = event.clientY - last.y;
      if (!svg.hasPointerCapture(event.pointerId)) return;
      moved += Math.abs(dx) + Math.abs(dy);
      if (held.size === 2) {
        const other = /** @type {{x: number, y: number}} */ ([...held].find(([id]) => id !== event.pointerId)?.[1]);
        const was = Math.hypot(last.x - other.x, last.y - other.y), is = Math.hypot(event.clientX - other.x, event.clientY - other.y);
        const box = svg.getBoundingClientRect();
        if (was > 0) this.scale(is / was, (event.clientX + other.x) / 2 - box.left, (event.clientY + other.y) / 2 - box.top);
      } else this.pan(dx, dy);
      held.set(event.pointerId, { x: event.clientX, y: event.clientY });
    });
    for (const end of ["pointerup", "pointercancel"]) svg.addEventListener(end, (event) => { held.delete(/** @type {PointerEvent} */ (event).pointerId); });
    svg.addEventListener("click", (event) => {
      if (moved > 6) return;
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
    const jump = (/** @type {PointerEvent} */ event) => {
      const box = map.getBoundingClientRect();
      const scale = this.mapScale;
      this.zoom.x = svg.clientWidth / 2 - ((event.clientX - box.left) / scale.x) * this.zoom.k;
      this.zoom.y = svg.clientHeight / 2 - ((event.clientY - box.top) / scale.y) * this.zoom.k;
      this._transform();
    };
    map.addEventListener("pointerdown", (event) => { map.setPointerCapture(event.pointerId); jump(event); });
    map.addEventListener("pointermove", (event) => { if (event.buttons & 1) jump(event); });
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

/** @param {string} tag @param {Record<string, any>} attributes */
export function make(tag, attributes) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  return made;
}

/** @param {string} text @param {number} most */
export function cut(text, most) { return text.length > most ? `${text.slice(0, Math.max(most - 1, 1))}…` : text; }
