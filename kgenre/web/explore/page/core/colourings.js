// What the colours of the map may mean: a table, each row a name and how a legend is made of the tracks.

/** @import { CategoryLegend, Legend } from "page/core/types" */
/** @import { Shades } from "shared/types" */
import { NEUTRAL, labelColour, rampColour, rgb, shadeOf } from "shared/colours.js";
import { count, percent, plain } from "shared/text.js";
import { AGREEMENT, Tracks, UNSURE } from "page/core/tracks.js";

export const TAG_COLOURING = "model_tag";
const MAX_ENTRIES = 24; // of a legend; rarer ones share an entry
const NO_LABEL = -1; // in place of a label's number where the model is unsure
const AGREEMENT_ENTRIES = new Map([
  [AGREEMENT.noTag, { name: "no genre tag", colour: NEUTRAL }],
  [AGREEMENT.unknownTag, { name: "tag is none of the labels", colour: { light: rgb("#6d8299"), dark: rgb("#8fa3b8") } }],
  [AGREEMENT.agree, { name: "tag and model agree", colour: { light: rgb("#1a954d"), dark: rgb("#2fa35a") } }],
  [AGREEMENT.disagree, { name: "tag and model disagree", colour: { light: rgb("#e0454f"), dark: rgb("#e0454f") } }],
  [AGREEMENT.unsure, { name: "model is unsure", colour: { light: rgb("#8d7a35"), dark: rgb("#c9b37a") } }],
]);

const MIN_KNOWN = 0.05; // share of the recordings that must have a value for their colours to say something

/**
 * The tag is of those that the model gives. `isOffered`: whether the colours tell recordings apart; always if it is missing.
 *
 * @type {Record<string, { name: string, isOffered?: (tracks: Tracks) => boolean, legend: (tracks: Tracks, tag: string) => Legend }>}
 */
export const COLOURINGS = {
  prediction: { name: "Predicted genre", legend: (t) => (
    categories(t, Int32Array.from({ length: t.n }, (_, i) => (t.unsure[i] ? NO_LABEL : t.label(i))),
      (code) => t.labels[code] ?? UNSURE, (code) => (code === NO_LABEL ? NEUTRAL : labelColour(code)))) },
  tag: { name: "Genre tag", isOffered: hasGenreTags, legend: tagLegend },
  [TAG_COLOURING]: { name: "Predicted tag", isOffered: (t) => t.tagNames.length > 0, legend: modelTagLegend },
  disagreement: { name: "Disagreement", isOffered: hasGenreTags, legend: (t) => (
    categories(t, Int32Array.from({ length: t.n }, (_, i) => t.agreement(i)),
      (code) => AGREEMENT_ENTRIES.get(code)?.name ?? "", (code) => AGREEMENT_ENTRIES.get(code)?.colour ?? NEUTRAL)) },
  year: { name: "Year", isOffered: (t) => differ(t, (row) => t.yearOf(row)), legend: (t) => (
    ramp(t, Int16Array.from({ length: t.n }, (_, i) => t.yearOf(i)), (i) => t.yearOf(i) > 0, String)) },
  folder: { name: "Folder", isOffered: (t) => differ(t, (row) => t.text("folder", row) || "."), legend: (t) => categories(t, t.codes("folder"),
    (code) => t.columns.folder.names[code] || ".", (_, i) => labelColour(i), foldersOfCopies(t)) },
  confidence: { name: "Confidence", legend: (t) => (
    ramp(t, Float32Array.from({ length: t.n }, (_, i) => t.confidence(i)), () => true, percent)) },
};

/** The names of the colourings that tell recordings apart. @param {Tracks} tracks */
export function offeredColourings(tracks) {
  return Object.keys(COLOURINGS).filter((name) => COLOURINGS[name].isOffered?.(tracks) ?? true);
}

/** @param {Tracks} tracks */
function hasGenreTags(tracks) { return differ(tracks, (row) => plain(tracks.text("tag", row))); }

/** Whether enough recordings have a value and not all the same one. @param {Tracks} tracks @param {(row: number) => string | number} valueOf falsy where it is unknown */
function differ({ n, gone, there }, valueOf) {
  const values = new Set();
  let known = 0;
  for (let row = 0; row < n; row++) {
    const value = gone[row] ? "" : valueOf(row);
    if (value) { known++; values.add(value); }
  }
  return values.size > 1 && known >= MIN_KNOWN * there;
}

/** How many rows that fit each entry of a legend has. @param {CategoryLegend} legend @param {(row: number) => boolean} fits */
export function entryCounts({ entries, entryOf, others }, fits) {
  const counts = new Uint32Array(entries.length);
  entryOf.forEach((entry, row) => {
    if (!fits(row)) return;
    for (const one of others.has(row) ? new Set([entry, ...others.get(row) ?? []]) : [entry]) counts[one]++;
  });
  return counts;
}

/** The number of the entry that a row has its colour of: its first one that is not hidden, -1 where all are. @param {CategoryLegend} legend @param {ReadonlySet<number>} hidden @param {number} row */
export function shownEntry({ entryOf, others }, hidden, row) {
  const first = entryOf[row];
  return hidden.has(first) ? others.get(row)?.find((entry) => !hidden.has(entry)) ?? -1 : first;
}

/** The colour of a row that is not hidden. @param {Legend} legend @param {ReadonlySet<number>} hidden @param {boolean} dark @param {number} row */
export function rowColour(legend, hidden, dark, row) {
  if (legend.kind === "ramp") return legend.colourOf(row, dark);
  return shadeOf(legend.entries[shownEntry(legend, hidden, row)].colour, dark);
}

/** The codes of the folders of rows with several files. @param {Tracks} tracks */
function foldersOfCopies(tracks) {
  const { codes } = tracks.columns.folder;
  return new Map([...tracks.copies.keys()].map((row) => [row, tracks.files(row).map((file) => codes[file])]));
}

/** From 0 to the highest probability: many tags are never above a half. @param {Tracks} tracks @param {string} tag @returns {Legend} */
function modelTagLegend(tracks, tag) {
  const values = tracks.tags?.column(tag) ?? new Float32Array(tracks.n);
  return ramp(tracks, values, () => tracks.tags !== null, percent, 0);
}

/** @param {Tracks} tracks @returns {Legend} */
function tagLegend(tracks) {
  const { names } = tracks.columns.tag, first = new Map(), labels = tracks.labels.map(plain);
  const merged = names.map((name, code) => { // Rock and rock are one
    const key = plain(name) || name;
    if (!first.has(key)) first.set(key, code);
    return first.get(key);
  });
  return categories(tracks, tracks.codes("tag").map((code) => merged[code]), (code) => names[code] || "no tag", (code, i) => {
    const label = labels.indexOf(plain(names[code]));
    return !names[code] ? NEUTRAL : labelColour(label >= 0 ? label : tracks.labels.length + i);
  });
}

/**
 * @param {Tracks} tracks
 * @param {Int32Array} codes of the rows
 * @param {(code: number) => string} nameOf
 * @param {(code: number, entry: number) => Shades} colourOf
 * @param {ReadonlyMap<number, number[]>} several all codes of rows that have several
 * @returns {Legend}
 */
function categories({ gone }, codes, nameOf, colourOf, several = new Map()) {
  const counts = tally(gone, codes, several);
  const sorted = [...counts].sort((a, b) => b[1] - a[1]), shown = sorted.slice(0, MAX_ENTRIES), rest = sorted.length - shown.length;
  const entry = new Map(shown.map(([code], i) => [code, i])), of = (/** @type {number} */ code) => entry.get(code) ?? MAX_ENTRIES;
  const entryOf = codes.map(of);
  const others = new Map([...several].map(([row, all]) => [row, all.map(of).filter((one) => one !== entryOf[row])]));
  const entries = shown.map(([code, number], i) => ({ name: nameOf(code), count: number, colour: colourOf(code, i) }));
  const number = rest ? tally(gone, entryOf, new Map([...others].map(([row, all]) => [row, [entryOf[row], ...all]]))).get(MAX_ENTRIES) : 0;
  if (number) entries.push({ name: count(rest, "other"), count: number, colour: NEUTRAL });
  return { kind: "categories", entries, entryOf, others };
}

/** How many rows that are there have each code. @param {Uint8Array} gone @param {Int32Array} codes @param {ReadonlyMap<number, number[]>} several */
function tally(gone, codes, several) {
  /** @type {Map<number, number>} */
  const counts = new Map();
  codes.forEach((code, row) => {
    if (gone[row]) return;
    for (const one of several.has(row) ? new Set(several.get(row)) : [code]) counts.set(one, (counts.get(one) ?? 0) + 1);
  });
  return counts;
}

/**
 * @param {Tracks} tracks
 * @param {ArrayLike<number>} values without NaN
 * @param {(row: number) => boolean} known rows that are not are neutral
 * @param {(value: number) => string} text
 * @param {number} from the least value of the scale; the least of the known ones if not given
 * @returns {Legend}
 */
function ramp({ gone }, values, known, text, from = Infinity) {
  let low = from, high = -Infinity;
  for (let i = 0; i < values.length; i++) {
    if (known(i) && !gone[i]) { low = Math.min(low, values[i]); high = Math.max(high, values[i]); }
  }
  if (low > high) { low = 0; high = 1; }
  return {
    kind: "ramp", low: text(low), middle: text(Math.round(50 * (low + high)) / 100), high: text(high), most: high,
    colourOf: (row, dark) => (known(row) ? rampColour((values[row] - low) / (high - low || 1), dark) : shadeOf(NEUTRAL, dark)),
  };
}
