// The library as columns, a row for each recording, and the search in them.
//
// A recording may have several files, copies of the same audio. The number of its first file is that of its row; the
// numbers of the other files follow the last row. Its first file that is there stands for it.

/** @import { CodedColumn, GenreData, LibraryData } from "page/core/types" */
/** @import { TagTable } from "page/core/tag_table.js" */
import { bytes } from "page/core/base64.js";
import { fold, plain } from "shared/text.js";

const TEXT_COLUMNS = /** @type {const} */ (["artist", "album", "folder", "tag"]);
/** @typedef {typeof TEXT_COLUMNS[number]} TextColumn */

export const UNSURE = "unsure"; // in place of the genre, as in tables
/** Whether a track's genre tag and its genre agree. */
export const AGREEMENT = { noTag: 0, unknownTag: 1, agree: 2, disagree: 3, unsure: 4 };

export class Tracks {
  /** @param {LibraryData} data */
  constructor(data) {
    this.name = data.name;
    this.model = data.model;
    this.sliceSeconds = data.slice_seconds;
    this.quality = data.quality;
    this.ids = new Int32Array(bytes(data.ids).buffer); // of the files that stand for the recordings
    this.n = this.ids.length;
    this.copyOf = new Int32Array(bytes(data.copy_of).buffer); // the row of each file after the first ones
    this.fileIds = new Int32Array(this.n + this.copyOf.length);
    this.fileIds.set(this.ids);
    this.fileIds.set(new Int32Array(bytes(data.copy_ids).buffer), this.n);
    /** @type {Map<number, number[]>} the files of the rows that have several */
    this.copies = new Map();
    this.copyOf.forEach((row, i) => this.copies.set(row, [...this.copies.get(row) ?? [row], this.n + i]));
    this.standing = Int32Array.from(this.ids.keys()); // the file that stands for each row
    this.x = new Float32Array(bytes(data.x).buffer);
    this.y = new Float32Array(bytes(data.y).buffer);
    this.year = new Int16Array(bytes(data.year).buffer);
    this.seconds = new Float32Array(bytes(data.seconds).buffer);
    this.titles = data.titles;
    this.fileNames = data.files; // of an offline page
    this.tagNames = data.tag_names; // of the model; none where it has no tags
    /** @type {TagTable | null} null until they are fetched */
    this.tags = null;
    const coded = (/** @type {TextColumn} */ name) => (
      { names: data[name].names, codes: new Int32Array(bytes(data[name].codes).buffer) });
    /** @type {Record<TextColumn, CodedColumn<Int32Array>>} */
    this.columns = { artist: coded("artist"), album: coded("album"), folder: coded("folder"), tag: coded("tag") };
    /** @type {Map<number, number>} of the ids of all files, without the recordings that are gone */
    this.rowOf = new Map();
    this.fileGone = new Uint8Array(this.fileIds.length); // 1 for files that have left the library since the page was loaded
    this.gone = new Uint8Array(this.n); // 1 for recordings without any file
    this.version = -1; // of the genres
    this.setGone([]);
    /** @type {(Record<TextColumn, string[]> & { titles: string[] }) | null} */
    this.folded = null;
    /** @type {string[]} */
    this.labels = [];
    this.plainLabels = new Set([""]);
    this.genresPerTrack = 0;
    this.several = false; // whether a track may have several genres
    this.unsure = new Uint8Array(); // 1 where none of the genres may fit
    this.top = new Uint16Array();
    this.chosen = new Uint8Array();
    this.probabilities = new Uint8Array();
    this.setGenres(data);
  }

  /** Sets which files are gone; all others are there, or back again. @param {Iterable<number>} ids */
  setGone(ids) {
    const gone = new Set(ids);
    this.fileIds.forEach((id, file) => { this.fileGone[file] = gone.has(id) ? 1 : 0; });
    for (let row = 0; row < this.n; row++) {
      const file = this.fileGone[row] ? this.copies.get(row)?.find((one) => !this.fileGone[one]) : row;
      this.gone[row] = file === undefined ? 1 : 0;
      this.standing[row] = file ?? row;
      this.ids[row] = this.fileIds[this.standing[row]];
    }
    this.fileIds.forEach((id, file) => {
      const row = this.rowOfFile(file);
      if (this.gone[row]) this.rowOf.delete(id); else this.rowOf.set(id, row);
    });
  }

  /** How many recordings are there. */
  get there() { return this.gone.reduce((sum, gone) => sum - gone, this.n); }

  /** How many files are there. */
  get filesThere() { return this.fileGone.reduce((sum, gone) => sum - gone, this.fileIds.length); }

  /** @param {number} file */
  rowOfFile(file) { return file < this.n ? file : this.copyOf[file - this.n]; }

  /** The files of a recording that are there, the one that stands for it first. @param {number} row */
  files(row) { return (this.copies.get(row) ?? [row]).filter((file) => !this.fileGone[file]); }

  /** 1 for the recordings of which a file that is there fits. @param {(file: number) => boolean} fits @returns {Uint8Array} of the rows */
  rowsWith(fits) {
    const mask = new Uint8Array(this.n);
    for (let file = 0; file < this.fileIds.length; file++) {
      if (!this.fileGone[file] && fits(file)) mask[this.rowOfFile(file)] = 1;
    }
    return mask;
  }

  /** The path of a file below the library's folder; only the folder where the names are not known. @param {number} file */
  path(file) {
    const folder = this.columns.folder.names[this.columns.folder.codes[file]];
    if (!this.fileNames) return folder;
    return folder === "." ? this.fileNames[file] : `${folder}/${this.fileNames[file]}`;
  }

  /** Whether these genres are older than the current ones: answers may arrive out of order. @param {GenreData} data */
  isOld({ version = 0 }) { return version < this.version; }

  /** Takes the genres of the model, or of a retrained head. @param {GenreData} data */
  setGenres(data) {
    this.version = data.version ?? 0;
    const ids = new Int32Array(bytes(data.ids).buffer); // the library may have changed since the page was loaded
    const top = new Uint16Array(bytes(data.top).buffer), probabilities = bytes(data.probabilities);
    const chosen = bytes(data.chosen);
    this.several = data.several;
    const unsure = bytes(data.unsure);
    this.unsure = new Uint8Array(this.n);
    const each = this.genresPerTrack = data.genres_per_track;
    this.labels = data.labels;
    this.plainLabels = new Set(data.labels.map(plain));
    this.top = new Uint16Array(this.n * each);
    this.chosen = new Uint8Array(this.n * each);
    this.probabilities = new Uint8Array(this.n * each);
    ids.forEach((id, i) => {
      const row = this.rowOf.get(id);
      if (row === undefined) return;
      this.unsure[row] = unsure[i];
      for (let k = 0; k < each; k++) {
        this.top[row * each + k] = top[i * each + k];
        this.chosen[row * each + k] = chosen[i * each + k];
        this.probabilities[row * each + k] = probabilities[i * each + k];
      }
    });
  }

  /**
   * Takes the genres of some tracks, of the labels that all have.
   *
   * @param {GenreData} data
   */
  updateGenres(data) {
    this.version = data.version ?? 0;
    this.#widen(data.genres_per_track);
    const { genresPerTrack: all } = this, each = data.genres_per_track;
    const top = new Uint16Array(bytes(data.top).buffer), probabilities = bytes(data.probabilities);
    const chosen = bytes(data.chosen), unsure = bytes(data.unsure);
    new Int32Array(bytes(data.ids).buffer).forEach((id, i) => {
      const row = this.rowOf.get(id);
      if (row === undefined) return;
      this.unsure[row] = unsure[i];
      for (let k = 0; k < all; k++) { // a track of several genres may have had more than it has now
        this.top[row * all + k] = k < each ? top[i * each + k] : 0;
        this.chosen[row * all + k] = k < each ? chosen[i * each + k] : 0;
        this.probabilities[row * all + k] = k < each ? probabilities[i * each + k] : 0;
      }
    });
  }

  /** Makes room for more genres of each track. @param {number} each */
  #widen(each) {
    const before = this.genresPerTrack;
    if (each <= before) return;
    for (const name of /** @type {const} */ (["top", "chosen", "probabilities"])) {
      const old = this[name], wide = name === "top" ? new Uint16Array(this.n * each) : new Uint8Array(this.n * each);
      for (let row = 0; row < this.n; row++) wide.set(old.subarray(row * before, (row + 1) * before), row * each);
      Object.assign(this, { [name]: wide });
    }
    this.genresPerTrack = each;
  }

  /** @param {number} file @param {string} genre */
  setTag(file, genre) {
    const { names, codes } = this.columns.tag;
    let code = names.indexOf(genre);
    if (code < 0) {
      code = names.push(genre) - 1;
      this.folded?.tag.push(fold(genre));
    }
    codes[file] = code;
  }

  /** @param {TextColumn} name @param {number} row */
  text(name, row) { return this.columns[name].names[this.columns[name].codes[this.standing[row]]] || ""; }

  /** The codes of the files that stand for the recordings. @param {TextColumn} name */
  codes(name) { return this.standing.map((file) => this.columns[name].codes[file]); }

  /** @param {number} row */
  title(row) { return this.titles[this.standing[row]]; }

  /** 0 where it is unknown. @param {number} row */
  yearOf(row) { return this.year[this.standing[row]]; }

  /** Artist, album and year, as far as they are known. @param {number} row */
  credits(row) {
    const year = this.yearOf(row) ? String(this.yearOf(row)) : "";
    return [this.text("artist", row), this.text("album", row), year].filter(Boolean);
  }

  /** @param {number} row */
  label(row) { return this.top[row * this.genresPerTrack]; }

  /** @param {number} row */
  genre(row) { return this.labels[this.label(row)]; }

  /** @param {number} row */
  confidence(row) { return this.probabilities[row * this.genresPerTrack] / 255; }

  /**
   * The most probable genres; chosen are those of the answer, of which there may be several.
   *
   * @param {number} row @returns {{ label: number, probability: number, chosen: boolean }[]}
   */
  genres(row) {
    const first = row * this.genresPerTrack;
    return Array.from({ length: this.genresPerTrack }, (_, k) => (
      { label: this.top[first + k], probability: this.probabilities[first + k] / 255, chosen: this.chosen[first + k] > 0 }));
  }

  /** The names of the answer's genres, most probable first. @param {number} row */
  answer(row) { return this.genres(row).filter(({ chosen }) => chosen).map(({ label }) => this.labels[label]); }

  /** One of AGREEMENT. @param {number} row */
  agreement(row) {
    const tag = plain(this.text("tag", row));
    if (!tag) return AGREEMENT.noTag;
    if (!this.plainLabels.has(tag)) return AGREEMENT.unknownTag;
    if (this.unsure[row]) return AGREEMENT.unsure;
    return this.answer(row).some((genre) => tag === plain(genre)) ? AGREEMENT.agree : AGREEMENT.disagree;
  }

  /** The rows that lie nearest on the map, without the row itself. @param {number} row @param {number} n */
  nearestOnMap(row, n) {
    const squares = new Float64Array(this.n);
    for (let i = 0; i < this.n; i++) squares[i] = (this.x[i] - this.x[row]) ** 2 + (this.y[i] - this.y[row]) ** 2;
    const others = Array.from(this.ids.keys()).filter((i) => i !== row);
    return others.sort((a, b) => squares[a] - squares[b]).slice(0, n);
  }

  /** Mask of the rows with every word in the texts of their files; null for an empty query. The genre of a track may be "unsure". @param {string} query */
  search(query) {
    const words = fold(query).split(/\s+/).filter(Boolean);
    if (!words.length) return null;
    const folded = this.index(), { artist, album, folder, tag } = this.columns;
    const mask = this.gone.map((gone) => 1 - gone);
    for (const word of words) {
      const [artists, albums, folders, tags, labels] = [folded.artist, folded.album, folded.folder, folded.tag,
        this.labels.map(fold)].map((texts) => texts.map((text) => text.includes(word)));
      const unsure = UNSURE.includes(word);
      const found = this.rowsWith((file) => artists[artist.codes[file]] || albums[album.codes[file]] ||
        folders[folder.codes[file]] || tags[tag.codes[file]] || folded.titles[file].includes(word) || String(this.year[file]) === word);
      for (let row = 0; row < this.n; row++) {
        if (mask[row] && !found[row]) mask[row] = (this.unsure[row] ? unsure : labels[this.label(row)]) ? 1 : 0;
      }
    }
    return mask;
  }

  /** Texts as they are searched, each name once: 100 000 tracks have some thousands of artists. */
  index() {
    const names = (/** @type {TextColumn} */ name) => this.columns[name].names.map(fold);
    this.folded ??= { titles: this.titles.map(fold), artist: names("artist"), album: names("album"),
      folder: names("folder"), tag: names("tag") };
    return this.folded;
  }
}
