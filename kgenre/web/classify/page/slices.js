// The genres of a song over time, as a slider: keys choose a slice, Enter or a click plays from it.

/** @import { Answer, ModelAnswer, SliceGenres } from "page/types" */
import { timeAxis } from "page/axis.js";
import { css, labelColour } from "shared/colours.js";
import { el } from "shared/dom.js";
import { duration, percent } from "shared/text.js";
import { columnAt, sliceColumns, timeline, timelineEnd } from "shared/timeline.js";

const MIN_SEEN = 0.02; // of a genre in a slice: less is a line that nobody sees

/** @type {Record<string, (at: number, n: number) => number>} */
const MOVES = {
  ArrowRight: (at) => at + 1, ArrowUp: (at) => at + 1, ArrowLeft: (at) => at - 1, ArrowDown: (at) => at - 1,
  PageUp: (at) => at + 10, PageDown: (at) => at - 10, Home: () => 0, End: (_, n) => n - 1,
};

/**
 * @param {Answer} answer
 * @param {ModelAnswer} model
 * @param {string[]} named genres whose colours stand above
 * @param {(slice: number) => void} play
 */
export function slices(answer, { labels, slice_seconds: length }, named, play) {
  const details = sliceGenres(answer, labels), n = answer.by_slice.length;
  const end = timelineEnd(details.slice_starts, length, answer.seconds);
  let chosen = details.deciding_slice;
  const chart = el("div"), playhead = el("i", { class: "playhead", hidden: true });
  const slider = el("div", { class: "slices", role: "slider", tabIndex: 0, "aria-label": `Genres over time of ${answer.file}`,
    "aria-valuemin": 0, "aria-valuemax": n - 1, "aria-orientation": "horizontal" }, chart, playhead);
  const draw = () => {
    const part = answer.by_slice[chosen], share = part.probabilities[part.genre];
    slider.setAttribute("aria-valuenow", String(chosen));
    slider.setAttribute("aria-valuetext", `${duration(part.start)}: ${part.genre} ${percent(share)}`);
    chart.replaceChildren(timeline(details, length, answer.seconds, chosen, play));
  };
  const choose = (/** @type {number} */ slice) => {
    const to = Math.max(0, Math.min(n - 1, slice));
    if (to === chosen) return;
    chosen = to;
    draw();
  };
  const showPlace = (/** @type {number | null} */ seconds) => {
    playhead.hidden = seconds === null;
    playhead.style.left = `${100 * Math.min(1, (seconds ?? 0) / end)}%`;
  };
  slider.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === " ") play(chosen);
    else if (MOVES[event.key]) choose(MOVES[event.key](chosen, n));
    else return;
    event.preventDefault();
  });
  draw();
  return { node: el("div", {}, slider, timeAxis(end), legend(details, labels, named)), draw, choose, showPlace, chosen: () => chosen };
}

/** Colours of the genres that are in the timeline and not among the bars. @param {SliceGenres} details @param {string[]} labels @param {string[]} named */
function legend({ slice_probabilities: rows }, labels, named) {
  const most = labels.map((name, i) => ({ name, i, share: Math.max(...rows.map((row) => row[i])) }));
  const others = most.filter(({ name, share }) => share >= MIN_SEEN && !named.includes(name)).sort((one, other) => other.share - one.share);
  if (!others.length) return null;
  return el("div", { class: "legend soft small" }, el("span", { text: "Also, in parts:" }),
    el("ul", { "aria-label": "Genres of parts of the song" }, ...others.map(({ name, i }) => {
      const dot = el("span", { class: "dot" });
      dot.style.background = css(labelColour(i));
      return el("li", {}, dot, el("span", { text: name }));
    })));
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

/**
 * The slice that is heard at a time. Where slices overlap, it is the one that was asked for, else the one drawn there.
 *
 * @param {Answer} answer
 * @param {number} length of a slice, in seconds
 * @param {number} seconds
 * @param {number} asked slice
 */
export function sliceAt({ by_slice: parts, seconds: end }, length, seconds, asked) {
  const starts = parts.map(({ start }) => start), from = starts[asked] - 0.01; // browsers begin a little beside
  if (seconds >= from && seconds < from + length) return asked;
  return columnAt(sliceColumns(starts, length, timelineEnd(starts, length, end)), seconds);
}
