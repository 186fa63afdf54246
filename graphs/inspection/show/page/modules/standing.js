// Which boxes and wires stand in the picture at a step, and which of them go and come; what is folded away is passed through.

import { kindOf } from "./kinds.js";

/** @typedef {import("./side.js").Side} Side */
/** @typedef {import("./side.js").Unit} Unit */
/** @typedef {import("./address.js").View} View */
/** @typedef {{unit: Unit | null, root: number, status: string}} Shown A box: of nodes, or of an input. */
/** @typedef {{id: string, from: string, to: string, variable: number, position: number, count: number, status: string}} Wire */

export class Standing {
  /** @param {Side} side */
  constructor(side) {
    this.side = side;
    this.units = side.units();
    /** @type {Map<number, Unit>} */
    this.unitOf = new Map();
    for (const unit of this.units) for (const node of unit.nodes) this.unitOf.set(node, unit);
  }

  /** Nodes that are folded away. @param {View} view @param {number} snapshot @returns {Set<number>} */
  hidden(view, snapshot) {
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
  boxes(view, step, now, before, after, hidden) {
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

  /** Each edge that is there, with its end and status. @param {number} step @param {number} now @param {number} before @param {number} after */
  wires(step, now, before, after) {
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
  wiresThrough(before, after, hidden) {
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
}
