// What a box says and how it is coloured, by each of the ways to colour a graph.

import { KINDS, kindOf } from "./kinds.js";
import { share, size } from "./numbers.js";

/** @typedef {import("./side.js").Side} Side */
/** @typedef {import("./address.js").View} View */
/** @typedef {import("./standing.js").Shown} Shown */
/** @typedef {import("./standing.js").Unit} Unit */

const WORD = 15, FORMULA = 20; // characters that fit
const ORIGINS = { forward: [2, "F"], gradient: [4, "G"], update: [7, "U"], rewrite: [1, "C"] };

/** What a box says, and its colour. @param {Side} side @param {View} view @param {Shown} box @param {number} snapshot @param {number} now the snapshot after the step at hand */
export function lookOf(side, view, box, snapshot, now) {
  const { recording, story } = side;
  const unit = /** @type {Unit} */ (box.unit);
  if (unit.name) {
    const number = unit.nodes.filter((node) => story.stands(node, snapshot)).length;
    return { sign: "▤", word: cut(unit.name, WORD + 6), formula: `${number} nodes, click to open`, badge: "", out: "", constants: "", colour: "k0", whole: `${number} nodes` };
  }
  const node = unit.nodes[0];
  const at = story.stands(node, snapshot) ? snapshot : box.status === "goes" ? snapshot - 1 : now;
  const [word, formula] = side.labelOf(node, at);
  const outs = recording.nodes[node].outputs.flatMap((/** @type {number} */ variable) => story.outputNames(variable, at));
  const constants = view.fold.includes("constants") ? story.inputsAt(node, at).map((variable) => recording.variables[variable]).filter((v) => v.kind === "constant").map((v) => v.value) : [];
  const look = colourOf(side, view, node, at);
  return {
    ...look, word: cut(word, look.badge ? WORD - look.badge.length : WORD), formula: cut(formula, FORMULA),
    out: outs.length ? `⇒ ${cut(outs.join(", "), 18)}` : "", constants: cut(constants.join(", "), 24), whole: `${word} ${formula}`,
  };
}

/** What the box of an input or a shared variable says. @param {Side} side @param {number} variable @param {number} snapshot */
export function rootLook(side, variable, snapshot) {
  const { recording, story } = side;
  const described = recording.variables[variable];
  const shape = story.valueAt(variable, snapshot)?.shape ?? described.shape;
  return { sign: "", word: cut(described.name || "input", WORD), formula: cut(`${described.dtype || described.type}${shape && shape.length ? ` ${shape.map((/** @type {any} */ n) => n ?? "?").join("×")}` : ""}`, FORMULA), badge: ["shared", "input"].includes(described.kind) ? described.kind : "", out: story.outputNames(variable, snapshot).map((name) => `⇒ ${name}`).join(" "), constants: "", colour: "k-root", whole: described.name || "input" };
}

/** @param {Side} side @param {View} view @param {number} node @param {number} snapshot @returns {{sign: string, badge: string, colour: string}} */
function colourOf(side, view, node, snapshot) {
  const { recording, story, drawn } = side;
  const kind = KINDS[kindOf(recording.ops[recording.nodes[node].op])];
  const bad = story.badAt(node, snapshot);
  const health = bad ? `${bad} NaN/∞` : "";
  const grade = (/** @type {number} */ part) => `s${Math.min(4, Math.floor(part * 5))}`;
  switch (view.colour) {
    case "origin": {
      const [number, sign] = ORIGINS[/** @type {keyof typeof ORIGINS} */ (recording.nodes[node].origin.kind)];
      return { sign: String(sign), badge: "", colour: `k${number}` };
    }
    case "phase": {
      const born = side.phaseOf(story.spans[node][0]);
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
      const most = side.mostBytes;
      return { sign: kind.sign, badge: size(work[2] + work[3]), colour: grade(Math.sqrt((work[2] + work[3]) / most)) };
    }
    case "values": {
      const values = recording.nodes[node].outputs.map((/** @type {number} */ variable) => story.valueAt(variable, snapshot));
      const known = values.every((/** @type {any} */ value) => value && !value.problem && value.shape);
      return { sign: bad ? "✕" : known ? "✓" : "?", badge: health, colour: bad ? "bad" : known ? "well" : "k0" };
    }
    default:
      return { sign: kind.sign, badge: health, colour: `k${kind.colour}${bad ? " ill" : ""}` };
  }
}

/** @param {string} text @param {number} most */
export function cut(text, most) { return text.length > most ? `${text.slice(0, Math.max(most - 1, 1))}…` : text; }
