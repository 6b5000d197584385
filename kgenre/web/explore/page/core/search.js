// The order of a search's hits: by what holds the words.

/** @import { Tracks } from "page/core/tracks.js" */
import { fold } from "shared/text.js";

/** Where the words of a search are found, best first. Words that no single one of the texts holds are found elsewhere. */
export const PLACES = ["Title", "Artist", "Album", "Folder, genre, tag or year"];

/** @typedef {{ place: string, rows: number[] }} HitGroup */

/**
 * The first hits by PLACES; those whose title begins with the query are the first of all.
 *
 * @param {Tracks} tracks
 * @param {string} query
 * @param {Uint8Array} hits of the rows
 * @param {number} limit of all groups together
 * @returns {HitGroup[]} without empty ones
 */
export function rankedHits(tracks, query, hits, limit) {
  const placeOf = placement(tracks, query), buckets = Array.from({ length: PLACES.length + 1 }, () => /** @type {number[]} */ ([]));
  for (let row = 0; row < hits.length && buckets[0].length < limit; row++) {
    if (!hits[row]) continue;
    const bucket = buckets[placeOf(row)];
    if (bucket.length < limit) bucket.push(row);
  }
  let left = limit;
  const [begins, ...others] = buckets;
  return [[...begins, ...others[0]], ...others.slice(1)].flatMap((rows, i) => {
    const first = rows.slice(0, left);
    left -= first.length;
    return first.length ? { place: PLACES[i], rows: first } : [];
  });
}

/** The number of a row's bucket: 0 where a title begins with the query, then those of PLACES. @param {Tracks} tracks @param {string} query @returns {(row: number) => number} */
function placement(tracks, query) {
  const whole = fold(query).trim(), words = whole.split(/\s+/), folded = tracks.index(), { artist, album } = tracks.columns;
  const hasAll = (/** @type {string} */ text) => words.every((word) => text.includes(word));
  const artists = folded.artist.map(hasAll), albums = folded.album.map(hasAll);
  const bucket = (/** @type {number} */ file) => {
    const title = folded.titles[file];
    if (title.startsWith(whole)) return 0;
    if (hasAll(title)) return 1;
    if (artists[artist.codes[file]]) return 2;
    return albums[album.codes[file]] ? 3 : PLACES.length;
  };
  return (row) => (tracks.copies.has(row) ? Math.min(...tracks.files(row).map(bucket)) : bucket(row));
}
