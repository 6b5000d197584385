// The dot of what is played. An element over the map, so that it pulses without the map being drawn again.

/** @import { Tracks } from "page/core/tracks.js" */
/** @import { Viewport } from "page/map/viewport.js" */
import { el } from "shared/dom.js";

export class Pulse {
  #row = -1;
  #dot = el("div", { id: "pulse", hidden: true });

  /** @param {HTMLElement} parent @param {Tracks} tracks @param {Viewport} view */
  constructor(parent, tracks, view) {
    this.tracks = tracks;
    this.view = view;
    parent.querySelector("#glass")?.before(this.#dot);
  }

  /** @param {number} row -1 is none @param {boolean} sounds */
  mark(row, sounds) {
    this.#row = row;
    this.#dot.hidden = row < 0;
    this.#dot.classList.toggle("sounds", sounds);
    this.draw();
  }

  draw() {
    if (this.#row < 0) return;
    const [x, y] = this.view.toPixels(this.tracks.x[this.#row], this.tracks.y[this.#row]);
    this.#dot.style.transform = `translate(${x}px, ${y}px)`;
  }
}
