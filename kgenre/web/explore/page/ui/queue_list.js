// The tracks of the queue, each with a button that plays it and one that removes it.

/** @import { Page, Queue } from "page/core/types" */
import { NEUTRAL, css, labelColour } from "shared/colours.js";
import { button, el } from "shared/dom.js";

const MAX_BEFORE = 50, MAX_AFTER = 150; // tracks that are listed before and after the present one

/** @param {Page} page @param {Queue} queue @param {(place: number) => void} play @param {(place: number) => void} remove */
export function queueList(page, { rows, at }, play, remove) {
  const first = Math.max(0, at - MAX_BEFORE), last = Math.min(rows.length, Math.max(0, at) + MAX_AFTER);
  return el("ol", { class: "list queue" },
    more(first), ...rows.slice(first, last).map((row, i) => item(page, row, first + i, at, play, remove)), more(rows.length - last));
}

/** @param {Page} page @param {number} row @param {number} place @param {number} at @param {(place: number) => void} play @param {(place: number) => void} remove */
function item({ tracks }, row, place, at, play, remove) {
  const title = tracks.title(row), dot = el("span", { class: "dot" });
  dot.style.background = css(tracks.unsure[row] ? NEUTRAL : labelColour(tracks.label(row)));
  const credits = tracks.credits(row).slice(0, 2).join(" · ") || tracks.text("folder", row);
  const current = place === at ? { "aria-current": "true" } : {};
  return el("li", { class: place === at ? "current" : "" },
    el("button", { class: "entry", id: `queued-${place}`, title: "Play this one now", ...current, on: { click: () => play(place) } }, dot,
      el("div", { class: "text" }, el("div", { text: title }), el("div", { class: "soft small", text: credits }))),
    button("✕", "Remove from the queue", () => remove(place), { class: "remove", id: `unqueue-${place}`, "aria-label": `Remove ${title} from the queue` }));
}

/** @param {number} hidden */
function more(hidden) { return hidden > 0 ? el("li", { class: "soft small", text: `and ${hidden.toLocaleString()} more` }) : null; }
