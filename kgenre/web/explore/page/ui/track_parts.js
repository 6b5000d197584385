// What is shown of a track in several places: its heading, its genres, a list of tracks.

/** @import { Page } from "page/core/types" */
/** @import { Tracks } from "page/core/tracks.js" */
/** @import { Child } from "shared/dom.js" */
import { NEUTRAL, css, labelColour } from "shared/colours.js";
import { count, duration, percent } from "shared/text.js";
import { AGREEMENT, UNSURE as UNSURE_NAME } from "page/core/tracks.js";
import { el } from "shared/dom.js";
import { rovingRows } from "shared/roving.js";
import { genreBar } from "shared/genre_bar.js";

const MAX_ROWS = 200;
const MAX_CHIPS = 5, MIN_TAG = 0.05; // tags of a track that are shown
const MIN_PROBABILITY = 0.004; // of a genre that is shown
const UNSURE = "Unsure: none of these may fit";

/** How many recordings there are, and of how many files. @param {Tracks} tracks */
export function sizeOf({ there, filesThere }) {
  return [count(there, "recording"), ...(filesThere > there ? [count(filesThere, "file")] : [])].join(", ");
}

/** Cover, title, artist, album. @param {Page} page @param {number} row */
export function trackHeading({ tracks, source }, row) {
  const [artist, ...rest] = tracks.credits(row);
  const head = el("div", { class: "head" }, el("div", {}, el("div", { class: "title", text: tracks.title(row) }),
    el("div", { class: "soft", text: artist || tracks.text("folder", row) }),
    el("div", { class: "soft small", text: rest.join(" · ") })));
  if (source.coverUrl) {
    const image = el("img", { alt: "", on: { load: () => head.prepend(image) } });
    image.src = source.coverUrl(tracks.ids[row]);
  }
  return head;
}

/** The most probable genres as bars, the correction, the tag. @param {Page} page @param {number} row */
export function genreBars({ tracks, store }, row) {
  const bars = tracks.genres(row).filter(({ probability, chosen }) => chosen || probability > MIN_PROBABILITY)
    .map(({ label, probability, chosen }) => genreBar(
      tracks.labels[label], probability, label, tracks.several && chosen));
  if (tracks.unsure[row]) bars.unshift(el("div", { class: "small", text: UNSURE }));
  const corrected = store.state.corrections.get(row), tag = tracks.text("tag", row);
  const disagree = tracks.agreement(row) === AGREEMENT.disagree;
  if (corrected) bars.push(el("div", { class: "small", text: `Corrected to: ${corrected}` }));
  if (tag) bars.push(el("div", { class: disagree ? "small bad" : "small soft", text: `Genre tag: ${tag}` }));
  return bars;
}

/**
 * The most probable tags that are no genres, which have bars; nothing until the tags are fetched.
 *
 * @param {Page} page @param {number} row
 * @param {((tag: string) => void) | null} click of a chip
 */
export function tagChips({ tracks, store }, row, click) {
  const found = tracks.tags?.top(row, MAX_CHIPS, MIN_TAG, new Set(tracks.labels)) ?? [];
  if (!found.length) return null;
  return el("div", { class: "row chips" }, ...found.map(({ name, probability }) => {
    const text = [el("span", { text: name }), " ", el("span", { class: "soft", text: percent(probability) })];
    return click ? el("button", { class: "chip", title: `Colour the map by ${name}`, "aria-pressed": String(name === store.state.tag),
      on: { click: () => click(name) } }, ...text) : el("span", { class: "chip" }, ...text);
  }));
}

/** Scrolls a list to its current track, and the panel where the list is in sight. @param {HTMLElement} section */
export function followCurrent(section) {
  const item = section.querySelector(".list .current"), list = item?.closest(".list"), panel = section.closest("#panel");
  if (!item || !list || !panel) return;
  const box = list.getBoundingClientRect(), place = item.getBoundingClientRect(), seen = panel.getBoundingClientRect();
  if (box.top < seen.bottom && box.bottom > seen.top) return item.scrollIntoView({ block: "nearest" });
  list.scrollTop += Math.min(0, place.top - box.top) + Math.max(0, place.bottom - box.bottom);
}

/**
 * A list of recordings, as far as it is of use: one stop of the Tab key, within which the arrows move.
 *
 * @param {Page} page
 * @param {readonly number[]} rows
 * @param {(row: number) => void} click
 * @param {{ label: string, before?: (row: number) => Child, after?: (row: number) => string }} options its name, and what stands beside a recording
 */
export function trackList({ tracks, store }, rows, click, { label, before = () => null, after = (row) => duration(tracks.seconds[row]) }) {
  const items = rows.slice(0, MAX_ROWS).map((row) => {
    const current = row === store.state.current;
    const pick = el("button", { class: "pick", "data-row": row, on: { click: () => click(row) } },
      ...rowParts(tracks, row), el("span", { class: "aside", text: after(row) }));
    if (current) pick.setAttribute("aria-current", "true");
    return el("li", { class: current ? "current" : "" }, before(row), pick);
  });
  const hidden = rows.length - items.length;
  const more = hidden > 0 ? el("li", { class: "soft", text: `and ${hidden.toLocaleString()} more` }) : null;
  const list = el("ul", { class: "list", role: "list", "aria-label": label }, ...items, more);
  rovingRows(list, "li", "button, input");
  return list;
}

/** A recording in a line: its genre as a dot, title, artist and album. @param {Tracks} tracks @param {number} row */
export function rowParts(tracks, row) {
  const unsure = tracks.unsure[row], genre = unsure ? UNSURE_NAME : tracks.genre(row), dot = el("span", { class: "dot", title: genre });
  dot.style.background = css(unsure ? NEUTRAL : labelColour(tracks.label(row)));
  const credits = tracks.credits(row).slice(0, 2).join(" · ") || tracks.text("folder", row);
  return [dot, el("span", { class: "text" }, el("span", { text: tracks.title(row) }), el("span", { class: "soft small", text: credits }),
    el("span", { class: "unseen", text: genre }))];
}
