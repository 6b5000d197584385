// What lists of tracks have of the chosen tag: a button that puts them in its order, and its probability beside each.

/** @import { Page } from "page/core/types" */
import { button, el } from "shared/dom.js";
import { percent } from "shared/text.js";

/** Nothing until a tag was chosen. @param {Page} page @param {(sorted: boolean) => void} set */
export function orderRow(page, set) {
  const { tag, sortByTag } = page.store.state;
  return tag ? el("div", { class: "row" }, button(`Sort by ${tag}`, `Recordings with the highest probability of ${tag} first`,
    () => set(!sortByTag), { class: "sort-by-tag", "aria-pressed": String(sortByTag) })) : null;
}

/** The text beside a track in a list that is in the order of the tag; undefined for other lists. @param {Page} page */
export function tagAside({ store, tracks }) {
  const { tag, sortByTag } = store.state, table = tracks.tags;
  return tag && sortByTag && table ? (/** @type {number} */ row) => percent(table.probability(row, tag)) : undefined;
}
