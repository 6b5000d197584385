// What is drawn over the points: rings around tracks, lines to the neighbours, a path, the lasso.

/** @import { Tracks } from "page/core/tracks.js" */
/** @import { Viewport } from "page/map/viewport.js" */
/** @typedef {[x: number, y: number][]} Shape of a lasso or box, on the map */
/**
 * @typedef {{ current: number, hover: number, pointed: number, cursor: number, neighbours: readonly number[],
 *   path: readonly number[], trail: readonly number[] }} Marks rows
 */

const LEAST_RAYS = 5, RAYS_ONE_IN = 8; // on a small map lines to the 20 nearest hide it: to one of eight recordings at most

export class Overlay {
  /** @param {HTMLCanvasElement} canvas @param {Tracks} tracks @param {Viewport} view @param {() => number} pointSize */
  constructor(canvas, tracks, view, pointSize) {
    this.canvas = canvas;
    this.total = tracks.x.length;
    this.view = view;
    this.pointSize = pointSize;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    /** @param {number} row @returns {[number, number]} */
    this.at = (row) => view.toPixels(tracks.x[row], tracks.y[row]);
    /** @type {Marks} */
    this.marks = { current: -1, hover: -1, pointed: -1, cursor: -1, neighbours: [], path: [], trail: [] };
    /** @type {Shape | null} */
    this.shape = null;
  }

  resize() {
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(this.view.width * ratio);
    this.canvas.height = Math.round(this.view.height * ratio);
  }

  draw() {
    const { current, hover, pointed, cursor, path, trail } = this.marks;
    const empty = Math.max(current, hover, pointed, cursor) < 0 && !path.length && !trail.length && !this.shape;
    this.canvas.hidden = empty; // an empty canvas costs a third of a frame where there is no graphics card
    if (empty) return;
    const ratio = window.devicePixelRatio || 1, style = getComputedStyle(document.documentElement);
    const accent = style.getPropertyValue("--accent");
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.context.clearRect(0, 0, this.view.width, this.view.height);
    this.context.strokeStyle = accent;
    this.context.lineWidth = 1.5;
    if (current >= 0 && !trail.length) this.#neighbours(); // which have its colour
    this.#trail(accent);
    if (path.length) this.#path(accent, style.getPropertyValue("--panel"));
    this.#ring(hover, style.getPropertyValue("--text"), 3);
    this.#ring(pointed, style.getPropertyValue("--text"), 8);
    this.#ring(current, accent, 5);
    this.#ring(cursor, style.getPropertyValue("--text"), 9);
    if (this.shape && this.shape.length > 1) this.#lasso(this.shape, accent);
  }

  #neighbours() {
    const c = this.context, from = this.at(this.marks.current);
    c.globalAlpha = 0.55;
    c.beginPath();
    const most = Math.max(LEAST_RAYS, Math.floor(this.total / RAYS_ONE_IN));
    for (const row of this.marks.neighbours.slice(0, most)) { c.moveTo(...from); c.lineTo(...this.at(row)); }
    c.stroke();
    c.globalAlpha = 1;
  }

  /** Where Drift came from: the older, the fainter. @param {string} colour */
  #trail(colour) {
    const c = this.context, places = this.marks.trail.map(this.at);
    c.strokeStyle = c.fillStyle = colour;
    c.lineWidth = 3;
    places.forEach((place, i) => {
      c.globalAlpha = (i + 1) / places.length;
      c.beginPath();
      if (i) { c.moveTo(...places[i - 1]); c.lineTo(...place); c.stroke(); c.beginPath(); }
      c.arc(...place, 4, 0, 7);
      c.fill();
    });
    c.globalAlpha = 1;
  }

  /** @param {string} accent @param {string} text */
  #path(accent, text) {
    const c = this.context, { path } = this.marks;
    c.beginPath();
    for (const row of path) c.lineTo(...this.at(row));
    c.stroke();
    c.font = "11px system-ui";
    c.textAlign = "center";
    c.textBaseline = "middle";
    path.forEach((row, i) => {
      const [x, y] = this.at(row);
      c.fillStyle = accent;
      c.beginPath();
      c.arc(x, y, 9, 0, 7);
      c.fill();
      c.fillStyle = text;
      c.fillText(String(i + 1), x, y + 0.5);
    });
  }

  /** @param {number} row @param {string} colour @param {number} gap */
  #ring(row, colour, gap) {
    if (row < 0) return;
    const c = this.context;
    c.strokeStyle = colour;
    c.lineWidth = 2.5;
    c.beginPath();
    c.arc(...this.at(row), this.pointSize() / 2 + gap, 0, 7);
    c.stroke();
  }

  /** @param {Shape} shape @param {string} accent */
  #lasso(shape, accent) {
    const c = this.context;
    c.strokeStyle = c.fillStyle = accent;
    c.lineWidth = 1.5;
    c.setLineDash([5, 4]);
    c.beginPath();
    for (const place of shape) c.lineTo(...this.view.toPixels(...place));
    c.closePath();
    c.stroke();
    c.setLineDash([]);
    c.globalAlpha = 0.1;
    c.fill();
    c.globalAlpha = 1;
  }
}
