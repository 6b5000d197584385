// What the panel shows while no track is chosen: how much music there is, of which genres, and ways to begin.

/** @import { Binding, Page } from "page/core/types" */
import { startDrift } from "page/actions/drift.js";
import { attempt } from "page/actions/notices.js";
import { showAnyPath } from "page/actions/path.js";
import { selectGenre } from "page/actions/selection.js";
import { surprise } from "page/actions/tracks.js";
import { hasMouse } from "page/core/pointer.js";
import { UNSURE } from "page/core/tracks.js";
import { failuresText, showFailures } from "page/ui/failures.js";
import { sizeOf } from "page/ui/track_parts.js";
import { NEUTRAL, css, labelColour } from "shared/colours.js";
import { musicLength } from "shared/text.js";
import { button, byId, el, redraw } from "shared/dom.js";

const MAX_GENRES = 10;

/** @param {Page} page @returns {Binding[]} */
export function startSection(page) {
  const { source, store } = page, section = byId("start", HTMLElement);
  store.subscribe(["current", "selection", "genres", "gone", "failures"], ({ current, selection, failures }) => {
    section.hidden = current >= 0 || selection.length > 0;
    if (section.hidden) return redraw(section, []);
    redraw(section, [...summary(page), genreBar(page), invitations(page), ...hints(page),
      source.failures && failures.length ? button(`⚠ ${failuresText(failures)}`, "Which ones, and why (X)", () => showFailures(store.state.failures),
        { id: "start-failures", class: "bad" }) : null]);
  });
  return [{ label: "click", text: source.audio ? "show a recording and play its deciding slice" : "show a recording" }];
}

/** @param {Page} page */
function summary({ tracks }) {
  const seconds = tracks.seconds.reduce((sum, one, row) => sum + (tracks.gone[row] ? 0 : one), 0);
  return [el("h2", { text: sizeOf(tracks) }), el("p", { class: "soft", id: "music-length", text: `${musicLength(seconds)} of music` })];
}

/** The genres as one bar, and each with a button that selects it. @param {Page} page */
function genreBar(page) {
  const { tracks } = page, counts = genreCounts(page), whole = tracks.there || 1, more = counts.length - MAX_GENRES;
  const part = (/** @type {number} */ label, /** @type {number} */ number) => {
    const one = el("i");
    one.style.flexGrow = String(number);
    one.style.background = colour(label);
    return one;
  };
  const rows = counts.slice(0, MAX_GENRES).map(([label, number]) => {
    const bar = el("span", { class: "meter" }, el("i")), filled = /** @type {HTMLElement} */ (bar.firstChild);
    filled.style.width = `${(100 * number) / whole}%`;
    filled.style.background = colour(label);
    const name = tracks.labels[label] ?? UNSURE;
    return el("button", { class: "genre", title: `Select the recordings of ${name}`, "data-row": label, on: { click: () => selectGenre(page, label) } },
      el("span", { text: name }), bar, el("span", { text: number.toLocaleString() }));
  });
  return el("div", { id: "genre-bar", role: "group", "aria-label": "Predicted genres" },
    el("div", { class: "stack", "aria-hidden": "true" }, ...counts.map(([label, number]) => part(label, number))), ...rows,
    more > 0 ? el("p", { class: "soft small", text: `and ${more} more ${more === 1 ? "genre" : "genres"}` }) : null);
}

/** @param {number} label -1: unsure */
function colour(label) { return css(label < 0 ? NEUTRAL : labelColour(label)); }

/** [label, recordings], most first; label -1 is unsure. @param {Page} page @returns {[number, number][]} */
function genreCounts({ tracks }) {
  /** @type {Map<number, number>} */
  const counts = new Map();
  for (let row = 0; row < tracks.n; row++) {
    const label = tracks.unsure[row] ? -1 : tracks.label(row);
    if (!tracks.gone[row]) counts.set(label, (counts.get(label) ?? 0) + 1);
  }
  return [...counts].sort((a, b) => b[1] - a[1]);
}

/** @param {Page} page */
function invitations(page) {
  const { source } = page;
  return el("div", { class: "row" },
    source.audio ? button("Drift", "Play on by itself, from one recording to the nearest", () => startDrift(page), { id: "start-drift", class: "main" }) : null,
    button("Surprise me", source.audio ? "Play any recording from the slice that decided its genre" : "Show any recording",
      () => attempt(page, Promise.resolve(surprise(page))), { id: "surprise" }),
    source.path ? button("Try a path", "Recordings that lead from one end of the map to another",
      () => attempt(page, Promise.resolve(showAnyPath(page))), { id: "try-path" }) : null);
}

/** @param {Page} page */
function hints({ source }) {
  const click = source.audio ? "Choose one to hear the slice that decided its genre." : "Choose one to keep it here.";
  return [el("p", { class: "soft", text: `Recordings that sound alike lie together. ${click} Lasso and Box select what you draw around, ` +
    `to save it as a ${source.playlist ? "playlist" : "table"}.${hasMouse ? " ? shows the keys." : ""}` })];
}
