// The answer about a song: genres, tags, timeline and player.

/** @import { Answer, CardPage, Playing, Song } from "page/types" */
import { slices } from "page/slices.js";
import { button, el } from "shared/dom.js";
import { genreBar } from "shared/genre_bar.js";
import { count, duration, percent } from "shared/text.js";

const MIN_PROBABILITY = 0.01, MAX_GENRES = 6, MAX_TAGS = 8;
const UNSURE = "Unsure: none of its genres may fit. The most probable ones:";
const UNPLAYABLE = "This browser does not play that format.";

/** @param {Song} song @param {Answer} answer @param {CardPage} page */
export function answered(song, answer, page) {
  const { labels } = page.model, named = mainGenres(answer), several = answer.task === "multi";
  const bars = named.map((name) => genreBar(name, answer.probabilities[name], labels.indexOf(name), several && answer.genres.includes(name)));
  const over = slices(answer, page.model, named, (slice) => page.play(song, slice));
  const play = button("", "", () => page.toggle(song, over.chosen()), { class: "main play" });
  const time = el("span", { class: "time" }), fault = el("span", { class: "bad small", role: "status" });
  const length = duration(answer.seconds), facts = ` · ${count(answer.slices, "slice")}${answer.note ? ` · ${answer.note}` : ""}`;
  const showPlaying = (/** @type {Playing} */ { slice, seconds, sounding }) => {
    play.textContent = sounding ? "❚❚ Pause" : "▶ Play";
    play.setAttribute("aria-label", `${sounding ? "Pause" : "Play"} ${song.file.name}`);
    time.textContent = seconds === null ? length : `${duration(Math.floor(seconds))} / ${length}`;
    over.showPlace(seconds);
    over.choose(slice);
  };
  showPlaying({ slice: over.chosen(), seconds: null, sounding: false });
  const unsure = answer.genres.length ? null : el("p", { class: "small", text: UNSURE });
  const node = el("div", { class: "answer" }, unsure, el("div", { class: "bars" }, ...bars), tags(answer), over.node,
    el("div", { class: "row" }, play, el("span", { class: "soft small" }, time, facts)), fault);
  return { node, redraw: over.draw, showPlaying, showUnplayable: () => { fault.textContent = UNPLAYABLE; } };
}

/** Those that are shown as bars, the most probable first. @param {Answer} answer */
function mainGenres({ genres, probabilities }) {
  const ranked = Object.entries(probabilities).sort(([, one], [, other]) => other - one);
  return ranked.filter(([name, share], i) => genres.includes(name) || (i < MAX_GENRES && share >= MIN_PROBABILITY)).map(([name]) => name);
}

/** The most probable tags, as a model with tags gives them. @param {Answer} answer */
function tags({ tags: found }) {
  if (!found) return null;
  const ranked = Object.entries(found).sort(([, one], [, other]) => other - one).slice(0, MAX_TAGS);
  return el("ul", { class: "tags", "aria-label": "Tags" }, ...ranked.map(([name, share]) => el("li", { text: `${name} ${percent(share)}` })));
}
