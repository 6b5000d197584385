// The meaning of the colours, and which tracks are in colour: by legend, folder, tag and search. The rest is grey.

/** @import { Page, State } from "page/core/types" */
import { COLOURINGS, shownEntry } from "page/core/colourings.js";
import { beginChoice } from "page/core/latest.js";

/** @param {Page} page @param {string} name one of COLOURINGS */
export function setColouring(page, name) {
  const { store, tracks } = page;
  beginChoice(page, "colouring");
  store.set({ colouring: name, legend: COLOURINGS[name].legend(tracks, store.state.tag), hidden: new Set() });
}

/** Makes the legend again after genres or tags have changed. @param {Page} page */
export function updateLegend({ store, tracks }) {
  store.set({ legend: COLOURINGS[store.state.colouring].legend(tracks, store.state.tag), genres: store.state.genres + 1 });
}

/** Makes the legend again after genres of some tracks have changed: what is hidden stays so. @param {Page} page */
export function refineLegend(page) {
  const { legend: before, hidden } = page.store.state;
  updateLegend(page);
  const { legend } = page.store.state;
  if (before.kind !== "categories" || legend.kind !== "categories" || !hidden.size) return;
  hideEntries(page, [...hidden].map((entry) => before.entries[entry].name));
}

/** Hides the entries with these names, and no others. @param {Page} page @param {readonly string[]} names */
export function hideEntries({ store }, names) {
  const { legend } = store.state;
  if (legend.kind !== "categories") return;
  const numbers = [...legend.entries.keys()].filter((entry) => names.includes(legend.entries[entry].name));
  store.set({ hidden: new Set(numbers) });
}

/** Hides an entry of the legend, or shows it again. @param {Page} page @param {number} entry */
export function toggleEntry({ store }, entry) {
  const hidden = new Set(store.state.hidden);
  if (!hidden.delete(entry)) hidden.add(entry);
  store.set({ hidden });
}

/** Shows one entry alone; shows all again where it was alone. @param {Page} page @param {number} entry @param {ReadonlySet<number>} before entries that were hidden */
export function showOnlyEntry({ store }, entry, before) {
  const { legend } = store.state;
  if (legend.kind !== "categories") return;
  const others = [...legend.entries.keys()].filter((one) => one !== entry);
  const alone = !before.has(entry) && others.every((one) => before.has(one));
  store.set({ hidden: new Set(alone ? [] : others) });
}

/** What isFound depends on. @type {(keyof State)[]} */
export const FILTERS = ["hits", "folderHits", "tagHits", "gone"];

/** Whether a recording is in the folder, has the tag, and is a hit of the search. @param {Page} page @param {number} row */
export function isFound({ store, tracks }, row) {
  const { folderHits, hits, tagHits } = store.state;
  return !tracks.gone[row] && (!folderHits || folderHits[row] === 1) && (!tagHits || tagHits[row] === 1) && (!hits || hits[row] === 1);
}

/** Whether a recording is in colour and can be pointed at. @param {Page} page @param {number} row */
export function isShown(page, row) {
  const { legend, hidden } = page.store.state;
  return isFound(page, row) && (legend.kind !== "categories" || shownEntry(legend, hidden, row) >= 0);
}

/** @param {Page} page */
export function shownRows(page) {
  return Array.from(page.tracks.ids.keys()).filter((row) => isShown(page, row));
}

/** @param {readonly number[]} rows */
export function randomOf(rows) { return rows[Math.floor(Math.random() * rows.length)]; }
