// The page as a whole: reads the data that stands in it, builds its parts, and keeps its address true.

import { firstView, fromHash, toHash } from "./address.js";
import { Side } from "./side.js";
import { Store } from "./store.js";
import { Timeline } from "./timeline.js";
import { Picture } from "./picture.js";
import { Details } from "./details.js";
import { Answer, Asked, Beginnings, Controls, FirstResult, Runs, Tables, WhatIf } from "./sections.js";
import { saveJson, savePng, saveSvg, takeDrops } from "./keeping.js";
import { KeysDialog, listenToKeys } from "./keys.js";

const { html, render } = htmPreact;

/** @typedef {import("./store.js").Book} Book */

/** @type {{store: Store, timelines: Timeline[], pictures: Picture[]} | null} */
let open = null;

/** @param {any} data @returns {Book} */
function bookOf(data) {
  const { moments, parts_at, values_part_at } = data.book;
  return { moments, partsAt: parts_at, valuesPartAt: values_part_at, sides: data.sides.map((/** @type {any} */ entry) => new Side(entry)) };
}

/** @param {Book} book */
function build(book) {
  const host = /** @type {HTMLElement} */ (document.getElementById("page"));
  const store = new Store(firstView(), book);
  Object.assign(store.view, { moment: opening(store) }, fromHash(location.hash, limitsOf(book)));
  const name = (book.sides[0].recording.name || "graph").replace(/[^\w.-]+/g, "_");
  render(null, host);
  render(html`<${Frame} store=${store} name=${name} />`, host);
  const find = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
  const timelines = book.sides.map((_, i) => new Timeline(find(`timeline-${i}`), store, i));
  const pictures = book.sides.map((_, i) => new Picture(find(`picture-${i}`), store, i));
  open = { store, timelines, pictures };
  let hide = store.view.hide, late = 0, told = 0;
  const show = () => {
    for (const timeline of timelines) { if (hide !== store.view.hide) timeline.redraw(); timeline.show(); }
    hide = store.view.hide;
    for (const picture of pictures) picture.show(store.view);
    render(html`<${Controls} store=${store} view=${{ ...store.view }} pictures=${() => pictures} />`, find("controls"));
    render(html`<${Details} store=${store} view=${{ ...store.view }} />`, find("details"));
    // What is long, or what browsers limit, follows when the hand rests.
    clearTimeout(late); clearTimeout(told);
    late = window.setTimeout(() => render(html`<${Tables} store=${store} view=${{ ...store.view }} />`, find("tables")), 200);
    told = window.setTimeout(() => address(toHash(store.view)), 150);
  };
  store.listen(show);
  show();
  for (const picture of pictures) picture.sight.home();
  show();
  render(html`<${Answer} store=${store} />`, find("answer"));
  render(html`<${Beginnings} store=${store} /><${WhatIf} store=${store} /><${FirstResult} store=${store} /><${Runs} store=${store} /><${Asked} store=${store} />`, find("more"));
}

/** The moment to open at: the first that repaired, broke or changed values; else the end. @param {Store} store */
function opening(store) {
  for (let moment = 1; moment <= store.last; moment++) if (store.moves(moment, true)) return moment;
  return store.last;
}

/** What an address may name. @param {Book} book */
function limitsOf(book) {
  return { moments: book.moments.length, sides: book.sides.map((side) => ({ nodes: side.recording.nodes.length, lines: side.recording.lines.length })) };
}

/** @param {string} hash */
function address(hash) {
  if (location.hash === hash) return;
  try { history.replaceState(null, "", hash); } catch { /* a frame of a notebook has no address of its own */ }
}

/** @param {{store: Store, name: string}} props */
function Frame({ store, name }) {
  const { sides } = store.book;
  const { versions = {}, machine = {} } = sides[0].recording.stamp ?? {};
  const known = ["pytensor", "numba", "numpy", "python"].filter((one) => versions[one]).map((one) => `${one} ${versions[one]}`).join(" · ");
  const picture = () => /** @type {any} */ (open).pictures[store.view.side];
  return html`<a class="skip" href="#walk" onClick=${(/** @type {Event} */ event) => { event.preventDefault(); document.getElementById("walk")?.focus(); }}>to the graph</a>
    <header><h1>${sides.map((side) => side.title).join(" and ")}</h1><p class="dim">${known}${machine?.cpu ? ` · ${machine.cpu}` : ""}</p>
      <span class="theme" role="group" aria-label="Theme">${["auto", "light", "dark"].map((theme) => html`<button id=${`theme-${theme}`} aria-pressed=${theme === "auto"} onClick=${() => turn(theme)}>${theme}</button>`)}</span></header>
    <p id="told" role="status"></p>
    <main><div id="answer"></div>
      <section id="walk" tabindex="-1" aria-label="Step by step">
        <h2 class="hidden">Step by step</h2>
        ${sides.map((_, i) => html`<div id=${`timeline-${i}`} class="timeline"></div>`)}
        <div id="controls"></div>
        <div class="beside"><div class=${`pictures ${sides.length > 1 ? "two" : ""}`}>${sides.map((side, i) => html`<figure>${side.label && html`<figcaption>${side.label}</figcaption>`}<div id=${`picture-${i}`} class="picture"></div></figure>`)}</div><div id="details"></div></div>
      </section>
      <div id="more"></div><div id="tables"></div>
    </main>
    <footer><span class="buttons" role="group" aria-label="Keep">
        <button onClick=${() => saveSvg(picture(), name)}>graph as SVG</button><button onClick=${() => savePng(picture(), name)}>graph as PNG</button><button onClick=${() => saveJson(sides[store.view.side].file, name)}>recording as JSON</button></span>
      <label class="file">open a recording, or drop one here <input type="file" id="file" accept=".json,application/json" onChange=${(/** @type {any} */ event) => take(event.target.files[0])} /></label>
      <p class="dim">Drawn from the recording alone. Bundled: htm 3.1.1 with Preact, uPlot 1.6.32.</p></footer>
    <${KeysDialog} />`;
}

/** @param {string} theme */
function turn(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme; else document.documentElement.dataset.theme = theme;
  for (const one of ["auto", "light", "dark"]) document.getElementById(`theme-${one}`)?.setAttribute("aria-pressed", String(one === theme));
  redraw();
}

function redraw() {
  for (const timeline of open?.timelines ?? []) timeline.redraw();
  for (const picture of open?.pictures ?? []) picture.sight.drawMap();
}

/** @param {string} text */
function say(text) {
  const told = document.getElementById("told");
  if (told) told.textContent = text;
}

/** @param {string} text @param {string} name */
function openText(text, name) {
  const before = open?.store.book;
  try {
    const side = new Side({ label: "", file: JSON.parse(text), drawn: null });
    const moments = Array.from({ length: side.story.last + 1 }, (_, step) => /** @type {[number, number, boolean]} */ ([step, 0, true]));
    address("#");
    build({ moments, partsAt: null, valuesPartAt: null, sides: [side] });
    say(`${name} is shown.`);
  } catch (problem) {
    // Whatever a damaged file does: what was shown is shown again, if it is gone.
    if (before && !document.getElementById("controls")?.hasChildNodes()) build(before);
    say(`${name} cannot be shown: ${problem instanceof Error ? problem.message : "it is damaged"}. Made by graphs inspect --json FILE, it can.`);
  }
}

const take = takeDrops(openText, say);
build(bookOf(JSON.parse(/** @type {HTMLElement} */ (document.getElementById("data")).textContent ?? "")));
listenToKeys(() => open?.store, () => open?.pictures ?? []);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
addEventListener("hashchange", () => open?.store.set(fromHash(location.hash, limitsOf(open.store.book))));
