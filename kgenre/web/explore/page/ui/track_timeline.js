// The timeline of a track with keys: the arrows choose a slice, Enter plays it.

/** @import { TrackDetails } from "page/core/types" */
/** @import { Tracks } from "page/core/tracks.js" */
import { duration, percent } from "shared/text.js";
import { timeline } from "shared/timeline.js";

/** @type {Record<string, (slice: number, last: number) => number>} */
const MOVES = {
  ArrowLeft: (slice) => slice - 1, ArrowRight: (slice) => slice + 1, ArrowDown: (slice) => slice - 1, ArrowUp: (slice) => slice + 1,
  Home: () => 0, End: (_, last) => last,
};

/**
 * @param {Tracks} tracks @param {number} row @param {TrackDetails} details @param {number} slice that is chosen
 * @param {{ choose: (slice: number) => void, play: (slice: number) => void }} on
 */
export function trackTimeline(tracks, row, details, slice, { choose, play }) {
  const canvas = timeline(details, tracks.sliceSeconds, tracks.seconds[row], slice, play), last = details.slice_starts.length - 1;
  const attributes = { role: "slider", tabindex: "0", id: "timeline", "aria-label": "Genres slice by slice; Enter plays the slice",
    "aria-valuemin": "1", "aria-valuemax": String(last + 1), "aria-valuenow": String(slice + 1), "aria-valuetext": description(details, slice) };
  for (const [name, value] of Object.entries(attributes)) canvas.setAttribute(name, value);
  canvas.addEventListener("keydown", (event) => {
    const move = MOVES[event.key];
    if (event.key === "Enter") play(slice);
    else if (move) choose(Math.max(0, Math.min(last, move(slice, last))));
    else return;
    event.preventDefault();
  });
  return canvas;
}

/** @param {TrackDetails} details @param {number} slice */
function description({ slice_starts: starts, slice_probabilities: probabilities, labels, deciding_slice: deciding }, slice) {
  const shares = probabilities[slice] ?? [], best = shares.indexOf(Math.max(...shares));
  return `${duration(starts[slice] ?? 0)}: ${labels[best]} ${percent(shares[best] ?? 0)}${slice === deciding ? ", the slice that decided" : ""}`;
}
