// The list of folders.

/** @import { Binding, Page } from "page/core/types" */
import { setFolder } from "page/actions/search.js";
import { byId, el } from "shared/dom.js";

const MAX_FOLDERS = 5000;

/** @param {Page} page @returns {Binding[]} */
export function folderSection(page) {
  const list = byId("folder", HTMLSelectElement), folders = withParents(page.tracks.columns.folder.names);
  list.append(el("option", { value: "", text: "all" }),
    ...folders.slice(0, MAX_FOLDERS).map((text) => el("option", { value: text, text })));
  list.addEventListener("change", () => setFolder(page, list.value));
  page.store.subscribe(["folder"], ({ folder }) => { list.value = folder; });
  return [];
}

/** @param {string[]} names */
function withParents(names) {
  const folders = new Set();
  for (const name of names) {
    for (let part = name; part; part = part.slice(0, Math.max(0, part.lastIndexOf("/")))) folders.add(part);
  }
  return [...folders].sort();
}
