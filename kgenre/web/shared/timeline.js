// Genres of each slice as stacked columns.

/** @import { SliceGenres } from "shared/types" */
import { css, labelColour, shadeOf } from "shared/colours.js";
import { sharpContext } from "shared/canvas.js";
import { el } from "shared/dom.js";
import { isOnDark } from "shared/theme.js";

const TOP = 12; // pixels above the columns, for the mark of the deciding slice
const MIN_COLUMN = 8; // pixels; slices that lie far apart are drawn where they are, wide enough to be clicked

/**
 * @param {SliceGenres} details
 * @param {number} sliceSeconds
 * @param {number} seconds of the track
 * @param {number} chosen slice
 * @param {(slice: number) => void} click
 */
export function timeline(details, sliceSeconds, seconds, chosen, click) {
  const canvas = el("canvas", { class: "timeline", title: "Genres slice by slice; click to play from there" });
  const end = timelineEnd(details.slice_starts, sliceSeconds, seconds), columns = sliceColumns(details.slice_starts, sliceSeconds, end);
  requestAnimationFrame(() => drawTimeline(canvas, details, columns, end, chosen));
  canvas.addEventListener("click", (event) => {
    const box = canvas.getBoundingClientRect();
    click(columnAt(columns, ((event.clientX - box.left) / box.width) * end));
  });
  return canvas;
}

/** Where a timeline ends: with the track, whose last slice may be filled up. @param {number[]} starts @param {number} sliceSeconds @param {number} seconds */
export function timelineEnd(starts, sliceSeconds, seconds) {
  const last = starts[starts.length - 1];
  return seconds > last ? seconds : last + sliceSeconds;
}

/**
 * From when to when each slice is drawn, in seconds: as long as it is, or to the next one where all overlap. The last
 * slice alone often overlaps, for it ends with the track: it begins where the one before ends.
 *
 * @param {number[]} starts
 * @param {number} sliceSeconds
 * @param {number} end of the timeline
 * @returns {{ left: number, right: number }[]}
 */
export function sliceColumns(starts, sliceSeconds, end) {
  const length = starts.length > 2 ? Math.min(sliceSeconds, starts[1] - starts[0]) : sliceSeconds;
  let before = 0;
  return starts.map((start, i) => {
    const left = Math.max(start, before);
    before = Math.max(left, Math.min(end, start + (i < starts.length - 1 ? length : sliceSeconds)));
    return { left, right: before };
  });
}

/** The column at a time, or next to it. @param {{ left: number, right: number }[]} columns @param {number} seconds */
export function columnAt(columns, seconds) {
  const distances = columns.map(({ left, right }) => Math.max(left - seconds, seconds - right, 0));
  return distances.lastIndexOf(Math.min(...distances));
}

/**
 * @param {HTMLCanvasElement} canvas already in the page
 * @param {SliceGenres} details
 * @param {{ left: number, right: number }[]} columns
 * @param {number} end
 * @param {number} chosen
 */
export function drawTimeline(canvas, details, columns, end, chosen) {
  const { context, width, height } = sharpContext(canvas), gap = columns.length < 100 ? 1 : 0, dark = isOnDark(canvas);
  context.textAlign = "center";
  context.font = "11px system-ui";
  columns.forEach(({ left, right }, i) => {
    const x = (left / end) * width, next = i + 1 < columns.length ? (columns[i + 1].left / end) * width : width;
    const to = Math.min(next, Math.max(x + MIN_COLUMN, (right / end) * width));
    const shares = details.slice_probabilities[i], whole = Math.max(1, shares.reduce((sum, share) => sum + share, 0));
    let y = height;
    context.globalAlpha = i === chosen ? 1 : 0.72;
    shares.forEach((share, label) => {
      const h = (share / whole) * (height - TOP); // several genres may add up to more than one
      context.fillStyle = css(shadeOf(labelColour(label), dark));
      context.fillRect(x, y - h, Math.max(1, to - x - gap), h);
      y -= h;
    });
    context.globalAlpha = 1;
    context.fillStyle = getComputedStyle(canvas).color;
    if (i === details.deciding_slice) context.fillText("▼", (x + to) / 2, 10);
  });
}
