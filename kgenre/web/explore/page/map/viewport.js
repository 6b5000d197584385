// Which part of the map is seen: its middle and how many pixels a unit takes.

/** @import { Bounds } from "page/map/grid.js" */

const FILLED_SHARE = 0.9; // of the view that fitted points fill at most
const MAX_FIT = 60; // times the whole map's scale
const ZOOM_OUT = 4, ZOOM_IN = 400;

export class Viewport {
  /** @param {() => void} onChange */
  constructor(onChange) {
    this.onChange = onChange;
    this.x = this.y = 0;
    this.pixels = 1; // of a unit of the map
    this.whole = 1; // pixels of a unit where the whole map is seen
    this.least = Infinity; // pixels of a unit where all tracks were shown, far ones too
    this.width = this.height = 1;
  }

  /**
   * @param {Bounds} bounds
   * @param {boolean} whole whether these are the bounds of the whole map
   * @param {{ top: number, bottom: number }} covered pixels at the edges where something lies on the map
   */
  fit({ low, high }, whole, covered) {
    const edge = (1 - FILLED_SHARE) / 2 * this.height, top = Math.max(edge, covered.top), bottom = Math.max(edge, covered.bottom);
    const across = FILLED_SHARE * this.width / Math.max(high[0] - low[0], 1e-6);
    const down = Math.max(this.height - top - bottom, 1) / Math.max(high[1] - low[1], 1e-6);
    const pixels = Math.min(across, down);
    if (whole) this.whole = pixels;
    this.pixels = Math.min(pixels, MAX_FIT * this.whole);
    this.least = Math.min(this.least, pixels);
    this.centre((low[0] + high[0]) / 2, (low[1] + high[1]) / 2 + (top - bottom) / 2 / this.pixels);
  }

  /** @param {number} x @param {number} y */
  centre(x, y) {
    this.x = x;
    this.y = y;
    this.onChange();
  }

  /** @param {number} dx pixels @param {number} dy pixels */
  pan(dx, dy) { this.centre(this.x - dx / this.pixels, this.y + dy / this.pixels); }

  /** Zooms about a place in the view. @param {number} factor @param {number} px @param {number} py */
  zoom(factor, px = this.width / 2, py = this.height / 2) {
    const [x, y] = this.toMap(px, py);
    this.pixels = Math.max(Math.min(this.least, this.whole / ZOOM_OUT), Math.min(this.whole * ZOOM_IN, this.pixels * factor));
    const [nx, ny] = this.toMap(px, py);
    this.centre(this.x + x - nx, this.y + y - ny);
  }

  /** @param {number} px @param {number} py @returns {[x: number, y: number]} */
  toMap(px, py) {
    return [this.x + (px - this.width / 2) / this.pixels, this.y - (py - this.height / 2) / this.pixels];
  }

  /** @param {number} x @param {number} y @returns {[px: number, py: number]} */
  toPixels(x, y) {
    return [this.width / 2 + (x - this.x) * this.pixels, this.height / 2 - (y - this.y) * this.pixels];
  }

  /** The part of the map that is seen, and more of it on each side. @param {number} margin share of the view @returns {Bounds} */
  bounds(margin = 0) {
    const [left, top] = this.toMap(-margin * this.width, -margin * this.height);
    const [right, bottom] = this.toMap((1 + margin) * this.width, (1 + margin) * this.height);
    return { low: [left, bottom], high: [right, top] };
  }

  /** @param {number} px @param {number} py @param {number} margin */
  contains(px, py, margin) {
    return px >= margin && py >= margin && px <= this.width - margin && py <= this.height - margin;
  }
}
