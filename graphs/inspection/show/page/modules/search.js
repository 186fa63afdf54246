// Find a rule, an Op or a node by what it is called.

const { html, useState } = htmPreact;

/** @typedef {import("./store.js").Store} Store */
/** @typedef {{text: string, detail: string, go: () => void}} Found */

const MOST = 12;

/** Rules, then nodes of the graph at hand, whose text contains what is looked for. @param {Store} store @param {string} text @returns {Found[]} */
export function find(store, text) {
  const wanted = text.trim().toLowerCase();
  if (!wanted) return [];
  const { side: index } = store.view;
  const side = store.book.sides[index];
  /** @type {Found[]} */
  const found = [];
  /** @type {Map<number, number[]>} */
  const steps = new Map();
  side.recording.steps.forEach((/** @type {any} */ step, /** @type {number} */ i) => { const list = steps.get(step.rule); if (list) list.push(i + 1); else steps.set(step.rule, [i + 1]); });
  for (const [rule, numbers] of steps) {
    if (!side.recording.rules[rule].name.toLowerCase().includes(wanted)) continue;
    const next = numbers.find((step) => store.momentOf(index, step) > store.view.moment) ?? numbers[0];
    found.push({ text: side.recording.rules[rule].name, detail: `rule, ${numbers.length} steps; to step ${next}`, go: () => store.set({ moment: store.momentOf(index, next), panel: "step" }) });
  }
  const snapshot = store.snapshot();
  for (const node of side.story.nodesAt(snapshot)) {
    const [word, formula] = side.labelOf(node, snapshot);
    const op = side.recording.ops[side.recording.nodes[node].op].name;
    if (!`#${node} ${word} ${formula} ${op}`.toLowerCase().includes(wanted)) continue;
    found.push({ text: `#${node} ${word}`, detail: formula || op, go: () => store.select(node, index, snapshot) });
    if (found.length > 200) break;
  }
  return found;
}

/** @param {{store: Store}} props */
export function Search({ store }) {
  const [text, type] = useState("");
  const [at, move] = useState(0);
  const found = find(store, text);
  const shown = found.slice(0, MOST);
  const go = (/** @type {Found} */ one) => { one.go(); type(""); move(0); };
  const key = (/** @type {KeyboardEvent} */ event) => {
    event.stopPropagation();
    if (event.key === "Escape") { type(""); /** @type {HTMLElement} */ (event.target).blur(); }
    if (event.key === "Enter" && shown[at]) { go(shown[at]); /** @type {HTMLElement} */ (event.target).blur(); }
    if (event.key === "ArrowDown" || event.key === "ArrowUp") { event.preventDefault(); move(Math.min(Math.max(at + (event.key === "ArrowDown" ? 1 : -1), 0), Math.max(shown.length - 1, 0))); }
  };
  return html`<div class="search"><input id="search" type="text" role="combobox" aria-label="Search rules and nodes" placeholder="search rules and nodes ( / )" autocomplete="off"
      aria-expanded=${shown.length > 0} aria-controls="found" aria-activedescendant=${shown.length ? `found-${at}` : null}
      value=${text} onInput=${(/** @type {any} */ event) => { type(event.target.value); move(0); }} onKeyDown=${key} />
    <ul id="found" role="listbox" aria-label="Found" hidden=${!shown.length}>${shown.map((one, i) => html`<li id=${`found-${i}`} role="option" aria-selected=${i === at} onMouseDown=${(/** @type {Event} */ event) => { event.preventDefault(); go(one); }}>${one.text} <span class="dim">${one.detail}</span></li>`)}</ul>
    ${text && !shown.length && html`<p class="dim" role="status">nothing of that name in the graph at hand</p>`}${found.length > MOST && html`<p class="dim">${found.length - MOST} more</p>`}</div>`;
}
