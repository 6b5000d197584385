// Genres and moods in the files' tags.

/** @import { Page, TagsWritten, WantedTags } from "page/core/types" */
import { updateLegend } from "page/actions/colouring.js";
import { search } from "page/actions/search.js";

/** @typedef {{ overwrite: boolean, several: boolean, moods: boolean }} TagChoices what is ticked in the dialog */

/**
 * What may be written: the genre of tracks with a genre tag only where it was corrected, unless `overwrite`; moods
 * only into files without one, unless `overwrite`.
 *
 * @param {Page} page @param {readonly number[]} rows @param {TagChoices} choices @returns {WantedTags}
 */
export function wantedTags({ store, tracks }, rows, { overwrite, several, moods }) {
  const ids = (/** @type {readonly number[]} */ some) => some.map((row) => tracks.ids[row]);
  const genres = rows.filter((row) => overwrite || store.state.corrections.has(row) || !tracks.text("tag", row));
  return { ids: ids(genres), several, mood_ids: moods ? ids(rows) : [], overwrite_moods: overwrite };
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
