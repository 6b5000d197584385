// Names of places over the points, as text, none over another.

/** @import { Place } from "page/core/places.js" */
/** @import { Box } from "page/map/floating.js" */
/** @import { Viewport } from "page/map/viewport.js" */
import { context2d } from "shared/canvas.js";
import { el } from "shared/dom.js";

const MAX_NAMES = 40, MAX_LETTERS = 32;
const GAP = 5, LINE = 1.25; // pixels between names; height of a line, in font sizes
const SIZES = [16, 14, 12.5]; // pixels, of each level
const FONT = "600 {}px system-ui, sans-serif"; // as in style.css

export class Names {
  /** @param {HTMLElement} box @param {Viewport} view */
  constructor(box, view) {
    this.box = box;
    this.view = view;
    this.context = context2d(document.createElement("canvas"));
  }

  /** Shows as many as have room, the first ones first. @param {readonly Place[]} places @param {number} level number of SIZES @param {readonly Box[]} covers that they leave free */
  show(places, level, covers) {
    const { view } = this, size = SIZES[level];
    const taken = [...covers];
    const nodes = places.flatMap((place) => {
      const text = shortened(place.name), [px, py] = view.toPixels(place.x, place.y), [width, height] = this.#measure(text, size);
      const box = { left: px - width / 2, top: py - height / 2, right: px + width / 2, bottom: py + height / 2 };
      if (taken.length === MAX_NAMES + covers.length || taken.some((other) => overlaps(box, other))) return [];
      taken.push(box);
      const node = el("span", { text });
      node.style.left = `${Math.round(box.left)}px`;
      node.style.top = `${Math.round(box.top)}px`;
      return [node];
    });
    this.box.style.fontSize = `${size}px`;
    this.box.replaceChildren(...nodes);
  }

  /** @param {string} text @param {number} size @returns {[width: number, height: number]} */
  #measure(text, size) {
    this.context.font = FONT.replace("{}", String(size));
    return [this.context.measureText(text).width, LINE * size];
  }
}

/** @param {string} name */
function shortened(name) { return name.length > MAX_LETTERS ? `${name.slice(0, MAX_LETTERS - 1)}…` : name; }

/** @param {Box} one @param {Box} other */
function overlaps(one, other) {
  return one.left < other.right + GAP && other.left < one.right + GAP && one.top < other.bottom + GAP && other.top < one.bottom + GAP;
}
