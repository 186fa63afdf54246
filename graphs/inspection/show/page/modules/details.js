// Beside the graph: the step, the chosen node with its life and its values, the user's lines, the code.

import { drawInside } from "./inside.js";
import { KINDS, kindOf } from "./kinds.js";
import { count, duration, plainNumber, shapeText, share, size, ulpText, valueText } from "./numbers.js";
import { VERDICT_WORDS } from "./timeline.js";

const { html, useState, useEffect, useRef } = htmPreact;

/** @typedef {import("./store.js").Store} Store */
/** @typedef {import("./side.js").Side} Side */

const TABS = { step: "Step", node: "Node", source: "Source", code: "Code" };

/** @param {{store: Store, view: any}} props */
export function Details({ store, view }) {
  const side = store.book.sides[view.side];
  const tabs = Object.keys(TABS);
  const turn = (/** @type {KeyboardEvent} */ event) => {
    const to = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!to) return;
    event.preventDefault(); event.stopPropagation();
    const panel = tabs[(tabs.indexOf(view.panel) + to + tabs.length) % tabs.length];
    store.set({ panel });
    document.getElementById(`tab-${panel}`)?.focus();
  };
  const Panel = { step: StepPanel, node: NodePanel, source: SourcePanel, code: CodePanel }[/** @type {"step"} */ (view.panel)];
  return html`<div class="tabs" role="tablist" aria-label="What is shown beside the graph" onKeyDown=${turn}>
      ${tabs.map((name) => html`<button role="tab" id=${`tab-${name}`} aria-selected=${view.panel === name} aria-controls="panel" tabindex=${view.panel === name ? 0 : -1} onClick=${() => store.set({ panel: name })}>${TABS[/** @type {"step"} */ (name)]}</button>`)}
    </div>
    <div class="panel" role="tabpanel" id="panel" tabindex="0" aria-labelledby=${`tab-${view.panel}`}>
      <${Panel} store=${store} view=${view} side=${side} />
    </div>`;
}

/** @param {{store: Store, side: Side, node: number, snapshot?: number, children?: any}} props */
export function NodeLink({ store, side, node, snapshot, children }) {
  const index = store.book.sides.indexOf(side);
  return html`<button class="link" onClick=${() => store.select(node, index, snapshot)}>${children ?? `#${node}`}</button>`;
}

/** @param {{store: Store, step: number, index?: number, children?: any}} props */
export function StepLink({ store, step, index = store.view.side, children }) {
  return html`<button class="link" onClick=${() => store.set({ moment: store.momentOf(index, step), side: index, panel: "step" })}>${children ?? `step ${step}`}</button>`;
}

/** @param {{text: string}} props */
export function Copy({ text }) {
  const [said, say] = useState("");
  const copy = async () => {
    try { await navigator.clipboard.writeText(text); say("copied"); } catch { say("select it and copy"); }
    setTimeout(() => say(""), 2000);
  };
  return html`<span class="copy"><code>${text}</code> <button onClick=${copy}>copy</button> <span role="status">${said}</span></span>`;
}

/** @param {{side: Side, number: number, store: Store}} props */
function Line({ side, number, store }) {
  const line = side.recording.lines[number];
  return html`<li><button class="link" onClick=${() => store.set({ line: number, side: store.book.sides.indexOf(side), panel: "source" })}>${line.file.split("/").pop()}:${line.line}</button> <code>${line.text}</code></li>`;
}

/** @param {{store: Store, view: any, side: Side}} props */
function StepPanel({ store, view, side: asked }) {
  // Of two recordings, the one that makes a step here.
  const { sides } = store.book;
  const index = [view.side, ...sides.keys()].find((one) => store.step(one)) ?? view.side;
  const side = sides[index] ?? asked;
  const snapshot = store.snapshot(index), step = store.step(index);
  if (!step) {
    const told = view.moment === 0 ? "The graph as it was written, before any rewrite." : `No step of this side here; its graph is the one after step ${snapshot}.`;
    return html`<h3>${view.moment === 0 ? "As written" : "No step"}</h3><p>${told}</p><p>${side.story.nodeCounts[snapshot]} nodes. → steps on; ? lists all keys.</p>
      <${Apart} side=${side} step=${snapshot} only=${true} />`;
  }
  const made = side.recording.steps[step - 1], rule = side.rule(step), told = side.told(step);
  const verdict = /** @type {"rounding"} */ (side.verdict(step));
  const lines = [...new Set([...made.gone, ...made.come].flatMap((node) => side.lines(node)))].sort((a, b) => a - b);
  return html`<h3><span class="dim">${side.label ? `${side.label}: step` : "Step"} ${step} of ${side.story.last} · ${made.phase}</span><br />${rule.name}</h3>
    ${rule.doc && html`<p class="dim">${rule.doc}</p>`}
    ${verdict && html`<p class=${`verdict ${verdict}`}><strong>${VERDICT_WORDS[verdict]}</strong>${told.effect && `: ${told.effect}`}</p>`}
    <p>${side.story.nodeCounts[step - 1]} nodes → ${side.story.nodeCounts[step]}, in ${duration(made.seconds)} with the search.${told.names ? " Only names changed." : ""}</p>
    ${told.pairs.map(([name, before, after]) => html`<div class="formulas">
        <p class="before"><span class="mark" aria-hidden="true">−</span><span class="word">before</span> <code>${name && `${name} = `}${before}</code></p>
        <p class="after"><span class="mark" aria-hidden="true">+</span><span class="word">after</span> <code>${after === before ? "the same formula" : after}</code></p>
      </div>`)}
    <${Nodes} title="Out" sign="−" kind="gone" nodes=${made.gone} snapshot=${step - 1} store=${store} side=${side} />
    <${Nodes} title="In" sign="+" kind="come" nodes=${made.come} snapshot=${step} store=${store} side=${side} />
    ${!made.gone.length && !made.come.length && html`<p>${made.changes.length} inputs now read another, equal variable.</p>`}
    <${Apart} side=${side} step=${step} />
    ${lines.length > 0 && html`<h4>Goes back to</h4><ul class="plain">${lines.map((number) => html`<${Line} side=${side} number=${number} store=${store} />`)}</ul>`}
    <h4>Without it</h4>
    <p>${side.drawn ? side.drawn.rules[made.rule] : rule.registered.length ? `mode.excluding(${rule.registered.map((/** @type {string} */ name) => `"${name}"`).join(", ")})` : "it cannot be left out"}</p>
    ${rule.source && html`<p class="dim">Defined in ${rule.source.file}:${rule.source.line}.</p>`}`;
}

/** @param {{title: string, sign: string, kind: string, nodes: number[], snapshot: number, store: Store, side: Side}} props */
function Nodes({ title, sign, kind, nodes, snapshot, store, side }) {
  if (!nodes.length) return null;
  const shown = nodes.slice(0, 12);
  return html`<h4>${title}</h4><ul class="plain">${shown.map((node) => {
    const [word, formula] = side.labelOf(node, snapshot);
    const value = side.story.valueAt(side.recording.nodes[node].outputs[0], snapshot);
    return html`<li class=${kind}><span class="mark" aria-hidden="true">${sign}</span> <${NodeLink} store=${store} side=${side} node=${node} snapshot=${snapshot} /> ${word} <code>${formula}</code>${value && html` <span class="dim">${valueText(value)}</span>`}</li>`;
  })}${nodes.length > shown.length && html`<li class="dim">and ${nodes.length - shown.length} more</li>`}</ul>`;
}

/** How far the outputs are from extended precision, before and after a step. @param {{side: Side, step: number, only?: boolean}} props */
function Apart({ side, step, only = false }) {
  const { references, distances } = side.recording.evaluation ?? {};
  if (!references?.length) return null;
  const rows = references.map((/** @type {any} */ reference) => {
    const of = distances.filter((/** @type {any} */ d) => d.output === reference.output);
    const before = of.filter((/** @type {any} */ d) => d.snapshot < step).pop(), after = of.filter((/** @type {any} */ d) => d.snapshot <= step).pop();
    const nodeBad = (/** @type {number} */ at) => { const value = side.story.valueAt(side.story.outputAt(reference.output, at), at); return value ? value.nan + value.inf : 0; };
    return { reference, name: side.recording.outputs[reference.output].name, before, after, bad: [nodeBad(Math.max(step - 1, 0)), nodeBad(step)] };
  }).filter((/** @type {any} */ row) => only || row.before?.ulp !== row.after?.ulp || row.bad[0] !== row.bad[1]);
  if (!rows.length) return null;
  const told = (/** @type {any} */ distance, /** @type {number} */ bad) => (distance ? `${ulpText(distance.ulp)}${bad ? `, ${bad} not finite` : ""}` : "not known");
  const doubtful = rows.filter((/** @type {any} */ row) => row.reference.doubt > 1);
  return html`<h4>How far from ${rows[0].reference.bits}-bit arithmetic</h4>
    <table><thead><tr><th>output</th>${!only && html`<th>before</th>`}<th>${only ? "here" : "after"}</th></tr></thead>
    <tbody>${rows.map((/** @type {any} */ row) => html`<tr><td>${row.name}</td>${!only && html`<td>${told(row.before, row.bad[0])}</td>`}<td>${told(row.after, row.bad[1])}</td></tr>`)}</tbody></table>
    <p class="dim">The largest distance of a finite entry, in units in the last place, from the graph after step ${[...new Set(rows.map((/** @type {any} */ row) => row.reference.snapshot))].join(" or ")} computed with a mantissa of ${rows[0].reference.bits} bits on the same inputs.${doubtful.length > 0 && ` The graph as written, computed so, lies ${doubtful.map((/** @type {any} */ row) => `${ulpText(row.reference.doubt)} from it for ${row.name}`).join(", ")}.`}</p>`;
}

/** @param {{store: Store, view: any, side: Side}} props */
function NodePanel({ store, view, side }) {
  const { node } = view;
  if (node === null) return html`<h3>No node is chosen</h3><p>Click one in the graph; or n and p go from one to the next, and / searches.</p>`;
  const { recording, story } = side;
  const here = store.snapshot();
  const stands = story.stands(node, here);
  const step = store.step();
  const at = stands ? here : step && story.stands(node, here - 1) ? here - 1 : story.spans[node][0] ?? 0;
  const described = recording.nodes[node], op = recording.ops[described.op];
  const [word, formula] = side.labelOf(node, at);
  const isFinal = story.stands(node, story.last);
  return html`<h3><span class="dim">Node #${node}${at === here ? "" : `, as after step ${at}`}</span><br />${word}</h3>
    <p><code>${formula}</code></p>
    ${at !== here && html`<p class="dim">It does not stand in the graph ${here ? `after step ${here}` : "as written"}.</p>`}
    <dl>
      <dt>Op</dt><dd>${op.name} <span class="dim">${op.kind}; ${KINDS[kindOf(op)].name}</span></dd>
      ${described.outputs.map((/** @type {number} */ variable) => html`<${Result} side=${side} variable=${variable} at=${at} />`)}
      <dt>Reads</dt><dd>${story.inputsAt(node, at).map((variable, i) => html`${i > 0 && ", "}<${Reads} store=${store} side=${side} variable=${variable} at=${at} />`)}</dd>
      <dt>Read by</dt><dd><${ReadBy} store=${store} side=${side} node=${node} at=${at} /></dd>
      ${isFinal && html`<${Runs} store=${store} side=${side} node=${node} />`}
    </dl>
    ${op.inner && html`<${Inside} inner=${op.inner} name=${op.name} />`}
    <${Life} store=${store} side=${side} node=${node} />`;
}

/** @param {{side: Side, variable: number, at: number}} props */
function Result({ side, variable, at }) {
  const described = side.recording.variables[variable], value = side.story.valueAt(variable, at), cells = side.story.cellsAt(variable, at);
  const outs = side.story.outputNames(variable, at);
  return html`<dt>${described.name || (outs.length ? outs.join(", ") : "Result")}</dt>
    <dd>${described.type}<br /><span class="dim">static shape ${shapeText(described.shape)}${value?.shape ? `, here ${shapeText(value.shape)}` : ""}</span>
    ${outs.length > 0 && html`<br />returned as ${outs.join(", ")}`}
    <br />${value ? html`<span class=${value.nan + value.inf ? "bad" : ""}>${valueText(value)}</span>` : html`<span class="dim">its value is not known</span>`}
    ${value && value.mean !== null && html`<span class="dim">, mean ${plainNumber(value.mean)}</span>`}
    ${cells && html`<${Cells} cells=${cells} value=${value} />`}</dd>`;
}

const CELLS = { n: ["NaN", "N"], "+": ["+∞", "+"], "-": ["−∞", "−"], ".": ["finite", ""] };

/** The entries of a value, or blocks of them. @param {{cells: any, value: any}} props */
function Cells({ cells, value }) {
  const [isOpen, open] = useState(false);
  const marks = [...cells.marks];
  const across = cells.columns || Math.min(marks.length, 20);
  const [high, wide] = cells.block;
  const bad = marks.map((mark, i) => [mark, i]).filter(([mark]) => mark !== ".");
  const where = (/** @type {number} */ i) => (cells.columns ? `[${Math.floor(i / across) * high}, ${(i % across) * wide}]` : `[${i * wide}]`);
  let number = 0;
  const entries = marks.map((mark, i) => {
    const known = mark === "." && cells.numbers.length ? plainNumber(cells.numbers[number++]) : "";
    const [name, sign] = CELLS[/** @type {"n"} */ (mark)];
    return html`<td class=${`cell m${mark === "." ? "f" : mark === "n" ? "n" : "i"}`} title=${`${where(i)} ${known || name}`}>${known || sign}</td>`;
  });
  const rows = [];
  for (let i = 0; i < entries.length; i += across) rows.push(html`<tr>${entries.slice(i, i + across)}</tr>`);
  const first = bad.slice(0, 3).map(([mark, i]) => `${CELLS[/** @type {"n"} */ (mark)][0]} at ${where(/** @type {number} */ (i))}`).join(", ");
  const told = `${bad.length ? `${bad.length} of ${marks.length} ${high * wide > 1 ? `blocks of ${high} × ${wide} entries` : "entries"} not finite: ${first}${bad.length > 3 ? " …" : ""}` : `${marks.length} entries, all finite`}`;
  return html`<div class="cells"><button aria-expanded=${isOpen} onClick=${() => open(!isOpen)}>${isOpen ? "hide the entries" : "show the entries"}</button>
    ${isOpen && html`<div class="scroll" tabindex="0" role="region" aria-label="Entries"><table class=${cells.numbers.length ? "numbers" : "map"}><caption>${told}${value.shape && value.shape.length > 2 ? `; its first ${value.shape.length - 1} axes as one` : ""}</caption><tbody>${rows}</tbody></table></div>`}</div>`;
}

/** @param {{store: Store, side: Side, variable: number, at: number}} props */
function Reads({ store, side, variable, at }) {
  const described = side.recording.variables[variable];
  if (described.owner === null) return html`${described.name || described.value || "an input"}`;
  return html`<${NodeLink} store=${store} side=${side} node=${described.owner} snapshot=${at}>#${described.owner} ${side.labelOf(described.owner, at)[0]}</${NodeLink}>`;
}

/** @param {{store: Store, side: Side, node: number, at: number}} props */
function ReadBy({ store, side, node, at }) {
  const readers = [...new Set(side.recording.nodes[node].outputs.flatMap((/** @type {number} */ variable) => side.story.readersAt(variable, at)))];
  if (!readers.length) return "nobody; the graph returns it";
  return html`${readers.slice(0, 20).map((reader, i) => html`${i > 0 && ", "}<${NodeLink} store=${store} side=${side} node=${reader} snapshot=${at}>#${reader} ${side.labelOf(/** @type {number} */ (reader), at)[0]}</${NodeLink}>`)}${readers.length > 20 && ` and ${readers.length - 20} more`}`;
}

/** Time and code of a node of the final graph. @param {{store: Store, side: Side, node: number}} props */
function Runs({ store, side, node }) {
  const { measurements } = side.recording;
  const timed = measurements?.times?.nodes.find((/** @type {any} */ found) => found.node === node);
  const call = measurements?.times?.call;
  const work = side.drawn?.node_work?.[node];
  const codes = (measurements?.code ?? []).filter((/** @type {any} */ code) => code.node === node);
  return html`${timed && html`<dt>Time</dt><dd>${timed.seconds ? `${duration(timed.seconds.median)} a call${call ? `, ${share(timed.seconds.median / call.median)} of it` : ""}` : timed.problem}</dd>`}
    ${work && html`<dt>Work</dt><dd>${work[0] === null ? "operations not known" : `${count(work[0])} operations`}, ${work[2] === null || work[3] === null ? "bytes not known" : `${size(work[2])} read, ${size(work[3])} written`}</dd>`}
    ${codes.length > 0 && html`<dt>Code</dt><dd>${codes.map((/** @type {any} */ code) => html`<button class="link" onClick=${() => store.set({ panel: "code", code: code.lines ? code.lines[0] : null })}>${code.language}${code.lines ? `, lines ${code.lines[0]}–${code.lines[1]}` : ""}</button> ${code.problem}${code.note}`)}</dd>`}`;
}

/** @param {{inner: any, name: string}} props */
function Inside({ inner, name }) {
  const [isOpen, open] = useState(false);
  const host = useRef(null);
  useEffect(() => { if (isOpen && host.current) /** @type {any} */ (host.current).replaceChildren(drawInside(inner, `inside ${name}`, (one) => /^i\d+$/.test(one))); });
  return html`<p><button aria-expanded=${isOpen} onClick=${() => open(!isOpen)}>${isOpen ? "close" : "open"} what is inside: ${inner.nodes.length} operations</button></p>
    ${isOpen && html`<div class="scroll inside" tabindex="0" role="region" aria-label="The graph inside" ref=${host}></div>
      <table><thead><tr><th>result</th><th>operation</th><th>reads</th></tr></thead><tbody>${inner.nodes.map((/** @type {any} */ node) => html`<tr><td>${node.output}${inner.outputs.includes(node.output) ? " ⇒" : ""}</td><td>${node.op}</td><td>${node.inputs.join(", ")}</td></tr>`)}</tbody></table>
      ${inner.nodes.filter((/** @type {any} */ node) => node.inner).map((/** @type {any} */ node) => html`<div class="nested"><p>${node.output} = ${node.op}</p><${Inside} inner=${node.inner} name=${node.op} /></div>`)}`}`;
}

/** From the user's expression over every rewrite to the code and its time. @param {{store: Store, side: Side, node: number}} props */
function Life({ store, side, node }) {
  const { recording, story } = side;
  const { before, after } = story.lineage(node);
  const final = after.filter((one) => story.stands(one, story.last));
  const birth = (/** @type {number} */ one) => story.spans[one][0] ?? 0;
  const death = (/** @type {number} */ one) => { const span = story.spans[one]; return span.length && span[span.length - 1] < story.last ? span[span.length - 1] + 1 : 0; };
  const lines = side.lines(node);
  const rule = (/** @type {number} */ step) => side.rule(step).name;
  const row = (/** @type {number} */ one) => {
    const born = birth(one), gone = death(one);
    const [word, formula] = side.labelOf(one, born);
    return html`<li class=${one === node ? "own" : ""}><${NodeLink} store=${store} side=${side} node=${one} snapshot=${born} /> ${word} <code>${formula}</code><br />
      <span class="dim">${born ? html`born by <${StepLink} store=${store} step=${born}>${rule(born)}, step ${born}</${StepLink}>` : "as written"}${(story.changed.get(one) ?? []).map((step) => html`, changed by <${StepLink} store=${store} step=${step}>step ${step}</${StepLink}>`)}${gone ? html`, gone at <${StepLink} store=${store} step=${gone}>step ${gone}, ${rule(gone)}</${StepLink}>` : ", stands in the end"}</span></li>`;
  };
  const line = [...before.filter((one) => story.spans[one].length), node].sort((a, b) => birth(a) - birth(b) || a - b);
  const earlier = Math.max(line.length - 25, 0);
  const heirs = story.successors(node);
  const values = (story.became.get(node) ?? []).filter((variable) => recording.variables[variable].owner === null).map((variable) => side.variableName(variable, story.last));
  return html`<h4>Its life</h4>
    ${lines.length > 0 && html`<p class="dim">written on</p><ul class="plain">${lines.map((number) => html`<${Line} side=${side} number=${number} store=${store} />`)}</ul>`}
    ${earlier > 0 && html`<p class="dim">${earlier} nodes before these</p>`}<ol class="plain life">${line.slice(earlier).map(row)}</ol>
    <p>${heirs.length ? html`Lives on in ${heirs.map((one, i) => html`${i > 0 && ", "}<${NodeLink} store=${store} side=${side} node=${one} snapshot=${birth(one)}>#${one} ${side.labelOf(one, birth(one))[0]}</${NodeLink}>`)}.` : ""}${values.length > 0 && ` It became ${values.join(", ")}.`}${!heirs.length && !values.length && death(node) ? "Nothing took its place: it was no longer read." : ""}
      ${final.length > 0 && html` In the end: ${final.map((one, i) => html`${i > 0 && ", "}<${NodeLink} store=${store} side=${side} node=${one} snapshot=${story.last}>#${one} ${side.labelOf(one, story.last)[0]}</${NodeLink}>`)}.`}</p>
    ${recording.measurements?.times && final.length > 0 && html`<dl>${final.slice(0, 6).map((one) => html`<dt>#${one}</dt><dd><dl><${Runs} store=${store} side=${side} node=${one} /></dl></dd>`)}</dl>`}`;
}

/** @param {{store: Store, view: any, side: Side}} props */
function SourcePanel({ store, view, side }) {
  const { lines } = side.recording;
  if (!lines.length) return html`<h3>Source</h3><p>No line of the user's is known.</p>`;
  const order = lines.map((/** @type {any} */ line, /** @type {number} */ i) => ({ ...line, i })).sort((/** @type {any} */ a, /** @type {any} */ b) => a.file.localeCompare(b.file) || a.line - b.line);
  const mine = new Set(view.node === null ? [] : side.lines(view.node));
  const files = [...new Set(order.map((/** @type {any} */ line) => line.file))];
  const here = store.snapshot();
  const standing = view.line === null ? [] : side.story.nodesAt(here).filter((node) => side.lines(node).includes(view.line));
  return html`<h3>Source</h3><p class="dim">Choose a line, and its nodes light up. ${mine.size > 0 && "Those of the chosen node are marked."}</p>
    ${files.map((file) => html`<h4>${file}</h4><ul class="plain code">${order.filter((/** @type {any} */ line) => line.file === file).map((/** @type {any} */ line) => html`<li><button class=${`line ${mine.has(line.i) ? "mine" : ""}`} aria-pressed=${view.line === line.i} onClick=${() => store.set({ line: view.line === line.i ? null : line.i })}><span class="dim">${line.line}</span> ${mine.has(line.i) ? "▸ " : ""}${line.text}</button></li>`)}</ul>`)}
    ${view.line !== null && html`<p>${standing.length} nodes of the graph at hand go back to it: ${standing.slice(0, 30).map((node, i) => html`${i > 0 && ", "}<${NodeLink} store=${store} side=${side} node=${node} snapshot=${here} />`)}</p>`}`;
}

/** @param {{store: Store, view: any, side: Side}} props */
function CodePanel({ store, view, side }) {
  const codes = side.recording.measurements?.code ?? [];
  const host = useRef(null);
  useEffect(() => { /** @type {any} */ (host.current)?.querySelector(".mine, [aria-pressed=true]")?.scrollIntoView({ block: "nearest" }); }, [view.node, view.code]);
  if (!codes.length) return html`<h3>Code</h3><p>No generated code was recorded. graphs inspect without --quick, or inspection.measure(), keeps it.</p>`;
  const wholes = codes.filter((/** @type {any} */ code) => code.node === null && code.text);
  const own = codes.filter((/** @type {any} */ code) => code.node === view.node && view.node !== null);
  const pressed = (/** @type {number} */ number) => { const of = codes.find((/** @type {any} */ code) => code.node !== null && code.lines && code.lines[0] <= number && number <= code.lines[1]); store.set({ code: view.code === number ? null : number, ...(of ? { node: of.node, moment: store.momentOf(view.side, side.story.last) } : {}) }); };
  return html`<h3>Code</h3><p class="dim">What the final graph became. Choose a line, and its node lights up.</p><div ref=${host}>
    ${own.filter((/** @type {any} */ code) => code.text || code.problem).map((/** @type {any} */ code) => html`<h4>Node #${code.node}: ${code.language}</h4>${code.note && html`<p>${code.note}</p>`}${code.problem && html`<p>${code.problem}</p>`}${code.text && html`<pre tabindex="0">${code.text}</pre>`}`)}
    ${wholes.map((/** @type {any} */ whole) => {
      const spans = codes.filter((/** @type {any} */ code) => code.node !== null && code.lines && code.language === whole.language);
      const mine = spans.filter((/** @type {any} */ code) => code.node === view.node);
      return html`<h4>The whole function: ${whole.language}</h4><div class="code scroll" tabindex="0" role="region" aria-label=${`The whole function, ${whole.language}`}>${whole.text.split("\n").slice(0, 4000).map((/** @type {string} */ text, /** @type {number} */ i) => {
        const number = i + 1, within = (/** @type {any[]} */ some) => some.some((code) => code.lines[0] <= number && number <= code.lines[1]);
        return within(spans)
          ? html`<button class=${`line ${within(mine) ? "mine" : ""}`} aria-pressed=${view.code === number} onClick=${() => pressed(number)}><span class="dim">${number}</span> ${within(mine) ? "▸" : ""}${text}</button>`
          : html`<div class="line"><span class="dim">${number}</span> ${text}</div>`;
      })}</div>`;
    })}</div>`;
}
