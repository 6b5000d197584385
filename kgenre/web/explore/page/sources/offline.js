// The data source of a page that is one file: the library lies in it, and there is no server to ask.

/** @import { DataSource, LibraryData } from "page/core/types" */
import { TagTable } from "page/core/tag_table.js";
import { Tracks, UNSURE } from "page/core/tracks.js";

const MIN_TAG = 0.2; // as in the tables that `kgenre find` writes

/** @param {LibraryData} data @returns {DataSource} */
export function openOfflineSource(data) {
  return {
    data,
    limits: "offline page: no sound, covers, paths, playlists or retraining",
    csv: async (ids) => ({ file: new Blob([table(data, ids)], { type: "text/csv" }), skipped: 0 }),
    tagTable: async () => tagData(data),
  };
}

/** @param {LibraryData} data */
function tagData(data) { return data.tag_table ?? { ids: "", values: "" }; }

/** @param {LibraryData} data @param {number[]} ids */
function table(data, ids) {
  const tracks = new Tracks(data), tags = new TagTable(tracks.tagNames, tagData(data), tracks);
  const named = tracks.tagNames.length > 0;
  const cells = ids.map((id) => {
    const row = /** @type {number} */ (tracks.rowOf.get(id));
    return [tracks.path(tracks.standing[row]), tracks.title(row), tracks.text("artist", row), tracks.text("album", row), tracks.yearOf(row) || "",
      tracks.text("tag", row), tracks.unsure[row] ? UNSURE : tracks.answer(row).join("|"),
      ...(named ? [tags.top(row, tracks.tagNames.length, MIN_TAG, new Set()).map(({ name }) => name).join("|")] : [])];
  });
  const quoted = (/** @type {string | number} */ cell) => `"${String(cell).replace(/"/g, '""')}"`;
  const lines = [["path", "title", "artist", "album", "year", "genre", "predicted", ...(named ? ["tags"] : [])], ...cells];
  return lines.map((line) => `${line.map(quoted).join(",")}\n`).join("");
}
