// Covers in place of the points, where few lie so far apart that there is room.

/** @import { Box } from "page/map/floating.js" */
/** @import { Tracks } from "page/core/tracks.js" */
/** @import { Viewport } from "page/map/viewport.js" */
import { el } from "shared/dom.js";

const MAX_COVERS = 36, SIDE = 44; // pixels
export const ROOM = 48; // pixels to the nearest other point
const MAX_POINTS = 400; // in the view: more do not lie that far apart

export class Covers {
  /** @param {HTMLElement} box @param {Tracks} tracks @param {Viewport} view @param {((id: number) => string) | undefined} url */
  constructor(box, tracks, view, url) {
    this.box = box;
    this.tracks = tracks;
    this.view = view;
    this.url = url;
    /** @type {Map<number, HTMLImageElement>} kept, so that a cover is loaded once while it is seen */
    this.shown = new Map();
  }

  /** @param {Uint32Array} rows that are seen and shown @param {(row: number) => string} colourOf of the frame, in CSS @returns {Box[]} where they are */
  show(rows, colourOf) {
    /** @type {Map<number, [px: number, py: number]>} */
    const places = this.url && rows.length <= MAX_POINTS ? this.#withRoom(rows) : new Map();
    for (const [row, node] of this.shown) {
      if (places.has(row)) continue;
      node.remove();
      this.shown.delete(row);
    }
    for (const [row, [px, py]] of places) {
      const node = this.shown.get(row) ?? this.#cover(row);
      node.style.left = `${px - SIDE / 2}px`;
      node.style.top = `${py - SIDE / 2}px`;
      node.style.borderColor = colourOf(row);
    }
    return [...places.values()].map(([px, py]) => ({ left: px - SIDE / 2, top: py - SIDE / 2, right: px + SIDE / 2, bottom: py + SIDE / 2 }));
  }

  /** Rows with their places in the view: all that lie far from any other, if these are most. @param {Uint32Array} rows */
  #withRoom(rows) {
    const { x, y } = this.tracks;
    const places = Array.from(rows, (row) => this.view.toPixels(x[row], y[row]));
    const lone = [...rows.keys()].filter((i) => places.every(([px, py], k) => k === i || Math.hypot(px - places[i][0], py - places[i][1]) >= ROOM));
    const isEnough = 2 * lone.length >= rows.length; // or a few far ones would have covers on the whole map
    return new Map(isEnough ? lone.slice(0, MAX_COVERS).map((i) => [rows[i], places[i]]) : []);
  }

  /** Nothing is seen of it where the track has no cover. @param {number} row */
  #cover(row) {
    const node = el("img", { alt: "", hidden: true, on: { load: () => { node.hidden = false; } } });
    node.src = this.url?.(this.tracks.ids[row]) ?? "";
    this.shown.set(row, node);
    this.box.append(node);
    return node;
  }
}
