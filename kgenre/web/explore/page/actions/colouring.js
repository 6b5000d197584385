// The meaning of the colours, and which tracks are in colour: by legend, folder, tag and search. The rest is grey.

/** @import { Page } from "page/core/types" */
import { COLOURINGS, shownEntry } from "page/core/colourings.js";

/** @param {Page} page @param {string} name one of COLOURINGS */
export function setColouring({ store, tracks }, name) {
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
  const names = new Set([...hidden].map((entry) => before.entries[entry].name));
  page.store.set({ hidden: new Set([...legend.entries.keys()].filter((entry) => names.has(legend.entries[entry].name))) });
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

/** Whether a track is in colour and can be pointed at. @param {Page} page @param {number} row */
export function isShown({ store, tracks }, row) {
  const { legend, hidden, folderHits, hits, tagHits } = store.state;
  if (tracks.gone[row]) return false;
  if (legend.kind === "categories" && shownEntry(legend, hidden, row) < 0) return false;
  if (folderHits && !folderHits[row]) return false;
  if (tagHits && !tagHits[row]) return false;
  return !hits || hits[row] === 1;
}

/** @param {Page} page */
export function shownRows(page) {
  return Array.from(page.tracks.ids.keys()).filter((row) => isShown(page, row));
}
