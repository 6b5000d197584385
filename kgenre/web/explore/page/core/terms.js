// What tracks may have in common by name: genres, tags, folders, artists, albums.

/** @import { Legend } from "page/core/types" */
/** @import { Tracks } from "page/core/tracks.js" */
import { NEUTRAL } from "shared/colours.js";

const NONE = -1; // in place of a name's number
const TAGS_PER_TRACK = 4, MIN_TAG = 0.2; // as in the tables that `kgenre find` writes

export class Terms {
  /**
   * @param {string[]} names
   * @param {Int32Array} codes `each` numbers of names for a row, then for the next
   * @param {number} each
   * @param {Uint8Array} gone 1 for rows that do not count
   */
  constructor(names, codes, each, gone) {
    this.names = names;
    this.codes = codes;
    this.each = each;
    this.counts = new Uint32Array(names.length); // of all rows
    this.total = 0;
    for (let row = 0; row < gone.length; row++) {
      if (gone[row]) continue;
      this.total++;
      for (let k = row * each; k < (row + 1) * each; k++) if (codes[k] !== NONE) this.counts[codes[k]]++;
    }
  }
}

/**
 * For the whole map, for its parts and for a few tracks: what the names of places are taken from, the best first. Names
 * are those that the colours have, where they have any.
 *
 * @param {Tracks} tracks
 * @param {string} colouring
 * @param {Legend} legend
 * @returns {Terms[][]}
 */
export function termLevels(tracks, colouring, legend) {
  const genres = colouring === "tag" || colouring === "folder" ? legendTerms(tracks, legend) : genreTerms(tracks);
  const finer = colouring === "folder" ? columnTerms(tracks, "folder") : tracks.tags ? tagTerms(tracks) : columnTerms(tracks, "tag");
  return [[genres], [finer, genres], [creditTerms(tracks), finer, genres]];
}

/** @param {Tracks} tracks */
function genreTerms(tracks) {
  const codes = Int32Array.from({ length: tracks.n }, (_, row) => (tracks.unsure[row] ? NONE : tracks.label(row)));
  return new Terms(tracks.labels, codes, 1, tracks.gone);
}

/** The entries of a legend, without those that name what a track has not. @param {Tracks} tracks @param {Legend} legend */
function legendTerms(tracks, legend) {
  if (legend.kind === "ramp") return genreTerms(tracks);
  const { entries, entryOf } = legend;
  return new Terms(entries.map(({ name }) => lastPart(name)), entryOf.map((entry) => (entries[entry].colour === NEUTRAL ? NONE : entry)), 1, tracks.gone);
}

/** @param {Tracks} tracks @param {"folder" | "tag"} column of the files */
function columnTerms(tracks, column) {
  const { names } = tracks.columns[column];
  return new Terms(names.map(lastPart), tracks.codes(column).map((code) => (names[code] && names[code] !== "." ? code : NONE)), 1, tracks.gone);
}

/** Of a folder its own name. @param {string} name */
function lastPart(name) { return name.slice(name.lastIndexOf("/") + 1) || name; }

/** The likely tags of the model. @param {Tracks} tracks */
function tagTerms({ n, tags, gone }) {
  if (!tags) throw new Error("the tags are not fetched yet");
  const { names, values } = tags, codes = new Int32Array(n * TAGS_PER_TRACK).fill(NONE), all = names.length;
  const likely = Math.round(255 * MIN_TAG);
  for (let row = 0; row < n; row++) {
    const found = codes.subarray(row * TAGS_PER_TRACK, (row + 1) * TAGS_PER_TRACK);
    for (let tag = 0; tag < all; tag++) {
      const value = values[row * all + tag];
      if (value < likely) continue;
      let k = TAGS_PER_TRACK; // sorted in, the most probable first
      while (k > 0 && (found[k - 1] === NONE || values[row * all + found[k - 1]] < value)) k--;
      if (k === TAGS_PER_TRACK) continue;
      found.copyWithin(k + 1, k, TAGS_PER_TRACK - 1);
      found[k] = tag;
    }
  }
  return new Terms(names, codes, TAGS_PER_TRACK, gone);
}

/** Artists and albums. @param {Tracks} tracks */
function creditTerms(tracks) {
  const { artist, album } = tracks.columns, artists = tracks.codes("artist"), albums = tracks.codes("album");
  const codes = new Int32Array(2 * tracks.n);
  for (let row = 0; row < tracks.n; row++) {
    codes[2 * row] = artist.names[artists[row]] ? artists[row] : NONE;
    codes[2 * row + 1] = album.names[albums[row]] ? artist.names.length + albums[row] : NONE;
  }
  return new Terms([...artist.names, ...album.names], codes, 2, tracks.gone);
}
