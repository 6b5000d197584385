// The data source of a page that is one file: the library lies in it, and there is no server to ask.

/** @import { DataSource, LibraryData } from "page/core/types" */
import { Tracks } from "page/core/tracks.js";

/** @param {LibraryData} data @returns {DataSource} */
export function openOfflineSource(data) {
  return {
    data,
    limits: "offline page: no sound, covers, paths, playlists or retraining",
    csv: async (ids) => new Blob([table(new Tracks(data), ids)], { type: "text/csv" }),
  };
}

/** @param {Tracks} tracks @param {number[]} ids */
function table(tracks, ids) {
  const cells = ids.map((id) => {
    const row = /** @type {number} */ (tracks.rowOf.get(id));
    return [tracks.titles[row], tracks.text("artist", row), tracks.text("album", row), tracks.year[row] || "",
      tracks.text("tag", row), tracks.unsure[row] ? "unsure" : tracks.answer(row).join("|")];
  });
  const quoted = (/** @type {string | number} */ cell) => `"${String(cell).replace(/"/g, '""')}"`;
  const lines = [["title", "artist", "album", "year", "genre", "predicted"], ...cells];
  return lines.map((line) => `${line.map(quoted).join(",")}\n`).join("");
}
