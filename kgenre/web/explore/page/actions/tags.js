// Genres and moods in the files' tags.

/** @import { Page, TagsWritten, WantedTags } from "page/core/types" */
import { updateLegend } from "page/actions/colouring.js";
import { search } from "page/actions/search.js";

/** @typedef {{ overwrite: boolean, several: boolean, moods: boolean }} TagChoices what is ticked in the dialog */

/** @param {Page} page @param {readonly number[]} rows @param {TagChoices} choices @returns {WantedTags} */
export function wantedTags({ tracks }, rows, choices) { return { ids: rows.map((row) => tracks.ids[row]), ...choices }; }

/** Takes over what was written, or undone. @param {Page} page @param {TagsWritten} written */
export function takeTags(page, written) {
  const { store, tracks } = page, fileOf = new Map(Array.from(tracks.fileIds, (id, file) => [id, file]));
  for (const [id, genre] of written.tags) {
    const file = fileOf.get(id);
    if (file !== undefined) tracks.setTag(file, genre);
  }
  updateLegend(page);
  search(page, store.state.query);
}
