// Everything by keyboard.

const { html } = htmPreact;

/** @typedef {import("./store.js").Store} Store */

export const KEYS = [
  ["→ or k", "one step on"], ["← or j", "one step back"], ["↓", "next phase"], ["↑", "phase before"],
  ["Home, End", "as written, as compiled"], ["r", "next step that changed numbers: beyond rounding, if any did"], ["/", "search rules and nodes"],
  ["n, p", "next node, node before"], ["i, o", "first node that the chosen one reads; first that reads it"],
  ["b", "show before, after, or both"], ["c", "next colouring"], ["f", "fold empty rows and columns"],
  ["+, -, 0", "zoom in, out, fit"], ["Escape", "choose nothing"], ["?", "these keys"],
];

/** @param {() => Store | undefined} store the one that is shown now @param {() => any[]} pictures */
export function listenToKeys(store, pictures) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const target = /** @type {HTMLElement} */ (event.target);
    if (/^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) && !["checkbox", "button"].includes(/** @type {any} */ (target).type)) return;
    if (document.querySelector("dialog[open]") && event.key !== "?") return;
    const isBox = target.classList?.contains("box");
    // Where a region scrolls, ↑ and ↓ are its own.
    if ((event.key === "ArrowUp" || event.key === "ArrowDown") && target.closest?.(".scroll, .panel, pre")) return;
    if (isBox && (event.key === "Enter" || event.key === " ")) { event.preventDefault(); target.dispatchEvent(new MouseEvent("click", { bubbles: true })); return; }
    const shown = store();
    const does = shown && actions(shown, pictures)[event.key];
    if (!does) return;
    event.preventDefault();
    does();
  });
}

/** @param {Store} store @param {() => any[]} pictures @returns {Record<string, () => void>} */
function actions(store, pictures) {
  const { view } = store;
  const on = () => store.go(1), back = () => store.go(-1);
  const cycle = (/** @type {"view" | "colour"} */ key, /** @type {string[]} */ all) => store.set({ [key]: all[(all.indexOf(view[key]) + 1) % all.length] });
  return {
    ArrowRight: on, k: on, ArrowLeft: back, j: back,
    ArrowDown: () => store.goPhase(1), ArrowUp: () => store.goPhase(-1),
    Home: () => store.set({ moment: 0, panel: "step" }), End: () => store.set({ moment: store.last, panel: "step" }),
    r: () => store.goNumbers(),
    "/": () => document.getElementById("search")?.focus(),
    n: () => walk(store, 1), p: () => walk(store, -1),
    i: () => neighbour(store, "reads"), o: () => neighbour(store, "readers"),
    b: () => cycle("view", ["both", "before", "after"]),
    c: () => cycle("colour", ["kind", "origin", "phase", "time", "bytes", "values"]),
    f: () => store.set({ fold: view.fold.includes("rows") ? view.fold.filter((name) => name !== "rows") : [...view.fold, "rows"] }),
    "+": () => pictures().forEach((picture) => picture.sight.scale(1.25)), "=": () => pictures().forEach((picture) => picture.sight.scale(1.25)),
    "-": () => pictures().forEach((picture) => picture.sight.scale(0.8)), 0: () => pictures().forEach((picture) => picture.sight.fit()),
    Escape: () => store.set({ node: null, line: null, code: null, panel: "step" }),
    "?": () => { const dialog = /** @type {HTMLDialogElement | null} */ (document.getElementById("keys")); if (dialog?.open) dialog.close(); else dialog?.showModal(); },
  };
}

/** @param {Store} store @param {number} direction */
function walk(store, direction) {
  const nodes = store.book.sides[store.view.side].story.nodesAt(store.snapshot());
  const at = store.view.node === null ? -1 : nodes.indexOf(store.view.node);
  const next = at < 0 ? (direction > 0 ? 0 : nodes.length - 1) : (at + direction + nodes.length) % nodes.length;
  if (nodes.length) store.select(nodes[next]);
}

/** @param {Store} store @param {"reads" | "readers"} which */
function neighbour(store, which) {
  const { node, side } = store.view;
  const { story, recording } = store.book.sides[side];
  if (node === null) return;
  const here = store.snapshot();
  const found = which === "reads"
    ? story.inputsAt(node, here).map((variable) => recording.variables[variable].owner).filter((owner) => owner !== null)
    : recording.nodes[node].outputs.flatMap((/** @type {number} */ variable) => story.readersAt(variable, here));
  if (found.length) store.select(found[0]);
}

export function KeysDialog() {
  return html`<dialog id="keys" aria-label="Keys"><h2>Keys</h2><dl>${KEYS.map(([keys, does]) => html`<dt><kbd>${keys}</kbd></dt><dd>${does}</dd>`)}</dl><form method="dialog"><button>close</button></form></dialog>`;
}
