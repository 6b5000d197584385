// The map as a whole: points, what is drawn over them, and what is done to it by hand. It reports what happened through `on`.

/** @import { Tool } from "page/core/types" */
/** @import { Tracks } from "page/core/tracks.js" */
/** @import { Marks, Shape } from "page/map/overlay.js" */
import { Gestures } from "page/map/gestures.js";
import { Grid } from "page/map/grid.js";
import { Overlay } from "page/map/overlay.js";
import { Points } from "page/map/points.js";
import { Pulse } from "page/map/pulse.js";
import { Viewport } from "page/map/viewport.js";

const REACH = 12; // pixels within which a track is meant; twice as many for a finger
const EDGE = 20; // pixels at the edge where a track counts as out of view

/**
 * @typedef {object} Handlers
 * @property {(row: number, px?: number, py?: number) => void} hover -1 is none
 * @property {(row: number, add: boolean) => void} click -1 is none
 * @property {(rows: number[], add: boolean) => void} select
 * @property {(row: number) => boolean} isShown whether a row can be pointed at
 */

export class MapView {
  /** @param {HTMLElement} element @param {Tracks} tracks @param {Handlers} on */
  constructor(element, tracks, on) {
    const canvas = (/** @type {string} */ name) => /** @type {HTMLCanvasElement} */ (element.querySelector(name));
    this.element = element;
    this.tracks = tracks;
    this.on = on;
    this.moved = false; // by hand: a new size of the window does not show the whole map again
    this.view = new Viewport(() => this.points?.request());
    this.grid = new Grid(tracks.x, tracks.y);
    this.overlay = new Overlay(canvas("#overlay"), tracks, this.view, () => this.points.pointSize());
    this.points = new Points(canvas("#points"), tracks.x, tracks.y, this.view, () => { this.overlay.draw(); this.pulsing.draw(); });
    this.pulsing = new Pulse(element, tracks, this.view);
    this.gestures = new Gestures(/** @type {HTMLElement} */ (element.querySelector("#glass")), this);
    new ResizeObserver(() => this.#resize()).observe(element);
    this.#resize();
  }

  #resize() {
    this.points.resize();
    this.overlay.resize();
    if (!this.moved) this.fit();
  }

  /** Shows the whole map. */
  fit() { this.view.fit(this.grid.bounds, true); }

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
    if (rows.length > 1) this.view.fit(this.grid.boundsOf(rows), false);
    else this.view.centre(x[rows[0]], y[rows[0]]);
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
