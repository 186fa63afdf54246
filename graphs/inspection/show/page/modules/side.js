// One recording on the page: its story, and what was drawn of it in Python. A recording that was dropped onto the page
// comes without that: places are found here then, and names of Ops stand for formulas.

import { Story, readRecording } from "./recording.js";
import { layers } from "./layers.js";

/** @typedef {import("./geometry.js").Layout} Layout */
/** @typedef {{key: string, nodes: number[], name: string}} Unit A box: a node, or several in the overview of a large graph. */

// As Python has them, for recordings that come without it (layout.py, drawn.py).
const BOX = 156, GAP = 18;
const MOST_BOXES = 6000, GROUP = 120;

export class Side {
  /** @param {{label: string, file: any, drawn: any}} entry */
  constructor(entry) {
    this.label = entry.label;
    this.file = entry.file;
    this.recording = readRecording(entry.file);
    this.story = new Story(this.recording);
    this.drawn = entry.drawn;
    this.title = this.drawn?.title ?? [this.recording.name || "a function", this.recording.linker].join(" · ");
    this.phases = this._phases();
    /** The group that is open, in an overview. */
    this.open = -1;
    this.groups = this.drawn ? this.drawn.groups ?? [] : this._groups();
    /** @type {Layout} */
    this.layout = this.drawn?.layout ? { box: this.drawn.box, ...this.drawn.layout } : this._laidOut();
    this.isOverview = this.groups.length > 0;
    /** Bytes that the node moves that moves most. */
    this.mostBytes = (this.drawn?.node_work ?? []).reduce((/** @type {number} */ most, /** @type {any} */ row) => Math.max(most, (row?.[2] ?? 0) + (row?.[3] ?? 0)), 1);
    /** @type {Map<number, string>} */
    this.parts = new Map();
  }

  /** A node's word and formula in a snapshot. @param {number} node @param {number} snapshot @returns {[string, string]} */
  labelOf(node, snapshot) {
    const labels = this.drawn?.labels[node];
    if (!labels || !labels.length) return [this.word(node), ""];
    let found = labels[0];
    for (const row of labels) { if (row[0] > snapshot) break; found = row; }
    return [found[1], found[2]];
  }

  /** @param {number} node */
  word(node) {
    const op = this.recording.ops[this.recording.nodes[node].op];
    const named = this.recording.nodes[node].outputs.map((/** @type {number} */ v) => this.recording.variables[v].name).filter(Boolean);
    return named.join(", ") || op.name.split("{")[0];
  }

  /** @param {number} variable @param {number} snapshot @returns {string} */
  variableName(variable, snapshot) {
    const described = this.recording.variables[variable];
    if (described.name || described.value) return described.name || described.value;
    return described.owner === null ? "an input" : `#${described.owner} ${this.labelOf(described.owner, snapshot)[0]}`;
  }

  /** Formulas before and after a step, what it did to the outputs, whether only names changed. @param {number} step @returns {{pairs: string[][], effect: string, names: boolean}} */
  told(step) {
    const row = this.drawn?.steps[step - 1];
    return row ? { pairs: row[0], effect: row[1], names: row[2] } : { pairs: [], effect: "", names: false };
  }

  /** @param {number} step @returns {string} */
  verdict(step) { return this.recording.evaluation?.steps[step - 1]?.verdict ?? ""; }

  /** @param {number} step */
  rule(step) { return this.recording.rules[this.recording.steps[step - 1].rule]; }

  /** The user's lines that a node goes back to, by number. @param {number} node @returns {number[]} */
  lines(node) {
    if (this.drawn) return this.drawn.lines[node] ?? [];
    const all = [node, ...this.story.lineage(node).before];
    return [...new Set(all.flatMap((one) => this.recording.nodes[one].origin.lines))].sort((a, b) => a - b);
  }

  /** Which part of the graph as written a node belongs to. @param {number} node @returns {string} */
  part(node) {
    const known = this.parts.get(node);
    if (known) return known;
    const kinds = new Set([node, ...this.story.lineage(node).before].map((one) => this.recording.nodes[one].origin.kind));
    const part = kinds.has("gradient") ? "gradient" : kinds.has("update") ? "update" : kinds.has("forward") ? "forward" : "compiler";
    this.parts.set(node, part);
    return part;
  }

  /** Phases in order: name, first and last step. @returns {{name: string, from: number, to: number}[]} */
  _phases() {
    /** @type {{name: string, from: number, to: number}[]} */
    const found = [];
    this.recording.steps.forEach((/** @type {any} */ step, /** @type {number} */ i) => {
      const last = found[found.length - 1];
      if (last && last.name === step.phase) last.to = i + 1; else found.push({ name: step.phase, from: i + 1, to: i + 1 });
    });
    return found;
  }

  /** The phase that a snapshot stands in: the one of the step that made it. @param {number} snapshot */
  phaseOf(snapshot) { return this.phases.findIndex((phase) => phase.from <= snapshot && snapshot <= phase.to); }

  /** For a large recording without groups of its own: by the order of their numbers. @returns {any[]} */
  _groups() {
    const nodes = this.recording.nodes.length;
    if (nodes <= MOST_BOXES) return [];
    return Array.from({ length: Math.ceil(nodes / GROUP) }, (_, i) => {
      const to = Math.min((i + 1) * GROUP, nodes);
      return [`nodes ${i * GROUP} to ${to - 1}`, i, Array.from({ length: to - i * GROUP }, (_, k) => i * GROUP + k)];
    });
  }

  /** Open a group of the overview, or none. @param {number} group */
  openGroup(group) {
    this.open = group;
    this.layout = this._laidOut();
  }

  /** The boxes: one for each node, or in an overview one for each group that is not open. @returns {Unit[]} */
  units() {
    const single = (/** @type {number} */ node) => ({ key: String(node), nodes: [node], name: "" });
    if (!this.isOverview) return this.recording.nodes.map((/** @type {any} */ _, /** @type {number} */ node) => single(node));
    return this.groups.flatMap((/** @type {any} */ [name, , nodes], /** @type {number} */ i) => (i === this.open ? nodes.map(single) : [{ key: `g${i}`, nodes, name }]));
  }

  /** Places by plain layers: for what comes without any, and for the overview. @returns {Layout} */
  _laidOut() {
    this.isOverview = this.groups.length > 0;
    const { variables } = this.recording;
    const units = this.units();
    /** @type {Map<number, number>} */
    const unitOf = new Map();
    units.forEach((unit, i) => { for (const node of unit.nodes) unitOf.set(node, i); });
    const roots = [...new Set(this.story.edges.map((edge) => edge.variable).filter((v) => variables[v].owner === null))];
    const rootAt = new Map(roots.map((variable, i) => [variable, units.length + i]));
    /** @type {Set<number>[]} */
    const reads = units.map(() => new Set());
    for (const edge of this.story.edges) {
      const owner = variables[edge.variable].owner;
      const source = owner === null ? rootAt.get(edge.variable) : unitOf.get(owner);
      const reader = unitOf.get(edge.node);
      if (source !== undefined && reader !== undefined && source !== reader) reads[reader].add(source);
    }
    const spans = this.story.spans;
    const items = units.map((unit, i) => {
      const lives = unit.nodes.flatMap((node) => spans[node]);
      return { id: i, reads: [...reads[i]], from: Math.min(...lives), to: Math.max(...lives) };
    });
    const found = layers([...items, ...roots.map((_, i) => ({ id: units.length + i, reads: [] }))]);
    /** @type {Layout} */
    const layout = { box: BOX, rows: 0, left: 0, right: 0, nodes: {}, roots: {}, lanes: {} };
    for (const [id, { row, column }] of found) {
      const x = column * (BOX + GAP);
      layout.rows = Math.max(layout.rows, row + 1);
      layout.left = Math.min(layout.left, x - BOX / 2);
      layout.right = Math.max(layout.right, x + BOX / 2);
      if (id < units.length) layout.nodes[units[id].key] = [x, row]; else layout.roots[String(roots[id - units.length])] = [x, row];
    }
    return layout;
  }
}
