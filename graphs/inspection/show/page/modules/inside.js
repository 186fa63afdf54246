// A graph told as a whole, drawn small: what is inside a fused Op or a loop, and the final graph without a rule.

import { layers } from "./layers.js";
import { cut } from "./looks.js";
import { make } from "./svg.js";

const BOX = 132, HIGH = 38, ROW = 58, GAP = 14;

/**
 * @param {{nodes: {op: string, inputs: string[], output: string}[], outputs: string[]}} graph
 * @param {string} title
 * @param {(name: string) => boolean} isInput what else is read is a constant, and stands in the boxes
 * @returns {SVGElement}
 */
export function drawInside(graph, title, isInput) {
  /** @type {Map<string, number>} */
  const makes = new Map();
  graph.nodes.forEach((node, i) => { for (const name of node.output.split(", ")) makes.set(name, i); });
  const read = new Set(graph.nodes.flatMap((node) => node.inputs));
  const names = [...read].filter((name) => !makes.has(name) && isInput(name));
  const size = graph.nodes.length;
  const roots = new Map(names.map((name, i) => [name, size + i]));
  const items = [
    ...graph.nodes.map((node, i) => ({ id: i, reads: [...new Set(node.inputs.map((name) => makes.get(name) ?? roots.get(name) ?? -1).filter((id) => id >= 0 && id !== i))] })),
    ...names.map((_, i) => ({ id: size + i, reads: [] })),
  ];
  const places = layers(items);
  const columns = [...places.values()].map((place) => place.column);
  const left = Math.min(0, ...columns), right = Math.max(0, ...columns), bottom = Math.max(0, ...[...places.values()].map((place) => place.row));
  const width = (right - left + 1) * (BOX + GAP) + GAP, height = (bottom + 1) * ROW + 24;
  const at = (/** @type {number} */ id) => {
    const place = places.get(id) ?? { row: 0, column: 0 };
    return { x: (place.column - left) * (BOX + GAP) + GAP + BOX / 2, y: place.row * ROW + 8 };
  };
  const svg = /** @type {SVGElement} */ (make("svg", { class: "graph small", role: "img", "aria-label": title, viewBox: `0 0 ${width} ${height}`, width, height }));
  for (const item of items) {
    item.reads.forEach((source, i) => {
      const from = at(source), to = at(item.id);
      const x = to.x + (BOX - 24) * ((i + 1) / (item.reads.length + 1) - 0.5);
      svg.append(make("path", { class: "wire stays", d: `M${from.x} ${from.y + HIGH}C${from.x} ${from.y + HIGH + 12} ${x} ${to.y - 12} ${x} ${to.y}` }));
    });
  }
  const draw = (/** @type {number} */ id, /** @type {string} */ word, /** @type {string} */ detail, /** @type {string} */ kind) => {
    const { x, y } = at(id);
    const box = make("g", { class: `box ${kind}`, transform: `translate(${x} ${y})` });
    const first = make("text", { class: "word", x: -BOX / 2 + 8, y: 16 }), second = make("text", { class: "formula", x: -BOX / 2 + 8, y: 31 });
    first.textContent = cut(word, 17);
    second.textContent = cut(detail, 21);
    const full = make("title", {});
    full.textContent = `${word} ${detail}`;
    box.append(make("rect", { class: "body", x: -BOX / 2, y: 0, width: BOX, height: HIGH, rx: kind ? 19 : 6 }), first, second, full);
    svg.append(box);
  };
  graph.nodes.forEach((node, i) => {
    const gives = node.output.split(", ").filter((name) => graph.outputs.includes(name));
    draw(i, node.op.split("{")[0], `${node.output} = (${node.inputs.join(", ")})${gives.length ? " ⇒" : ""}`, "");
  });
  names.forEach((name, i) => draw(size + i, name, "input", "root"));
  return svg;
}
