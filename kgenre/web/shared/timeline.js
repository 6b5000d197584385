// Genres of each slice as stacked columns.

/** @import { SliceGenres } from "shared/types" */
import { css, labelColour } from "shared/colours.js";
import { sharpContext } from "shared/canvas.js";
import { el } from "shared/dom.js";

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
  const starts = details.slice_starts, end = Math.max(seconds || 0, starts[starts.length - 1] + sliceSeconds);
  requestAnimationFrame(() => draw(canvas, details, sliceSeconds, end, chosen));
  canvas.addEventListener("click", (event) => {
    const box = canvas.getBoundingClientRect(), at = ((event.clientX - box.left) / box.width) * end;
    const distances = starts.map((start) => Math.max(start - at, at - start - sliceSeconds));
    click(distances.indexOf(Math.min(...distances)));
  });
  return canvas;
}

/** @param {HTMLCanvasElement} canvas @param {SliceGenres} details @param {number} sliceSeconds @param {number} end @param {number} chosen */
function draw(canvas, details, sliceSeconds, end, chosen) {
  const { context, width, height } = sharpContext(canvas), starts = details.slice_starts, n = starts.length;
  context.textAlign = "center";
  context.font = "11px system-ui";
  for (let i = 0; i < n; i++) {
    const x = (starts[i] / end) * width, full = ((starts[i] + sliceSeconds) / end) * width;
    const next = Math.min(i + 1 < n ? (starts[i + 1] / end) * width : width, Math.max(x + MIN_COLUMN, full));
    let y = height;
    context.globalAlpha = i === chosen ? 1 : 0.72;
    details.slice_probabilities[i].forEach((probability, label) => {
      const h = probability * (height - TOP);
      context.fillStyle = css(labelColour(label));
      context.fillRect(x, y - h, Math.max(1, next - x - (n < 100 ? 1 : 0)), h);
      y -= h;
    });
    context.globalAlpha = 1;
    context.fillStyle = getComputedStyle(canvas).color;
    if (i === details.deciding_slice) context.fillText("▼", (x + next) / 2, 10);
  }
}
