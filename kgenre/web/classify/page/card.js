// What is shown of one song: its way through the server, then genres, tags, timeline and player.

/** @import { Answer, Card, CardPage, Song } from "page/types" */
import { slices } from "page/slices.js";
import { button, el } from "shared/dom.js";
import { genreBar } from "shared/genre_bar.js";
import { count, duration, percent } from "shared/text.js";

const MIN_PROBABILITY = 0.01, MAX_GENRES = 6, MAX_TAGS = 8;
const STAGES = { waiting: "Waits", uploading: "Uploading", analysing: "Analysing", done: "", failed: "" };

/** @param {Song} song @param {CardPage} page @returns {Card} */
export function songCard(song, page) {
  const { name } = song.file, content = el("div");
  const bar = el("progress", { max: 1, "aria-label": `Progress of ${name}` }), stage = el("span", { class: "soft small" });
  const way = el("div", {}, stage, bar);
  const node = el("li", { class: "song" }, el("h2", { text: name }), way, content);
  /** @type {ReturnType<typeof answered> | null} */
  let shown = null;
  const update = () => {
    node.dataset.stage = song.stage;
    way.hidden = song.stage === "done" || song.stage === "failed";
    stage.textContent = STAGES[song.stage] + (song.share ? ` ${percent(song.share)}` : "");
    if (song.stage === "waiting" || (song.stage === "analysing" && !song.share)) bar.removeAttribute("value");
    else bar.value = song.share;
    if (song.stage === "failed") content.replaceChildren(failure(song, page));
    if (song.stage === "done" && !shown && song.answer) {
      shown = answered(song, song.answer, page);
      content.replaceChildren(shown.node);
      shown.redraw();
    }
    if (song.stage !== "done" && song.stage !== "failed") content.replaceChildren();
  };
  update();
  return { node, update, redraw: () => shown?.redraw(), showSlice: (slice, sounding) => shown?.showSlice(slice, sounding) };
}

/** @param {Song} song @param {CardPage} page */
function failure(song, page) {
  return el("div", {}, el("p", { class: "bad", text: song.error }),
    button("Try again", `Upload ${song.file.name} again`, () => page.again(song)));
}

/** @param {Song} song @param {Answer} answer @param {CardPage} page */
function answered(song, answer, page) {
  const over = slices(answer, page.model, (slice) => page.play(song, slice));
  const play = button("", "", () => (page.isSounding(song) ? page.pause() : page.play(song, over.chosen())), { class: "main play" });
  const label = (/** @type {boolean} */ sounding) => {
    play.textContent = sounding ? "❚❚ Pause" : "▶ Play";
    play.setAttribute("aria-label", `${sounding ? "Pause" : "Play"} ${song.file.name}`);
  };
  label(false);
  const facts = `${duration(answer.seconds)} · ${count(answer.slices, "slice")}${answer.note ? ` · ${answer.note}` : ""}`;
  const node = el("div", { class: "answer" }, el("div", { class: "bars" }, ...bars(answer, page.model.labels)), tags(answer), over.node,
    el("div", { class: "row" }, play, el("span", { class: "soft small", text: facts })));
  return { node, redraw: over.draw, showSlice: (/** @type {number} */ slice, /** @type {boolean} */ sounding) => {
    label(sounding);
    over.choose(slice);
  } };
}

/** @param {Answer} answer @param {string[]} labels */
function bars({ task, genres, probabilities }, labels) {
  const ranked = Object.entries(probabilities).sort(([, one], [, other]) => other - one);
  const several = task === "multi", isShown = (/** @type {[string, number]} */ [name, share], /** @type {number} */ i) => (
    genres.includes(name) || (i < MAX_GENRES && share >= MIN_PROBABILITY));
  return ranked.filter(isShown).map(([name, share]) => genreBar(name, share, labels.indexOf(name), several && genres.includes(name)));
}

/** The most probable tags, as a model with tags gives them. @param {Answer} answer */
function tags({ tags: found }) {
  if (!found) return null;
  const ranked = Object.entries(found).sort(([, one], [, other]) => other - one).slice(0, MAX_TAGS);
  return el("ul", { class: "tags", "aria-label": "Tags" }, ...ranked.map(([name, share]) => el("li", { text: `${name} ${percent(share)}` })));
}
