// Names of places over the points, as text, none over another.

/** @import { Place } from "page/core/places.js" */
/** @import { Box } from "page/map/floating.js" */
/** @import { Viewport } from "page/map/viewport.js" */
import { context2d } from "shared/canvas.js";
import { el } from "shared/dom.js";

const MAX_NAMES = 40, MAX_LETTERS = 32;
const AGAIN = 180; // pixels between the middles of two of the same name
const GAP = 5, LINE = 1.25; // pixels between names; height of a line, in font sizes
const SIZES = [16, 14, 12.5]; // pixels, of each level
const NARROW = 500, SMALLER = 0.8; // pixels of a view, and the size of its names
const SHIFTS = [0, -1, 1]; // lines, where there is no room in the middle
const FONT = "600 {}px system-ui, sans-serif"; // as in style.css

export class Names {
  /** @param {HTMLElement} box @param {Viewport} view */
  constructor(box, view) {
    this.box = box;
    this.view = view;
    this.context = context2d(document.createElement("canvas"));
  }

  /** Shows as many as have room, the first ones first. @param {readonly Place[]} places @param {number} level number of SIZES @param {readonly Box[]} free of names */
  show(places, level, free) {
    const { view } = this, size = SIZES[level] * (view.width < NARROW ? SMALLER : 1);
    const taken = [...free];
    /** @type {{ text: string, px: number, py: number }[]} */
    const shown = [];
    const nodes = places.flatMap((place) => {
      const text = shortened(place.name), [px, py] = view.toPixels(place.x, place.y), [width, height] = this.#measure(text, size);
      const isThere = shown.some((other) => other.text === text && Math.hypot(px - other.px, py - other.py) < AGAIN);
      const boxes = SHIFTS.map((lines) => (
        { left: px - width / 2, right: px + width / 2, top: py + (lines - 0.5) * height, bottom: py + (lines + 0.5) * height }));
      const box = boxes.find((one) => !taken.some((other) => overlaps(one, other)));
      if (isThere || !box || shown.length === MAX_NAMES) return [];
      taken.push(box);
      shown.push({ text, px, py });
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
