// Genre tags in the files.

/** @import { Page, TagsWritten } from "page/core/types" */
import { updateLegend } from "page/actions/colouring.js";
import { search } from "page/actions/search.js";

/** Tracks whose tag may be written: of those with a genre tag only the corrected ones, unless `overwrite`. @param {Page} page @param {readonly number[]} rows @param {boolean} overwrite */
export function taggableIds({ store, tracks }, rows, overwrite) {
  const wanted = rows.filter((row) => overwrite || store.state.corrections.has(row) || !tracks.text("tag", row));
  return wanted.map((row) => tracks.ids[row]);
}

/** Takes over what was written, or undone. @param {Page} page @param {TagsWritten} written */
export function takeTags(page, written) {
  const { store, tracks } = page;
  for (const [id, genre] of written.tags) {
    const row = tracks.rowOf.get(id);
    if (row !== undefined) tracks.setTag(row, genre);
  }
  updateLegend(page);
  search(page, store.state.query);
}
