// The map as a whole: points, what is drawn over them, and what is done to it by hand. It reports what happened through `on`.

/** @import { Tool } from "page/core/types" */
/** @import { Tracks } from "page/core/tracks.js" */
/** @import { Box } from "page/map/floating.js" */
/** @import { Marks, Shape } from "page/map/overlay.js" */
import { Covers } from "page/map/covers.js";
import { Floating } from "page/map/floating.js";
import { Gestures } from "page/map/gestures.js";
import { Grid } from "page/map/grid.js";
import { Names } from "page/map/names.js";
import { Overlay } from "page/map/overlay.js";
import { Points } from "page/map/points.js";
import { Pulse } from "page/map/pulse.js";
import { Shading } from "page/map/shading.js";
import { Viewport } from "page/map/viewport.js";

const REACH = 12; // pixels within which a track is meant; twice as many for a finger
const SETTLED_MS = 160; // after the last change of what is seen
const EDGE = 20; // pixels at the edge where a track counts as out of view

/**
 * @typedef {object} Handlers
 * @property {(row: number, px?: number, py?: number) => void} hover -1 is none
 * @property {(row: number, add: boolean) => void} click -1 is none
 * @property {(rows: number[], add: boolean) => void} select
 * @property {(row: number) => boolean} isShown whether a row can be pointed at
 */

export class MapView {
  /** @param {HTMLElement} element @param {Tracks} tracks @param {((id: number) => string) | undefined} coverUrl @param {Handlers} on */
  constructor(element, tracks, coverUrl, on) {
    const box = (/** @type {string} */ name) => /** @type {HTMLElement} */ (element.querySelector(name));
    const canvas = (/** @type {string} */ name) => /** @type {HTMLCanvasElement} */ (element.querySelector(name));
    this.element = element;
    this.tracks = tracks;
    this.on = on;
    this.moved = false; // by hand: a new size of the window does not show the whole map again
    this.view = new Viewport(() => this.points?.request());
    this.grid = new Grid(tracks.x, tracks.y);
    this.overlay = new Overlay(canvas("#overlay"), tracks, this.view, () => this.points.pointSize());
    this.floating = new Floating(box("#floating"), this.view);
    this.covers = new Covers(box("#covers"), tracks, this.view, coverUrl);
    this.names = new Names(box("#names"), this.view);
    this.pulsing = new Pulse(element, tracks, this.view);
    this.settling = 0;
    /** @type {(() => void)[]} */
    this.listeners = [];
    this.points = new Points(canvas("#points"), tracks.x, tracks.y, this.view, new Shading(this.grid), () => this.#frame());
    this.gestures = new Gestures(box("#glass"), this);
    new ResizeObserver(() => this.resize()).observe(element);
    this.resize();
  }

  #frame() {
    this.overlay.draw();
    this.pulsing.draw();
    this.floating.follow();
    this.#settle();
  }

  #settle() {
    clearTimeout(this.settling);
    this.settling = setTimeout(() => { if (this.points.held) this.#settle(); else for (const listener of this.listeners) listener(); }, SETTLED_MS);
  }

  /** The listener is called when something was drawn, and then nothing for a while, and no finger is down. @param {() => void} listener */
  whenSettled(listener) { this.listeners.push(listener); }

  /** Draws at the size that the element has now. */
  resize() {
    this.points.resize();
    this.overlay.resize();
    if (!this.moved) this.fit();
  }

  /** Shows the whole map, at every size of the window, without tracks that lie far from all others. */
  fit() {
    this.moved = false;
    this.view.fit(this.grid.core, true, this.#covered());
  }

  /** Shows all tracks. */
  fitAll() { this.move(() => this.view.fit(this.grid.bounds, false, this.#covered())); }

  /** The strips at the edges on which the page has a line or a button, as the style sheet says. */
  #covered() {
    const style = getComputedStyle(this.element), pixels = (/** @type {string} */ name) => parseFloat(style.getPropertyValue(name)) || 0;
    return { top: pixels("--covered-top"), bottom: pixels("--covered-bottom") };
  }

  /** The rows that are seen and can be pointed at. @param {number} margin share of the view that is added on each side */
  seen(margin) {
    /** @type {number[]} */
    const rows = [];
    this.grid.within(this.view.bounds(margin), (row) => { if (this.on.isShown(row)) rows.push(row); });
    return Uint32Array.from(rows);
  }

  /** @param {() => void} change of the view, by hand */
  move(change) {
    this.moved = true;
    change();
  }

  /** @param {Tool} tool */
  setTool(tool) { this.gestures.tool = tool; }

  /** @param {Partial<Marks>} marks */
  mark(marks) {
    Object.assign(this.overlay.marks, marks);
    this.overlay.draw();
  }

  /** Marks what is played. @param {number} row -1 is none @param {boolean} sounds */
  pulse(row, sounds) { this.pulsing.mark(row, sounds); }

  /** Brings rows into view if they are not. @param {readonly number[]} rows */
  show(rows) {
    const { x, y } = this.tracks;
    if (rows.every((row) => this.view.contains(...this.view.toPixels(x[row], y[row]), EDGE))) return;
    this.moved = true;
    if (rows.length > 1) this.view.fit(this.grid.boundsOf(rows), false, this.#covered());
    else this.view.centre(x[rows[0]], y[rows[0]]);
  }

  /** Where elements lie in the view. @param {HTMLElement[]} elements @returns {Box[]} */
  boxesOf(elements) {
    const { left: x, top: y } = this.element.getBoundingClientRect();
    return elements.map((element) => element.getBoundingClientRect())
      .map(({ left, top, right, bottom }) => ({ left: left - x, top: top - y, right: right - x, bottom: bottom - y }));
  }

  /** The row nearest to the middle of the view. */
  middle() {
    const { x, y, width, height, pixels } = this.view;
    return this.grid.nearest([x, y], Math.hypot(width, height) / 2 / pixels, this.on.isShown);
  }

  /** @param {number} px @param {number} py */
  hover(px, py) {
    const row = this.#pick(px, py, REACH);
    this.element.classList.toggle("over", row >= 0 && this.gestures.tool === "pan");
    if (row === this.overlay.marks.hover) return;
    this.mark({ hover: row });
    this.on.hover(row, px, py);
  }

  /** @param {[px: number, py: number]} place @param {boolean} touch @param {boolean} add */
  click(place, touch, add) { this.on.click(this.#pick(...place, touch ? 2 * REACH : REACH), add); }

  /** @param {Shape} shape @param {boolean} add */
  select(shape, add) { this.on.select(this.grid.inside(shape).filter(this.on.isShown), add); }

  /** @param {number} px @param {number} py @param {number} reach pixels */
  #pick(px, py, reach) {
    return this.grid.nearest(this.view.toMap(px, py), reach / this.view.pixels, this.on.isShown);
  }
}
