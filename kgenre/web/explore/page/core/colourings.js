// What the colours of the map may mean: a table, each row a name and how a legend is made of the tracks.

/** @import { Legend } from "page/core/types" */
/** @import { Colour } from "shared/types" */
import { NEUTRAL, labelColour, rampColour, rgb } from "shared/colours.js";
import { percent, plain } from "shared/text.js";
import { AGREEMENT, Tracks, UNSURE } from "page/core/tracks.js";

export const TAG_COLOURING = "model_tag";
const MAX_ENTRIES = 24; // of a legend; rarer ones share an entry
const NO_LABEL = -1; // in place of a label's number where the model is unsure
const AGREEMENT_ENTRIES = new Map([
  [AGREEMENT.noTag, { name: "no genre tag", colour: NEUTRAL }],
  [AGREEMENT.unknownTag, { name: "tag is none of the labels", colour: rgb("#8fa3b8") }],
  [AGREEMENT.agree, { name: "tag and model agree", colour: rgb("#2fa35a") }],
  [AGREEMENT.disagree, { name: "tag and model disagree", colour: rgb("#e0454f") }],
  [AGREEMENT.unsure, { name: "model is unsure", colour: rgb("#c9b37a") }],
]);

/** The tag is of those that the model gives. @type {Record<string, { name: string, legend: (tracks: Tracks, tag: string) => Legend }>} */
export const COLOURINGS = {
  prediction: { name: "Predicted genre", legend: (t) => (
    categories(t, Int32Array.from({ length: t.n }, (_, i) => (t.unsure[i] ? NO_LABEL : t.label(i))),
      (code) => t.labels[code] ?? UNSURE, (code) => (code === NO_LABEL ? NEUTRAL : labelColour(code)))) },
  tag: { name: "Genre tag", legend: tagLegend },
  [TAG_COLOURING]: { name: "Predicted tag", legend: modelTagLegend },
  disagreement: { name: "Disagreement", legend: (t) => (
    categories(t, Int32Array.from({ length: t.n }, (_, i) => t.agreement(i)),
      (code) => AGREEMENT_ENTRIES.get(code)?.name ?? "", (code) => AGREEMENT_ENTRIES.get(code)?.colour ?? NEUTRAL)) },
  year: { name: "Year", legend: (t) => ramp(t, t.year, (i) => t.year[i] > 0, String) },
  folder: { name: "Folder", legend: (t) => (
    categories(t, t.columns.folder.codes, (code) => t.columns.folder.names[code] || ".", (_, i) => labelColour(i))) },
  confidence: { name: "Confidence", legend: (t) => (
    ramp(t, Float32Array.from({ length: t.n }, (_, i) => t.confidence(i)), () => true, percent)) },
};

/** From 0 to the highest probability: many tags are never above a half. @param {Tracks} tracks @param {string} tag @returns {Legend} */
function modelTagLegend(tracks, tag) {
  const values = tracks.tags?.column(tag) ?? new Float32Array(tracks.n);
  return ramp(tracks, values, () => tracks.tags !== null, percent, 0);
}

/** @param {Tracks} tracks @returns {Legend} */
function tagLegend(tracks) {
  const { names, codes } = tracks.columns.tag, first = new Map(), labels = tracks.labels.map(plain);
  const merged = names.map((name, code) => { // Rock and rock are one
    const key = plain(name) || name;
    if (!first.has(key)) first.set(key, code);
    return first.get(key);
  });
  return categories(tracks, Int32Array.from(codes, (code) => merged[code]), (code) => names[code] || "no tag", (code, i) => {
    const label = labels.indexOf(plain(names[code]));
    return !names[code] ? NEUTRAL : labelColour(label >= 0 ? label : tracks.labels.length + i);
  });
}

/**
 * @param {Tracks} tracks
 * @param {Int32Array} codes of the rows
 * @param {(code: number) => string} nameOf
 * @param {(code: number, entry: number) => Colour} colourOf
 * @returns {Legend}
 */
function categories({ gone }, codes, nameOf, colourOf) {
  /** @type {Map<number, number>} */
  const counts = new Map();
  codes.forEach((code, row) => { if (!gone[row]) counts.set(code, (counts.get(code) ?? 0) + 1); });
  const sorted = [...counts].sort((a, b) => b[1] - a[1]), shown = sorted.slice(0, MAX_ENTRIES);
  const entries = shown.map(([code, count], i) => ({ name: nameOf(code), count, colour: colourOf(code, i) }));
  const rest = sorted.slice(MAX_ENTRIES).reduce((sum, [, count]) => sum + count, 0);
  if (rest) entries.push({ name: `${sorted.length - MAX_ENTRIES} others`, count: rest, colour: NEUTRAL });
  const entry = new Map(shown.map(([code], i) => [code, i]));
  return { kind: "categories", entries, entryOf: Int32Array.from(codes, (code) => entry.get(code) ?? MAX_ENTRIES) };
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
    colourOf: (row, dark) => (known(row) ? rampColour((values[row] - low) / (high - low || 1), dark) : NEUTRAL),
  };
}
