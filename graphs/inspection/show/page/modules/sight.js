// Where one looks: zoom, pan, all in view, and the small map of the whole.

import { HEIGHT } from "./geometry.js";

const LEAST = 0.06, MOST = 3, FAR = 0.38;

/** @typedef {{box: number, bounds: () => {left: number, right: number, top: number, bottom: number}, extent: () => {width: number, height: number}, places: () => Iterable<{x: number, y: number, status: string}>}} Seen What there is to look at. */

export class Sight {
  /** @param {SVGSVGElement} svg @param {Element} world what is moved in it @param {HTMLCanvasElement} map @param {Seen} seen */
  constructor(svg, world, map, seen) {
    this.svg = svg;
    this.world = world;
    this.map = map;
    this.seen = seen;
    this.zoom = { k: 0.7, x: 0, y: 0 };
    /** Pixels of the map per pixel of the picture. */
    this.mapScale = { x: 1, y: 1 };
    /** How far the pointer has dragged the picture since it went down. */
    this.moved = 0;
    this._listen();
  }

  _move() {
    const { k, x, y } = this.zoom;
    this.world.setAttribute("transform", `translate(${x} ${y}) scale(${k})`);
    this.svg.classList.toggle("far", k < FAR);
    this.drawMap();
  }

  /** All of the graph in view. */
  fit() {
    const { left, right, top, bottom } = this.seen.bounds();
    const { clientWidth, clientHeight } = this.svg;
    const k = Math.min(Math.max(Math.min(clientWidth / (right - left), clientHeight / (bottom - top)), LEAST), 1);
    this.zoom = { k, x: (clientWidth - k * (left + right)) / 2, y: (clientHeight - k * (top + bottom)) / 2 };
    this._move();
  }

  /** As at first: readable, at what changes or else at the top. */
  home() {
    const { left, right, top } = this.seen.bounds();
    const k = Math.min(1, Math.max(0.62, this.svg.clientWidth / (right - left)));
    this.zoom = { k, x: this.svg.clientWidth / 2 - k * (left + right) / 2, y: -k * top + 8 };
    this._move();
  }

  /** @param {number} factor @param {number} [x] @param {number} [y] */
  scale(factor, x = this.svg.clientWidth / 2, y = this.svg.clientHeight / 2) {
    const k = Math.min(Math.max(this.zoom.k * factor, LEAST), MOST);
    const by = k / this.zoom.k;
    this.zoom = { k, x: x - (x - this.zoom.x) * by, y: y - (y - this.zoom.y) * by };
    this._move();
  }

  /** @param {number} dx @param {number} dy */
  pan(dx, dy) { this.zoom.x += dx; this.zoom.y += dy; this._move(); }

  /** Bring the last of these places into view, if none is in it. @param {{x: number, y: number}[]} places */
  follow(places) {
    if (!places.length) return;
    const { k, x, y } = this.zoom;
    const { clientWidth, clientHeight } = this.svg;
    const edge = (this.seen.box / 4) * k;
    const isSeen = places.some((at) => at.x * k + x > edge && at.x * k + x < clientWidth - edge && at.y * k + y > 0 && at.y * k + y + HEIGHT * k < clientHeight);
    if (isSeen) return;
    const aim = places[places.length - 1];
    this.zoom.x = clientWidth / 2 - aim.x * k;
    this.zoom.y = clientHeight / 2 - aim.y * k;
    this._move();
  }

  /** The whole graph, small, and what of it is in view. */
  drawMap() {
    const whole = this.seen.extent();
    const width = 96, height = Math.round(Math.min(130, Math.max(40, (width * whole.height) / whole.width)));
    const ratio = devicePixelRatio;
    if (this.map.width !== width * ratio || this.map.height !== height * ratio) {
      this.map.width = width * ratio; this.map.height = height * ratio;
      this.map.style.width = `${width}px`; this.map.style.height = `${height}px`;
    }
    const context = this.map.getContext("2d");
    if (!context) return;
    const sx = this.map.width / whole.width, sy = this.map.height / whole.height;
    this.mapScale = { x: width / whole.width, y: height / whole.height };
    const style = getComputedStyle(this.map);
    context.clearRect(0, 0, this.map.width, this.map.height);
    const half = this.seen.box / 2;
    for (const { x, y, status } of this.seen.places()) {
      context.fillStyle = style.getPropertyValue(status === "goes" ? "--gone" : status === "comes" ? "--come" : "--faint");
      context.fillRect((x - half) * sx, y * sy, 2 * half * sx, Math.max(HEIGHT * sy, ratio));
    }
    const { k, x, y } = this.zoom;
    context.strokeStyle = style.getPropertyValue("--accent");
    context.lineWidth = 1.5 * ratio;
    context.strokeRect((-x / k) * sx, (-y / k) * sy, (this.svg.clientWidth / k) * sx, (this.svg.clientHeight / k) * sy);
  }

  _listen() {
    const { svg, map } = this;
    /** @type {Map<number, {x: number, y: number}>} */
    const held = new Map();
    svg.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return; // the page scrolls
      event.preventDefault();
      const box = svg.getBoundingClientRect();
      this.scale(Math.exp(-event.deltaY / 300), event.clientX - box.left, event.clientY - box.top);
    }, { passive: false });
    svg.addEventListener("pointerdown", (event) => { held.set(event.pointerId, { x: event.clientX, y: event.clientY }); this.moved = 0; });
    svg.addEventListener("pointermove", (event) => {
      const last = held.get(event.pointerId);
      if (!last) return;
      if (!svg.hasPointerCapture(event.pointerId) && Math.hypot(event.clientX - last.x, event.clientY - last.y) > 3) svg.setPointerCapture(event.pointerId);
      const dx = event.clientX - last.x, dy = event.clientY - last.y;
      if (!svg.hasPointerCapture(event.pointerId)) return;
      this.moved += Math.abs(dx) + Math.abs(dy);
      if (held.size === 2) {
        const other = /** @type {{x: number, y: number}} */ ([...held].find(([id]) => id !== event.pointerId)?.[1]);
        const was = Math.hypot(last.x - other.x, last.y - other.y), is = Math.hypot(event.clientX - other.x, event.clientY - other.y);
        const box = svg.getBoundingClientRect();
        if (was > 0) this.scale(is / was, (event.clientX + other.x) / 2 - box.left, (event.clientY + other.y) / 2 - box.top);
      } else this.pan(dx, dy);
      held.set(event.pointerId, { x: event.clientX, y: event.clientY });
    });
    for (const end of ["pointerup", "pointercancel"]) svg.addEventListener(end, (event) => { held.delete(/** @type {PointerEvent} */ (event).pointerId); });
    const jump = (/** @type {PointerEvent} */ event) => {
      const box = map.getBoundingClientRect();
      const scale = this.mapScale;
      this.zoom.x = svg.clientWidth / 2 - ((event.clientX - box.left) / scale.x) * this.zoom.k;
      this.zoom.y = svg.clientHeight / 2 - ((event.clientY - box.top) / scale.y) * this.zoom.k;
      this._move();
    };
    map.addEventListener("pointerdown", (event) => { map.setPointerCapture(event.pointerId); jump(event); });
    map.addEventListener("pointermove", (event) => { if (event.buttons & 1) jump(event); });
  }
}
