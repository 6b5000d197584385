// The genres of a song over time, as a slider: keys choose a slice, Enter or a click plays from it.

/** @import { Answer, ModelAnswer, SliceGenres } from "page/types" */
import { el } from "shared/dom.js";
import { duration, percent } from "shared/text.js";
import { timeline } from "shared/timeline.js";

/** @type {Record<string, (at: number, n: number) => number>} */
const MOVES = {
  ArrowRight: (at) => at + 1, ArrowUp: (at) => at + 1, ArrowLeft: (at) => at - 1, ArrowDown: (at) => at - 1,
  PageUp: (at) => at + 10, PageDown: (at) => at - 10, Home: () => 0, End: (_, n) => n - 1,
};

/**
 * @param {Answer} answer
 * @param {ModelAnswer} model
 * @param {(slice: number) => void} play
 */
export function slices(answer, model, play) {
  const details = sliceGenres(answer, model.labels), n = answer.by_slice.length;
  let chosen = details.deciding_slice;
  const node = el("div", { class: "slices", role: "slider", tabIndex: 0, "aria-label": `Genres over time of ${answer.file}`,
    "aria-valuemin": 0, "aria-valuemax": n - 1, "aria-orientation": "horizontal" });
  const draw = () => {
    const part = answer.by_slice[chosen], share = part.probabilities[part.genre];
    node.setAttribute("aria-valuenow", String(chosen));
    node.setAttribute("aria-valuetext", `${duration(part.start)}: ${part.genre} ${percent(share)}`);
    node.replaceChildren(timeline(details, model.slice_seconds, answer.seconds, chosen, play));
  };
  const choose = (/** @type {number} */ slice) => {
    const to = Math.max(0, Math.min(n - 1, slice));
    if (to === chosen) return;
    chosen = to;
    draw();
  };
  node.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === " ") play(chosen);
    else if (MOVES[event.key]) choose(MOVES[event.key](chosen, n));
    else return;
    event.preventDefault();
  });
  draw();
  return { node, draw, choose, chosen: () => chosen };
}

/** @param {Answer} answer @param {string[]} labels @returns {SliceGenres} */
function sliceGenres({ genre, by_slice: parts }, labels) {
  const ofGenre = parts.map(({ probabilities }) => probabilities[genre]);
  return {
    slice_starts: parts.map(({ start }) => start),
    slice_probabilities: parts.map(({ probabilities }) => labels.map((label) => probabilities[label])),
    deciding_slice: ofGenre.indexOf(Math.max(...ofGenre)),
  };
}

/** The slice that is playing at a time. @param {Answer} answer @param {number} seconds */
export function sliceAt({ by_slice: parts }, seconds) {
  const next = parts.findIndex(({ start }) => start > seconds + 0.01);
  return next < 0 ? parts.length - 1 : Math.max(0, next - 1);
}
