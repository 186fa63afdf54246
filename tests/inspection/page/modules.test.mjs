// The page's modules where logic hides: run by test_modules.py, in a folder that holds the modules and a recording.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { firstView, fromHash, toHash } from "./address.js";
import { foldOf, port, wire } from "./geometry.js";
import { kindOf } from "./kinds.js";
import { layers } from "./layers.js";
import { duration, plainNumber, share, size, ulpText, valueText } from "./numbers.js";
import { Story, latest, legible, readRecording } from "./recording.js";
import { Side } from "./side.js";
import { Store } from "./store.js";

const file = JSON.parse(readFileSync("recording.json", "utf8"));
const expected = JSON.parse(readFileSync("expected.json", "utf8"));
const drawn = JSON.parse(readFileSync("drawn.json", "utf8"));

test("a recording replays to the snapshots that Python has", () => {
  const story = new Story(readRecording(file));
  assert.equal(story.last, expected.snapshots.length - 1);
  expected.snapshots.forEach((snapshot, i) => {
    assert.deepEqual(story.nodesAt(i), Object.keys(snapshot.nodes).map(Number).sort((a, b) => a - b));
    for (const [node, inputs] of Object.entries(snapshot.nodes)) assert.deepEqual(story.inputsAt(Number(node), i), inputs);
    assert.deepEqual(snapshot.outputs, snapshot.outputs.map((_, k) => story.outputAt(k, i)));
    assert.equal(story.nodeCounts[i], Object.keys(snapshot.nodes).length);
    assert.equal(story.nonfinite[i], snapshot.nonfinite);
  });
});

test("edges are those of the snapshots, constants left out", () => {
  const recording = readRecording(file), story = new Story(recording);
  for (const at of [0, 1, Math.floor(story.last / 2), story.last]) {
    const found = story.edges.filter((edge) => edge.from <= at && at <= edge.to).map((edge) => `${edge.node} ${edge.position} ${edge.variable}`).sort();
    const wanted = story.nodesAt(at).flatMap((node) => story.inputsAt(node, at).map((variable, i) => [variable, `${node} ${i} ${variable}`])).filter(([variable]) => recording.variables[variable].kind !== "constant").map(([, text]) => text).sort();
    assert.deepEqual(found, wanted);
  }
});

test("a node that is merged away lives on in the one that was there", () => {
  const recording = readRecording(file), story = new Story(recording);
  let merged = 0;
  recording.steps.forEach((step, i) => {
    if (step.come.length || step.gone.length !== 1 || !step.replaced.length) return;
    const [[old, now]] = step.replaced;
    const [node] = step.gone;
    if (recording.variables[old].owner !== node) return;
    const { owner } = recording.variables[now];
    if (owner === null) { assert.deepEqual(story.became.get(node), [now]); return; }
    merged++;
    assert.ok(story.successors(node).includes(owner));
    assert.ok(story.stands(owner, i + 1));
  });
  assert.ok(merged > 3);
});

test("lines and parts of a node are the same with and without Python's help", () => {
  const helped = new Side({ label: "", file, drawn }), alone = new Side({ label: "", file, drawn: null });
  for (let node = 0; node < helped.recording.nodes.length; node++) assert.deepEqual(alone.lines(node), helped.lines(node));
});

test("a damaged or foreign file is refused in words", () => {
  assert.throws(() => readRecording({ format: "other" }), /no recording/);
  assert.throws(() => readRecording({ ...file, version: 1 }), /version 1; this page reads version/);
  assert.throws(() => readRecording(null), /no recording/);
});

test("floats that JSON cannot hold", () => {
  const made = readRecording({ ...file, recording: { ...file.recording, seconds: { float: "NaN" } } });
  assert.ok(Number.isNaN(made.seconds));
});

test("what moves a cursor is shown as an escape", () => {
  assert.equal(legible("a\u202eb\u0000c"), "a\\u{202e}b\\u{0}c");
  assert.equal(legible("π 漢"), "π 漢");
  assert.match(legible("x".repeat(5000)), /… \(5000 characters\)$/);
});

test("an address says the view, and what is wrong in it is left aside", () => {
  const limits = { moments: 100, sides: [{ nodes: 50, lines: 3 }, { nodes: 60, lines: 3 }] };
  const view = { ...firstView(), moment: 70, node: 27, colour: "values", fold: ["rows", "shapes"], panel: "node", hide: "names", view: "after", line: 2, code: 12, side: 1 };
  assert.deepEqual({ ...firstView(), ...fromHash(toHash(view), limits) }, view);
  assert.equal(toHash(firstView()), "#step=0");
  const wrong = fromHash("#step=1e3&node=999&colour=<img>&fold=rows,evil&side=7&panel=x", limits);
  assert.deepEqual(wrong, { side: 0, node: null, line: null, code: null, fold: ["rows"] });
});

test("layers put every item below what it reads, and no two that meet in one place", () => {
  const items = Array.from({ length: 60 }, (_, id) => ({ id, reads: [id - 1, id - 7, id - 8].filter((read) => read >= 0 && (id * 7 + read) % 3 > 0), from: id % 5, to: (id % 5) + 3 }));
  const places = layers(items);
  for (const item of items) for (const read of item.reads) assert.ok(places.get(read).row < places.get(item.id).row);
  for (const a of items) for (const b of items) {
    const meet = a.from <= b.to + 1 && b.from <= a.to + 1;
    const [p, q] = [places.get(a.id), places.get(b.id)];
    if (a !== b && meet) assert.ok(p.row !== q.row || p.column !== q.column);
  }
  const cycle = layers([{ id: 0, reads: [1] }, { id: 1, reads: [0] }]);
  assert.equal(cycle.size, 2);
});

test("a fold keeps the order, and takes out only what holds nothing", () => {
  const layout = { box: 100, rows: 10, left: 0, right: 3000, nodes: {}, roots: {}, lanes: {} };
  const fold = foldOf(layout, [{ x: 100, row: 1 }, { x: 2800, row: 8 }]);
  const plain = foldOf(layout, null);
  for (let x = 0; x < 3000; x += 50) assert.ok(fold.x(x) <= fold.x(x + 50));
  for (let row = 0; row < 9; row++) assert.ok(fold.y(row) < fold.y(row + 1));
  assert.ok(fold.x(2800) < plain.x(2800) / 3 && fold.y(8) < plain.y(8) / 2);
  assert.equal(fold.x(130) - fold.x(90), 40); // within a box nothing shrinks
});

test("a wire begins below one box and ends above the other", () => {
  assert.match(wire({ x: 10, y: 0 }, { x: 10, y: 100 }, []), /^M10 40V100$/);
  assert.match(wire({ x: 10, y: 0 }, { x: 30, y: 200 }, [{ x: 50, top: 68, bottom: 108 }]), /^M10 40C.* 50 68V108C.* 30 200$/);
  assert.equal(port(0, 100, 0, 1), 0);
});

test("kinds, by the class of the Op", () => {
  const op = (kind, scalar = "", inner = null) => ({ kind, scalar, inner, name: "" });
  assert.equal(kindOf(op("pytensor.tensor.math.Dot")), "product");
  assert.equal(kindOf(op("pytensor.tensor.elemwise.Elemwise", "pytensor.scalar.basic.Exp")), "elementwise");
  assert.equal(kindOf(op("pytensor.tensor.elemwise.Elemwise", "pytensor.scalar.basic.Composite", {})), "fused");
  assert.equal(kindOf(op("pytensor.tensor.elemwise.DimShuffle")), "shape");
  assert.equal(kindOf(op("pytensor.tensor.subtensor.AdvancedSubtensor")), "indexing");
  assert.equal(kindOf(op("pytensor.scan.op.Scan", "", {})), "graph");
  assert.equal(kindOf(op("somebody.Own")), "other");
});

test("numbers as people read them", () => {
  assert.deepEqual([0.000131, 1.5, 2e-9, null].map(duration), ["131 µs", "1.5 s", "2 ns", "?"]);
  assert.equal(size(2515072), "2.52 MB");
  assert.deepEqual([0.753, 0.004, 0].map(share), ["75 %", "0.4 %", "0 %"]);
  assert.deepEqual([NaN, Infinity, -Infinity, 1 / 3].map(plainNumber), ["NaN", "∞", "−∞", "0.3333"]);
  assert.equal(valueText({ nan: 2, inf: 0, min: 0, max: 1, problem: "" }), "2 NaN, 0 … 1");
  assert.equal(valueText({ nan: 2, inf: 1, min: null, max: null, problem: "" }), "2 NaN, 1 infinite");
  assert.equal(valueText(null), "not known");
  assert.equal(ulpText(8), "8 ulp (3.0 bits)");
  assert.equal(ulpText(null), "no entry is finite");
  assert.equal(latest([[0, "a"], [5, "b"]], 4, (entry) => entry[0])[1], "a");
});

test("stepping skips what is hidden, and finds what changed numbers", () => {
  globalThis.requestAnimationFrame = (then) => then();
  const side = new Side({ label: "", file, drawn });
  const moments = Array.from({ length: side.story.last + 1 }, (_, i) => [i, 0, true]);
  const store = new Store(firstView(), { moments, partsAt: null, valuesPartAt: null, sides: [side] });
  const loud = expected.verdicts.map((verdict, i) => [verdict, i + 1]).filter(([verdict]) => ["repaired", "broke", "changed"].includes(verdict)).map(([, step]) => step);
  for (const step of [...loud, loud[0]]) { store.goNumbers(); assert.equal(store.view.moment, step); }
  store.set({ moment: 0, hide: "numbers" });
  const moving = expected.verdicts.map((verdict, i) => [verdict, i + 1]).filter(([verdict]) => verdict !== "identical").map(([, step]) => step);
  for (const step of moving) { store.go(1); assert.equal(store.view.moment, step); }
  store.set({ moment: 0, hide: "nothing" });
  store.goPhase(1);
  assert.equal(store.view.moment, side.phases[0].from);
  store.goPhase(1);
  assert.equal(store.view.moment, side.phases[1].from);
  store.goPhase(-1);
  assert.equal(store.view.moment, side.phases[0].from);
  store.select(side.recording.steps[loud[0] - 1].gone[0]);
  assert.ok(side.story.stands(store.view.node, store.snapshot()));
});
