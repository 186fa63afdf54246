// The parts of the page around the graph: the answer at its top, the controls, what if, what runs, everything as tables.

import { Copy, NodeLink, StepLink } from "./details.js";
import { drawInside } from "./inside.js";
import { KINDS, kindOf } from "./kinds.js";
import { COLOURS, HIDES, VIEWS } from "./address.js";
import { Search } from "./search.js";
import { duration, share, valueText } from "./numbers.js";
import { VERDICT_WORDS } from "./timeline.js";

const { html, useState, useEffect, useRef } = htmPreact;

/** @typedef {import("./store.js").Store} Store */
/** @typedef {import("./side.js").Side} Side */

/** The answer: what was made of what, what was repaired, where the time goes. @param {{store: Store}} props */
export function Answer({ store }) {
  return html`${store.book.sides.map((side, index) => html`<section aria-label=${`The answer${side.label ? `, ${side.label}` : ""}`}>
    ${side.label && html`<h2>${side.label}</h2>`}
    <p class="story">${(side.drawn?.story ?? plainStory(side)).map((/** @type {any[]} */ sentence) => html`${sentence.map((piece) => (typeof piece === "string" ? piece : html`<${Told} store=${store} side=${side} index=${index} piece=${piece} />`))} `)}</p>
    <${Outputs} store=${store} side=${side} index=${index} />
  </section>`)}${store.book.sides.length > 1 && html`<${Parting} store=${store} />`}`;
}

/** @param {{store: Store, side: Side, index: number, piece: any[]}} props */
function Told({ store, side, index, piece }) {
  const [text, step, node, snapshot] = piece;
  const go = () => { show("walk"); if (node !== null && node !== undefined) store.select(node, index, snapshot ?? undefined); else store.set({ moment: store.momentOf(index, step), side: index, panel: "step" }); };
  return html`<button class="link" onClick=${go}>${text}</button>`;
}

/** @param {string} id */
export function show(id) {
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  document.getElementById(id)?.scrollIntoView({ behavior: calm ? "auto" : "smooth", block: "start" });
}

/** For a recording that came without sentences. @param {Side} side */
function plainStory(side) {
  const { nodeCounts, last } = side.story;
  return [[`The graph as written has ${nodeCounts[0]} nodes. ${last} rewrites made ${nodeCounts[last]} of it.`], ["This recording was opened here: places and names are found by this page; formulas, costs and sentences are those of graphs inspect --load FILE --html PAGE."]];
}

/** @param {{store: Store, side: Side, index: number}} props */
function Outputs({ store, side, index }) {
  const values = side.recording.evaluation?.outputs;
  if (!values) return html`<p class="dim">No values were computed, so nothing is known of what steps did to them.</p>`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Outputs"><table><caption class="hidden">Every output as written and as compiled</caption><thead><tr><th>output</th><th>as written</th><th>as compiled</th><th>repaired by</th></tr></thead><tbody>
    ${values.map((/** @type {any} */ value) => {
      const spec = side.recording.outputs[value.output], called = value.called ?? value.last;
      return html`<tr><th scope="row">${spec.name}${spec.updates !== null ? " (update)" : ""}</th><td class=${value.first.nan + value.first.inf ? "bad" : ""}>${valueText(value.first)}</td><td class=${called.nan + called.inf ? "bad" : ""}>${valueText(called)}</td><td>${value.rescued_by.map((/** @type {number} */ step, /** @type {number} */ i) => html`${i > 0 && ", "}<${StepLink} store=${store} step=${step} index=${index}>step ${step}, ${side.rule(step).name}</${StepLink}>`)}</td></tr>`;
    })}</tbody></table></div>`;
}

/** Where two stories part. @param {{store: Store}} props */
function Parting({ store }) {
  const { sides, moments, partsAt, valuesPartAt } = store.book;
  const both = moments.filter((moment, i) => i > 0 && moment[2]).length;
  const to = (/** @type {number} */ row, /** @type {string} */ text) => html`<button class="link" onClick=${() => { show("walk"); store.set({ moment: row + 1, panel: "step" }); }}>${text}</button>`;
  return html`<p class="story">${both} steps are in common, ${sides[0].story.last - both} only in ${sides[0].label}, ${sides[1].story.last - both} only in ${sides[1].label}.
    ${partsAt === null ? " They are one story." : html` ${to(partsAt, `They part after ${partsAt} steps`)}.`}${valuesPartAt !== null && html` ${to(valuesPartAt, "The values part here")}.`}</p>`;
}

const SAID = {
  view: { both: "before and after", before: "before", after: "after" },
  colour: { kind: "kind of Op", origin: "origin", phase: "phase born", time: "time", bytes: "bytes moved", values: "health of values" },
  hide: { nothing: "no step", names: "those that change only names", numbers: "those that keep all numbers" },
  fold: { rows: "empty rows and columns", shapes: "shapes and views", forward: "the forward part", constants: "" },
};

/** @param {{store: Store, view: any, pictures: any}} props */
export function Controls({ store, view, pictures }) {
  const choice = (/** @type {"view" | "colour" | "hide"} */ key, /** @type {string} */ label, /** @type {string[]} */ options) => html`<label>${label} <select id=${`control-${key}`} value=${view[key]} onChange=${(/** @type {any} */ event) => store.set({ [key]: event.target.value })}>${options.map((name) => html`<option value=${name} selected=${view[key] === name}>${/** @type {any} */ (SAID[key])[name]}</option>`)}</select></label>`;
  const toggle = (/** @type {string} */ name, /** @type {string} */ label) => html`<label><input type="checkbox" id=${`fold-${name}`} checked=${view.fold.includes(name)} onChange=${(/** @type {any} */ event) => store.set({ fold: event.target.checked ? [...view.fold, name] : view.fold.filter((/** @type {string} */ other) => other !== name) })} /> ${label}</label>`;
  const side = store.book.sides[view.side];
  const at = store.step();
  return html`<div class="bar">
      <span class="buttons" role="group" aria-label="Steps">
        <button title="first (Home)" aria-label="as written" onClick=${() => store.set({ moment: 0, panel: "step" })}>|◀</button><button title="back (←)" aria-label="step back" onClick=${() => store.go(-1)}>◀</button><button title="on (→)" aria-label="step on" onClick=${() => store.go(1)}>▶</button><button title="last (End)" aria-label="as compiled" onClick=${() => store.set({ moment: store.last, panel: "step" })}>▶|</button>
        <button title="next step that changed numbers (r)" onClick=${() => store.goNumbers()}>next that changed numbers</button>
      </span>
      <span class="where">${at ? `step ${at} of ${side.story.last}` : view.moment ? `after step ${store.snapshot()}` : "as written"}</span>
      <${Search} store=${store} />
      <button title="keys (?)" onClick=${() => /** @type {any} */ (document.getElementById("keys")).showModal()}>? keys</button>
    </div>
    <details class="options" open=${innerWidth > 500}><summary>what is shown</summary><div class="bar">
      ${choice("hide", "hide", HIDES)}${choice("view", "show", VIEWS)}${choice("colour", "colour by", COLOURS)}
      <span class="buttons" role="group" aria-label="Fold">fold: ${toggle("rows", "empty rows and columns")}${toggle("shapes", "shapes and views")}${toggle("forward", "forward part")}</span>
      ${toggle("constants", "constants")}
      <span class="buttons" role="group" aria-label="Zoom"><button aria-label="zoom in" title="+" onClick=${() => pictures().forEach((/** @type {any} */ p) => p.sight.scale(1.25))}>+</button><button aria-label="zoom out" title="-" onClick=${() => pictures().forEach((/** @type {any} */ p) => p.sight.scale(0.8))}>−</button><button title="0" onClick=${() => pictures().forEach((/** @type {any} */ p) => p.sight.fit())}>fit</button></span>
      ${store.book.sides.some((one) => one.isOverview && one.open >= 0) && html`<button onClick=${() => pictures().forEach((/** @type {any} */ p) => p.openGroup(-1))}>close the group</button>`}
    </div>
    <${Colours} view=${view} side=${side} /></details>`;
}

/** What the colours and signs mean. @param {{view: any, side: Side}} props */
function Colours({ view, side }) {
  const items = {
    kind: Object.values(KINDS).map((kind) => [`k${kind.colour}`, kind.sign, kind.name]),
    origin: [["k2", "F", "forward"], ["k4", "G", "gradient"], ["k7", "U", "update"], ["k1", "C", "made by the compiler"]],
    phase: [["k0", "0", "as written"], ...side.phases.map((phase, i) => [`k${(i % 7) + 1}`, String(i + 1), phase.name])],
    time: [["s0", "", "little of a call"], ["s4", "", "much of a call"], ["k0", "", "not timed: only final nodes are"]],
    bytes: [["s0", "", "few bytes moved"], ["s4", "", "many"], ["k0", "", "not known"]],
    values: [["well", "✓", "finite"], ["bad", "✕", "some entries are not"], ["k0", "?", "not known"]],
  }[/** @type {"kind"} */ (view.colour)];
  return html`<ul class="key" aria-label="Colours">${items.slice(0, 12).map(([kind, sign, name]) => html`<li><span class=${`chip ${kind}`}>${sign}</span> ${name}</li>`)}<li><span class="chip goes">−</span> goes out</li><li><span class="chip comes">+</span> comes in</li></ul>`;
}

/** @param {{store: Store}} props */
export function Beginnings({ store }) {
  const found = store.book.sides.flatMap((side, index) => (side.drawn?.beginnings ?? []).map((/** @type {any} */ row) => ({ side, index, row })));
  if (!found.length) return null;
  return html`<section aria-label="Where values stop being finite"><h2>Where values stop being finite</h2>${found.map(({ side, index, row: [snapshot, node, names, told, lines, write, way] }) => html`<div class="card">
    <p><strong>${names.join(", ")}</strong> <span class="dim">${snapshot ? "as compiled" : "as written"}${side.label && `, ${side.label}`}</span><br />${node === null ? told : html`<button class="link" onClick=${() => { show("walk"); store.set({ colour: "values" }); store.select(node, index, snapshot); }}>${told}</button>`}</p>
    ${lines.map((/** @type {string[]} */ [where, text]) => html`<p class="dim">${where} <code>${text}</code></p>`)}
    ${write && html`<p>What helps: ${write}</p>`}${way && html`<p class="dim">It spreads: ${way}</p>`}</div>`)}</section>`;
}

/** @param {{store: Store}} props */
export function WhatIf({ store }) {
  const any = store.book.sides.some((side) => side.recording.counterfactuals?.length);
  if (!any) return null;
  return html`<section id="whatif" aria-label="What if a rule were off"><h2>What if a rule were off?</h2>
    <p class="dim">Each rule was left out once, and the function compiled and called again. Switch one off to see what came of it.</p>
    ${store.book.sides.map((side) => html`${side.label && html`<h3>${side.label}</h3>`}<div class="switches">${(side.recording.counterfactuals ?? []).map((/** @type {any} */ found) => html`<${Switch} store=${store} side=${side} found=${found} />`)}</div>`)}</section>`;
}

/** @param {{store: Store, side: Side, found: any}} props */
function Switch({ store, side, found }) {
  const [isOn, turn] = useState(true);
  const host = useRef(null);
  const given = new Set(side.recording.inputs.map((/** @type {number} */ number) => side.recording.variables[number].name));
  const isInput = (/** @type {string} */ one) => given.has(one) || /^input\d+$/.test(one);
  const rule = side.recording.rules[found.rule];
  const name = rule.name + (found.also ? ` and ${found.also}` : "");
  const final = side.story.nodeCounts[side.story.last];
  useEffect(() => { if (!isOn && found.graph && host.current) /** @type {any} */ (host.current).replaceChildren(drawInside(found.graph, `the final graph without ${name}`, isInput)); });
  const broke = found.outputs.filter((/** @type {any} */ change) => change.broke).reduce((/** @type {number} */ sum, /** @type {any} */ change) => sum + change.broke, 0);
  const moved = found.outputs.filter((/** @type {any} */ change) => change.verdict !== "identical");
  const code = found.excluded.length ? `mode.excluding(${found.excluded.map((/** @type {string} */ one) => JSON.stringify(one)).join(", ")})` : "";
  return html`<div class=${`switch ${found.carries_weight ? "heavy" : ""}`}>
    <button role="switch" aria-checked=${isOn} onClick=${() => turn(!isOn)}><span class="knob" aria-hidden="true"></span> ${name}</button>
    ${found.carries_weight && html` <span class="tag">carries weight</span>`}
    ${!isOn && html`<div class="outcome">
      ${found.problem && html`<p class="bad">${found.problem}</p>`}
      <dl><dt>final graph</dt><dd>${found.nodes === null ? "not known" : `${found.nodes} nodes instead of ${final}`}</dd>
        <dt>values</dt><dd>${moved.length ? moved.map((/** @type {any} */ change, /** @type {number} */ i) => html`${i > 0 && ", "}${side.recording.outputs[change.output].name}: <span class=${change.broke ? "bad" : ""}>${change.broke ? `${change.broke} not finite` : VERDICT_WORDS[/** @type {"rounding"} */ (change.verdict)]}</span>`) : found.verdict === "unknown" ? "not known" : "the same bits"}${found.formula !== found.verdict && found.formula !== "unknown" && found.verdict !== "unknown" ? ` as called; run Op by Op: ${VERDICT_WORDS[/** @type {"rounding"} */ (found.formula)]}` : ""}</dd>
        <dt>not finite</dt><dd>${found.verdict === "unknown" ? "not known" : `${broke} entries more`}</dd>
        <dt>one call</dt><dd>${found.seconds ? `${duration(found.seconds.median)}${found.ratio === null ? "" : `, ${found.ratio.toFixed(2)} × the time with it`}` : "not timed"}</dd>
        <dt>fired</dt><dd>${found.fired} times</dd>
        <dt>to type</dt><dd>${code ? html`<${Copy} text=${code} />` : "PyTensor's database has no name for it"}${found.also && ` and ${found.also} off`}</dd></dl>
      ${found.graph ? html`<p>The final graph without it:</p><div class="scroll inside" tabindex="0" role="region" aria-label=${`The final graph without ${name}`} ref=${host}></div><${InnerTable} graph=${found.graph} />` : found.nodes !== null && html`<p>The final graph is the same. <${StepLink} store=${store} step=${side.story.last} index=${store.book.sides.indexOf(side)}>look at it</${StepLink}></p>`}
    </div>`}</div>`;
}

/** @param {{graph: any}} props */
function InnerTable({ graph }) {
  return html`<details><summary>as a table</summary><table><thead><tr><th>result</th><th>operation</th><th>reads</th></tr></thead><tbody>${graph.nodes.map((/** @type {any} */ node) => html`<tr><td>${node.output}</td><td>${node.op}</td><td>${node.inputs.join(", ")}</td></tr>`)}</tbody></table></details>`;
}

/** Where the time to the first result went: one bar, a row for each part. @param {{store: Store}} props */
export function FirstResult({ store }) {
  const known = store.book.sides.filter((side) => side.drawn?.start?.length);
  if (!known.length) return null;
  return html`<section aria-label="Where the time to the first result went"><h2>Where the time to the first result went</h2>
    ${known.map((side) => { const rows = side.drawn.start; const whole = rows.reduce((/** @type {number} */ sum, /** @type {any[]} */ row) => sum + row[1], 0); let from = 0; return html`${side.label && html`<h3>${side.label}</h3>`}
    <div class="scroll" tabindex="0" role="region" aria-label="Parts of the time to the first result"><table class="fall"><caption class="hidden">Parts of the time to the first result, one after the other</caption><thead><tr><th>part</th><th class="number">time</th><th class="number">share</th><th><span class="hidden">its stretch of the bar</span></th></tr></thead><tbody>
    ${rows.map((/** @type {any[]} */ [name, seconds]) => { const start = from; from += seconds; return html`<tr><th scope="row">${name}</th><td class="number">${duration(seconds)}</td><td class="number">${whole ? share(seconds / whole) : ""}</td><td class="stretch"><span style=${{ "--from": `${whole ? 100 * start / whole : 0}%`, "--part": `${whole ? 100 * seconds / whole : 0}%` }}></span></td></tr>`; })}
    <tr><th scope="row">together</th><td class="number">${duration(whole)}</td><td></td><td></td></tr></tbody></table></div>
    <p class="dim">${side.drawn.start_said}</p>`; })}</section>`;
}

/** @param {{store: Store}} props */
export function Runs({ store }) {
  return html`<section aria-label="What runs in the end"><h2>What runs in the end</h2>${store.book.sides.map((side, index) => html`<${Final} store=${store} side=${side} index=${index} />`)}</section>`;
}

/** @param {{store: Store, side: Side, index: number}} props */
function Final({ store, side, index }) {
  const { recording, story } = side;
  const times = recording.measurements?.times;
  const timed = new Map((times?.nodes ?? []).map((/** @type {any} */ found) => [found.node, found.seconds?.median ?? 0]));
  const order = [...recording.final_order].sort((/** @type {number} */ a, /** @type {number} */ b) => /** @type {number} */ (timed.get(b) ?? 0) - /** @type {number} */ (timed.get(a) ?? 0));
  const whole = times?.call?.median;
  const parts = times ? [...times.around.map((/** @type {any} */ part) => [`${part.after ? "after" : "before"} the nodes: ${part.name}`, part.seconds.median]), ...(timed.size || !times.inside ? [] : [["all nodes, as one piece", times.inside.median]])] : [];
  return html`${side.label && html`<h3>${side.label}</h3>`}${times?.problem && html`<p>${times.problem}</p>`}
    <div class="scroll" tabindex="0" role="region" aria-label="Nodes of the final graph"><table><caption class="hidden">Nodes of the final graph, the slowest first</caption><thead><tr><th>node</th><th>what it computes</th>${times && html`<th class="number">time</th><th class="number">of a call</th>`}</tr></thead><tbody>
    ${order.slice(0, 60).map((/** @type {number} */ node) => { const [word, formula] = side.labelOf(node, story.last); const seconds = timed.get(node); return html`<tr><td><${NodeLink} store=${store} side=${side} node=${node} snapshot=${story.last} /></td><td>${word} <code>${formula}</code></td>${times && html`<td class="number">${seconds ? duration(/** @type {number} */ (seconds)) : ""}</td><td class="number">${seconds && whole ? html`<span class="barred" style=${{ "--part": `${100 * /** @type {number} */ (seconds) / whole}%` }}>${share(/** @type {number} */ (seconds) / whole)}</span>` : ""}</td>`}</tr>`; })}
    ${parts.map(([name, seconds]) => html`<tr class="dim"><td></td><td>${name}</td><td class="number">${duration(seconds)}</td><td class="number">${whole ? share(seconds / whole) : ""}</td></tr>`)}
    </tbody></table></div>${order.length > 60 && html`<p class="dim">and ${order.length - 60} more nodes</p>`}
    ${times?.call && html`<p class="dim">One call takes ${duration(times.call.median)} (${duration(times.call.q1)} – ${duration(times.call.q3)}), the median of ${times.rounds} rounds of ${times.calls} calls; ${times.method}.</p>`}`;
}

/** The same as tables: the graph at hand, and every step. @param {{store: Store, view: any}} props */
export function Tables({ store, view }) {
  const [isOpen, open] = useState(false);
  const [stepsOpen, openSteps] = useState(false);
  return html`<section aria-label="As tables"><h2>As tables</h2>
    <details id="nodes-table" onToggle=${(/** @type {any} */ event) => open(event.target.open)}><summary>The graph at hand, node by node</summary>${isOpen && store.book.sides.map((side, index) => html`<${NodesTable} store=${store} side=${side} index=${index} moment=${view.moment} />`)}</details>
    <details onToggle=${(/** @type {any} */ event) => openSteps(event.target.open)}><summary>Every step</summary>${stepsOpen && store.book.sides.map((side, index) => html`<${StepsTable} store=${store} side=${side} index=${index} />`)}</details></section>`;
}

/** @param {{store: Store, side: Side, index: number, moment: number}} props */
function NodesTable({ store, side, index, moment }) {
  const { story, recording } = side;
  const now = store.snapshot(index, moment), step = store.step(index, moment);
  const there = story.nodesAt(now), gone = step ? recording.steps[step - 1].gone : [];
  const come = new Set(step ? recording.steps[step - 1].come : []);
  const rows = [...gone.map((/** @type {number} */ node) => [node, now - 1, "− goes"]), ...there.map((node) => [node, now, come.has(node) ? "+ comes" : ""])];
  return html`<div class="scroll" tabindex="0" role="region" aria-label="The graph as a table"><table><caption>${side.label && `${side.label}, `}${step ? `step ${step}` : now ? `after step ${now}` : "as written"}: ${there.length} nodes</caption><thead><tr><th>node</th><th>change</th><th>computes</th><th>Op</th><th>type</th><th>value</th><th>reads</th></tr></thead><tbody>
    ${rows.slice(0, 500).map(([node, at, change]) => { const [word, formula] = side.labelOf(node, at); const variable = recording.nodes[node].outputs[0]; return html`<tr class=${change[0] === "−" ? "gone" : change ? "come" : ""}><td><${NodeLink} store=${store} side=${side} node=${node} snapshot=${at} /></td><td>${change}</td><td>${word} <code>${formula}</code></td><td>${KINDS[kindOf(recording.ops[recording.nodes[node].op])].name}</td><td>${recording.variables[variable].type}</td><td>${valueText(story.valueAt(variable, at))}</td><td>${story.inputsAt(node, at).map((read) => (recording.variables[read].owner === null ? side.variableName(read, at) : `#${recording.variables[read].owner}`)).join(", ")}</td></tr>`; })}
    </tbody></table></div>${rows.length > 500 && html`<p class="dim">and ${rows.length - 500} more nodes</p>`}`;
}

/** @param {{store: Store, side: Side, index: number}} props */
function StepsTable({ store, side, index }) {
  const { story, recording } = side;
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Every step"><table><caption>${side.label && `${side.label}, `}every step</caption><thead><tr><th>step</th><th>phase</th><th>rule</th><th>nodes</th><th>what it did to the outputs</th></tr></thead><tbody>
    ${recording.steps.slice(0, 3000).map((/** @type {any} */ made, /** @type {number} */ i) => html`<tr><td><${StepLink} store=${store} step=${i + 1} index=${index}>${i + 1}</${StepLink}></td><td>${made.phase}</td><td>${side.rule(i + 1).name}</td><td>${story.nodeCounts[i]} → ${story.nodeCounts[i + 1]}</td><td>${side.told(i + 1).effect || side.verdict(i + 1)}</td></tr>`)}
    </tbody></table></div>`;
}

/** Known stabilizing rewrites, and why some rule did not fire. @param {{store: Store}} props */
export function Asked({ store }) {
  return html`${store.book.sides.map((side, index) => html`
    ${side.recording.diagnoses?.length > 0 && html`<section aria-label="Known stabilizing rewrites"><h2>Known stabilizing rewrites${side.label && `, ${side.label}`}</h2>
      <div class="scroll" tabindex="0" role="region" aria-label="Table of known rewrites"><table><thead><tr><th>rewrite</th><th>fires here</th><th>finite</th><th>what to do</th></tr></thead><tbody>${side.recording.diagnoses.map((/** @type {any} */ tried) => html`<tr><td>${tried.name}</td><td>${tried.fires ? "✓ yes" : "✕ no"}</td><td>${tried.finite === null ? "not known" : tried.finite ? "✓ yes" : "✕ no"}</td><td>${tried.advice}</td></tr>`)}</tbody></table></div></section>`}
    ${side.recording.whys?.length > 0 && html`<section aria-label="Why did it not fire?"><h2>Why did it not fire?${side.label && ` ${side.label}`}</h2>${side.recording.whys.map((/** @type {any} */ why) => html`<div class="card"><p><strong>${why.rule}</strong>: ${why.answer}${why.steps.length > 0 && html` in ${why.steps.map((/** @type {number} */ step) => html`<${StepLink} store=${store} step=${step} index=${index} /> `)}`}</p>${why.places.map((/** @type {any} */ place) => html`<p><code>${place.formula}</code> ${place.test} <span class="dim">${place.source}</span></p>`)}${why.told.map((/** @type {string} */ told) => html`<p>${told}</p>`)}${why.include && html`<p>Brought in by <${Copy} text=${why.include} /></p>`}</div>`)}</section>`}`)}`;
}
