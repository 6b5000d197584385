// The time below a timeline.

import { el } from "shared/dom.js";
import { duration } from "shared/text.js";

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200]; // seconds
const MOST_STEPS = 5; // narrow enough for a phone

/** 0:00, a few ticks, the end. @param {number} seconds */
export function timeAxis(seconds) {
  const step = STEPS.find((size) => seconds / size <= MOST_STEPS) ?? seconds, marks = [];
  for (let at = 0; at < seconds - 0.6 * step; at += step) marks.push(mark(at, seconds)); // the end needs room
  return el("div", { class: "axis soft", "aria-hidden": "true" }, ...marks, mark(seconds, seconds));
}

/** @param {number} at @param {number} seconds */
function mark(at, seconds) {
  const node = el("span", { text: duration(at) });
  node.style.left = `${100 * at / seconds}%`;
  return node;
}
