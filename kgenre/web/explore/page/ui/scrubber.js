// A slider over a track's genres slice by slice: where it is played, and a way to another place in it.

/** @import { TrackDetails } from "page/core/types" */
import { context2d } from "shared/canvas.js";
import { el } from "shared/dom.js";
import { duration } from "shared/text.js";
import { columnAt, drawTimeline, sliceColumns } from "shared/timeline.js";

const STEP_SECONDS = 5; // of an arrow key
/** @type {Record<string, number>} */
const STEPS = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 };

/** @typedef {{ details: TrackDetails, end: number }} Shown a track, and where its timeline ends */

/** @param {number} sliceSeconds @param {(seconds: number) => void} seek */
export function scrubber(sliceSeconds, seek) {
  const canvas = el("canvas"), head = el("div", { class: "playhead" });
  const range = el("input", { type: "range", id: "seek", min: 0, step: 0.1, value: 0, disabled: true, "aria-label": "Place in the recording" });
  const node = el("div", { class: "strip", title: "Genres slice by slice; ▼ marks the one that decided" }, canvas, head, range);
  /** @type {Shown | null} */
  let shown = null;
  let dragged = false; // the playhead is the hand's
  const place = (/** @type {number} */ seconds) => {
    head.style.left = `${100 * (shown ? Math.min(1, seconds / shown.end) : 0)}%`;
    range.setAttribute("aria-valuetext", shown ? valueText(shown, sliceSeconds, seconds) : "nothing is played");
  };
  const draw = () => { // the canvas has its size only in the page
    if (shown) drawTimeline(canvas, shown.details, sliceColumns(shown.details.slice_starts, sliceSeconds, shown.end), shown.end, shown.details.deciding_slice);
    else context2d(canvas).clearRect(0, 0, canvas.width, canvas.height);
  };
  new ResizeObserver(draw).observe(node);
  range.addEventListener("input", () => { dragged = true; place(Number(range.value)); });
  range.addEventListener("change", () => { dragged = false; seek(Number(range.value)); });
  range.addEventListener("keydown", (event) => {
    const step = STEPS[event.key];
    if (!step || !shown) return;
    event.preventDefault(); // the browser's own step is for the hand
    seek(Math.max(0, Math.min(shown.end, Number(range.value) + step * STEP_SECONDS)));
  });
  return {
    node, draw,
    /** @param {Shown | null} track */
    show(track) {
      shown = track;
      range.disabled = !track;
      range.max = String(track?.end ?? 1);
      draw();
    },
    /** @param {number} seconds */
    move(seconds) {
      if (dragged) return;
      range.value = String(seconds);
      place(seconds);
    },
  };
}

/** 1:05 of 3:20, rock @param {Shown} shown @param {number} sliceSeconds @param {number} seconds */
function valueText({ details, end }, sliceSeconds, seconds) {
  const shares = details.slice_probabilities[columnAt(sliceColumns(details.slice_starts, sliceSeconds, end), seconds)];
  return `${duration(seconds)} of ${duration(end)}, ${details.labels[shares.indexOf(Math.max(...shares))]}`;
}
