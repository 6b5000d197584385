// The search and the folder.

/** @import { Page } from "page/core/types" */

/** @param {Page} page @param {string} query */
export function search({ store, tracks }, query) {
  store.set({ query, hits: tracks.search(query), sequence: null });
}

/** Shows the recordings with a file in a folder or below it; "" shows all. @param {Page} page @param {string} folder */
export function setFolder({ store, tracks }, folder) {
  const within = (/** @type {string} */ name) => name === folder || name.startsWith(`${folder}/`);
  const { names, codes } = tracks.columns.folder, inside = names.map(within);
  store.set({ folder, folderHits: folder ? tracks.rowsWith((file) => inside[codes[file]]) : null });
}
