// A recording as its file has it, read into objects, and what follows from replaying its steps: which nodes stand when,
// who reads whom, what is known of a value at a moment. Nothing here knows of a page.

export const FORMAT = "graphs recording";
export const VERSION = 6;

/** @typedef {any} Row An object with the fields that `columns` in the file names. */
/** @typedef {{variable: number, node: number, position: number, from: number, to: number}} Edge */

/** What stands where in the file: for each kind of row, its fields that hold a row, or a table of rows (`[]`). @type {Record<string, Record<string, string>>} */
const NESTED = {
  Recording: {
    ops: "Op[]", variables: "Variable[]", nodes: "Node[]", rules: "Rule[]", lines: "SourceLine[]", outputs: "OutputSpec[]",
    steps: "Step[]", evaluation: "Evaluation", counterfactuals: "Counterfactual[]", diagnoses: "Diagnosis[]",
    measurements: "Measurements", whys: "Why[]",
  },
  Op: { inner: "Inner" },
  Inner: { nodes: "InnerNode[]" },
  InnerNode: { inner: "Inner" },
  Node: { origin: "Origin" },
  Rule: { source: "SourceLine" },
  Step: { changes: "Change[]" },
  Evaluation: {
    values: "ValueSummary[]", steps: "StepVerdict[]", outputs: "OutputValue[]", compiled: "OutputChange[]", nonfinite: "NonFinite[]",
    cells: "Cells[]", references: "Reference[]", distances: "Distance[]",
  },
  StepVerdict: { outputs: "OutputChange[]" },
  OutputValue: { first: "ValueSummary", last: "ValueSummary", called: "ValueSummary" },
  NonFinite: { reads: "Reading[]", failed: "Reading[]" },
  Counterfactual: { outputs: "OutputChange[]", seconds: "Spread", graph: "Inner" },
  Measurements: { times: "Times", code: "NodeCode[]" },
  Times: { call: "Spread", inside: "Spread", nodes: "NodeTime[]", around: "Around[]" },
  NodeTime: { seconds: "Spread" },
  Around: { seconds: "Spread" },
  Why: { places: "Place[]" },
};
const FLOATS = { NaN: NaN, Infinity: Infinity, "-Infinity": -Infinity };

/**
 * The recording in a parsed file.
 * @param {any} file
 * @returns {Row}
 */
export function readRecording(file) {
  if (!file || file.format !== FORMAT) throw new Error("this is no recording, as graphs inspect --json writes one");
  if (file.version !== VERSION) {
    throw new Error(`this is a recording of version ${String(file.version)}; this page reads version ${VERSION}`);
  }
  const columns = file.columns;
  /** @param {any} value @param {string} kind @returns {any} */
  const shape = (value, kind) => {
    if (value === null || value === undefined) return null;
    const nested = NESTED[kind] ?? {};
    const names = columns[kind];
    /** @type {Row} */
    const made = {};
    if (names) {
      if (!Array.isArray(value)) throw new Error(`a ${kind} of it is no row`);
      names.forEach((/** @type {string} */ name, /** @type {number} */ i) => { made[name] = value[i] ?? null; });
    } else {
      Object.assign(made, value);
    }
    // Code keeps its lines; all other texts are names and sentences.
    for (const name of Object.keys(made)) if (!(name in nested) && !(kind === "NodeCode" && name === "text")) made[name] = legible(made[name]);
    for (const [name, inner] of Object.entries(nested)) {
      const found = made[name];
      const row = inner.replace("[]", "");
      made[name] = row !== inner && found ? found.map((/** @type {any} */ item) => shape(item, row)) : shape(found, row);
    }
    return made;
  };
  return shape(spelled(file.recording), "Recording");
}

/** Floats that JSON cannot hold stand as objects. @param {any} value @returns {any} */
function spelled(value) {
  if (Array.isArray(value)) return value.map(spelled);
  if (value === null || typeof value !== "object") return value;
  const keys = Object.keys(value);
  if (keys.length === 1 && keys[0] === "float" && value.float in FLOATS) {
    return FLOATS[/** @type {keyof typeof FLOATS} */ (value.float)];
  }
  return Object.fromEntries(keys.map((key) => [key, spelled(value[key])]));
}

const MOVES = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
const LONGEST = 1000;

/** Texts of strangers: what turns the direction of writing, or cannot be seen, stands as an escape. @param {any} value @returns {any} */
export function legible(value) {
  if (Array.isArray(value)) return value.map(legible);
  if (typeof value === "string") {
    const kept = value.length > LONGEST ? `${value.slice(0, LONGEST)}… (${value.length} characters)` : value;
    return kept.replace(MOVES, (found) => `\\u{${/** @type {number} */ (found.codePointAt(0)).toString(16)}}`);
  }
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [legible(key), legible(item)]));
}

/** Everything that replaying a recording's steps tells. */
export class Story {
  /** @param {Row} recording */
  constructor(recording) {
    this.recording = recording;
    this.last = recording.steps.length;
    /** Snapshots in which each node stands: from, to, from, to … @type {number[][]} */
    this.spans = recording.nodes.map(() => []);
    /** @type {Edge[]} */
    this.edges = [];
    /** For each output of the graph, [from snapshot, variable] in order. @type {[number, number][][]} */
    this.outputs = recording.first_outputs.map((/** @type {number} */ variable) => [[0, variable]]);
    /** Steps at which an input of a node moved. @type {Map<number, number[]>} */
    this.changed = new Map();
    /** Nodes made of each node. @type {Map<number, number[]>} */
    this.heirs = new Map();
    /** Variables that took the place of what each node computed, when it went. @type {Map<number, number[]>} */
    this.became = new Map();
    this._replay();
    this._values = byVariable(recording.evaluation?.values ?? []);
    this._cells = byVariable(recording.evaluation?.cells ?? []);
    this.edgesInto = group(this.edges, (edge) => edge.node);
    this.edgesFrom = group(this.edges, (edge) => edge.variable);
    this.nodeCounts = this._sums(recording.nodes.map((/** @type {Row} */ _, /** @type {number} */ node) => [node, [[0, this.last, 1]]]));
    this.nonfinite = this._nonfinite();
  }

  _replay() {
    const { nodes, steps, first_nodes, variables } = this.recording;
    /** @type {Map<number, Edge[]>} */
    const open = new Map();
    /** @param {number} node @param {number} at */
    const enter = (node, at) => {
      this.spans[node].push(at, this.last);
      open.set(node, nodes[node].inputs.map((/** @type {number} */ variable, /** @type {number} */ position) => ({ variable, node, position, from: at, to: this.last })));
    };
    /** @param {Edge} edge @param {number} at */
    const close = (edge, at) => {
      edge.to = at;
      if (edge.to >= edge.from && variables[edge.variable].kind !== "constant") this.edges.push(edge);
    };
    for (const node of first_nodes) enter(node, 0);
    steps.forEach((/** @type {Row} */ step, /** @type {number} */ i) => {
      const at = i + 1;
      for (const node of step.gone) {
        const span = this.spans[node];
        span[span.length - 1] = at - 1;
        for (const edge of open.get(node) ?? []) close(edge, at - 1);
        open.delete(node);
      }
      for (const node of step.come) enter(node, at);
      for (const [old, now] of step.replaced) {
        const { owner } = variables[old];
        if (owner !== null && step.gone.includes(owner)) push(this.became, owner, now);
      }
      for (const change of step.changes) {
        if (change.node === null) {
          this.outputs[change.position].push([at, change.new]);
          continue;
        }
        const edges = open.get(change.node);
        if (!edges) continue;
        const old = edges[change.position];
        close(old, at - 1);
        edges[change.position] = { ...old, variable: change.new, from: at, to: this.last };
        push(this.changed, change.node, at);
      }
    });
    for (const edges of open.values()) for (const edge of edges) close(edge, this.last);
    nodes.forEach((/** @type {Row} */ node, /** @type {number} */ i) => { for (const parent of node.origin.parents) push(this.heirs, parent, i); });
  }

  /** @param {number} node @param {number} snapshot */
  stands(node, snapshot) {
    const span = this.spans[node];
    for (let i = 0; i < span.length; i += 2) if (span[i] <= snapshot && snapshot <= span[i + 1]) return true;
    return false;
  }

  /** Nodes of a snapshot, by number. @param {number} snapshot */
  nodesAt(snapshot) {
    const found = [];
    for (let node = 0; node < this.spans.length; node++) if (this.stands(node, snapshot)) found.push(node);
    return found;
  }

  /** What a node reads in a snapshot, by position; constants too. @param {number} node @param {number} snapshot @returns {number[]} */
  inputsAt(node, snapshot) {
    const inputs = [...this.recording.nodes[node].inputs];
    for (const at of this.changed.get(node) ?? []) {
      if (at > snapshot) break;
      for (const change of this.recording.steps[at - 1].changes) if (change.node === node) inputs[change.position] = change.new;
    }
    return inputs;
  }

  /** Nodes that read a variable in a snapshot. @param {number} variable @param {number} snapshot */
  readersAt(variable, snapshot) {
    const edges = this.edgesFrom.get(variable) ?? [];
    return [...new Set(edges.filter((edge) => edge.from <= snapshot && snapshot <= edge.to).map((edge) => edge.node))];
  }

  /** Names of the outputs that a variable is in a snapshot. @param {number} variable @param {number} snapshot @returns {string[]} */
  outputNames(variable, snapshot) {
    return this.recording.outputs.filter((/** @type {Row} */ _, /** @type {number} */ i) => this.outputAt(i, snapshot) === variable).map((/** @type {Row} */ spec) => spec.name);
  }

  /** @param {number} output @param {number} snapshot */
  outputAt(output, snapshot) {
    return latest(this.outputs[output], snapshot, (entry) => entry[0])?.[1] ?? -1;
  }

  /** @param {number} variable @param {number} snapshot @returns {Row | null} */
  valueAt(variable, snapshot) {
    return latest(this._values.get(variable) ?? [], snapshot, (value) => value.snapshot);
  }

  /** The entries of that value, where they are kept. @param {number} variable @param {number} snapshot @returns {Row | null} */
  cellsAt(variable, snapshot) {
    const value = this.valueAt(variable, snapshot);
    const cells = latest(this._cells.get(variable) ?? [], snapshot, (found) => found.snapshot);
    return value && cells && cells.snapshot === value.snapshot ? cells : null;
  }

  /** Entries that are not finite, of all results of a node. @param {number} node @param {number} snapshot */
  badAt(node, snapshot) {
    let bad = 0;
    for (const variable of this.recording.nodes[node].outputs) {
      const value = this.valueAt(variable, snapshot);
      if (value) bad += value.nan + value.inf;
    }
    return bad;
  }

  /** Nodes that were made of a node, or were there already and took its place. @param {number} node @returns {number[]} */
  successors(node) {
    const taken = (this.became.get(node) ?? []).map((variable) => this.recording.variables[variable].owner);
    return [...new Set([...(this.heirs.get(node) ?? []), ...taken.filter((owner) => owner !== null && owner !== node)])];
  }

  /** All nodes that a node goes back to, and all that it lives on in. @param {number} node */
  lineage(node) {
    return { before: closure(node, (one) => this.recording.nodes[one].origin.parents), after: closure(node, (one) => this.successors(one)) };
  }

  /** Sums per snapshot of [node, [[from, to, amount] …]], counted while the node stands. @param {[number, number[][]][]} entries */
  _sums(entries) {
    const change = new Float64Array(this.last + 2);
    for (const [node, pieces] of entries) {
      const span = this.spans[node];
      for (let i = 0; i < span.length; i += 2) {
        for (const [from, to, amount] of pieces) {
          const start = Math.max(span[i], from), end = Math.min(span[i + 1], to);
          if (start <= end) { change[start] += amount; change[end + 1] -= amount; }
        }
      }
    }
    /** @type {number[]} */
    const sums = [];
    let sum = 0;
    for (let i = 0; i <= this.last; i++) sums.push((sum += change[i]));
    return sums;
  }

  /** Entries that are not finite, of all computed values of each snapshot. @returns {number[] | null} */
  _nonfinite() {
    if (!this.recording.evaluation) return null;
    /** @type {[number, number[][]][]} */
    const entries = [];
    for (const [variable, values] of this._values) {
      const owner = this.recording.variables[variable].owner;
      if (owner === null) continue;
      entries.push([owner, values.map((value, i) => [value.snapshot, (values[i + 1]?.snapshot ?? this.last + 1) - 1, value.nan + value.inf])]);
    }
    return this._sums(entries);
  }
}

/** @template T @param {T[]} items @param {(item: T) => number} key @returns {Map<number, T[]>} */
export function group(items, key) {
  const found = new Map();
  for (const item of items) push(found, key(item), item);
  return found;
}

/** @template T @param {Map<number, T[]>} map @param {number} key @param {T} item */
function push(map, key, item) {
  const list = map.get(key);
  if (list) list.push(item); else map.set(key, [item]);
}

/** The last item that begins at or before a snapshot. @template T @param {T[]} items @param {number} snapshot @param {(item: T) => number} begin @returns {T | null} */
export function latest(items, snapshot, begin) {
  let found = null;
  for (const item of items) { if (begin(item) > snapshot) break; found = item; }
  return found;
}

/** @param {Row[]} rows @returns {Map<number, Row[]>} */
function byVariable(rows) {
  return group(rows, (row) => row.variable);
}

/** @param {number} start @param {(one: number) => number[]} next @returns {number[]} */
function closure(start, next) {
  const seen = new Set([start]);
  const waiting = [start];
  while (waiting.length) {
    for (const one of next(/** @type {number} */ (waiting.pop()))) if (!seen.has(one)) { seen.add(one); waiting.push(one); }
  }
  seen.delete(start);
  return [...seen].sort((a, b) => a - b);
}
