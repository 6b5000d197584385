// The tracks of the queue, each with a button that plays it and one that removes it.

/** @import { Page, Queue } from "page/core/types" */
import { button, el } from "shared/dom.js";
import { rovingRows } from "shared/roving.js";
import { rowParts } from "page/ui/track_parts.js";

const MAX_BEFORE = 50, MAX_AFTER = 150; // tracks that are listed before and after the present one

/** @param {Page} page @param {Queue} queue @param {(place: number) => void} play @param {(place: number) => void} remove */
export function queueList(page, { rows, at }, play, remove) {
  const first = Math.max(0, at - MAX_BEFORE), last = Math.min(rows.length, Math.max(0, at) + MAX_AFTER);
  const list = el("ol", { class: "list queue", role: "list", "aria-label": "Queue", start: first + 1 },
    more(first), ...rows.slice(first, last).map((row, i) => item(page, row, first + i, at, play, remove)), more(rows.length - last));
  rovingRows(list, "li", "button");
  return list;
}

/** @param {Page} page @param {number} row @param {number} place @param {number} at @param {(place: number) => void} play @param {(place: number) => void} remove */
function item({ tracks }, row, place, at, play, remove) {
  const current = place === at ? { "aria-current": "true" } : {};
  return el("li", { class: place === at ? "current" : "" },
    el("button", { class: "pick", id: `queued-${place}`, title: "Play this one now", ...current, on: { click: () => play(place) } },
      ...rowParts(tracks, row)),
    button("✕", "Remove from the queue", () => remove(place), { class: "remove", id: `unqueue-${place}`, "aria-label": `Remove ${tracks.title(row)} from the queue` }));
}

/** @param {number} hidden */
function more(hidden) { return hidden > 0 ? el("li", { class: "soft small", text: `and ${hidden.toLocaleString()} more` }) : null; }
