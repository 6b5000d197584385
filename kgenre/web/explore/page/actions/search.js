// The search and the folder.

/** @import { Page } from "page/core/types" */

/** @param {Page} page @param {string} query */
export function search({ store, tracks }, query) {
  store.set({ query, hits: tracks.search(query), sequence: null });
}

/** Shows a folder with those below it; "" shows all. @param {Page} page @param {string} folder */
export function setFolder({ store, tracks }, folder) {
  const within = (/** @type {string} */ name) => name === folder || name.startsWith(`${folder}/`);
  const { names } = tracks.columns.folder;
  store.set({ folder, folderCodes: folder ? new Set([...names.keys()].filter((code) => within(names[code]))) : null });
}
