// The search, the folder, and the way back to all recordings.

/** @import { Page } from "page/core/types" */
import { shownRows } from "page/actions/colouring.js";
import { filterByTag } from "page/actions/model_tags.js";
import { say } from "page/actions/notices.js";
import { select } from "page/actions/selection.js";
import { lasting } from "page/core/queue.js";
import { count } from "shared/text.js";

/** @param {Page} page @param {string} query */
export function search({ store, tracks }, query) {
  const hits = tracks.search(query);
  store.set({ query, hits, queue: hits ? lasting(store.state.queue) : store.state.queue });
}

/** Shows the recordings with a file in a folder or below it; "" shows all. @param {Page} page @param {string} folder */
export function setFolder({ store, tracks }, folder) {
  const within = (/** @type {string} */ name) => name === folder || name.startsWith(`${folder}/`);
  const { names, codes } = tracks.columns.folder, inside = names.map(within);
  store.set({ folder, folderHits: folder ? tracks.rowsWith((file) => inside[codes[file]]) : null });
}

/** Selects all hits that are shown and brings them into view. @param {Page} page */
export function selectHits(page) {
  const rows = shownRows(page);
  if (!rows.length) return say(page, "No hits to select.");
  select(page, rows);
  page.store.set({ reveal: { rows } });
  say(page, `${count(rows.length, "recording")} selected.`);
}

/** Ends the search and every filter, so that all recordings are in colour. @param {Page} page */
export function showAll(page) {
  search(page, "");
  setFolder(page, "");
  filterByTag(page, "", 0);
  page.store.set({ hidden: new Set() });
}
