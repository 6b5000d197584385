// The search and the folder.

/** @import { Page } from "page/core/types" */
import { lasting } from "page/core/queue.js";

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
