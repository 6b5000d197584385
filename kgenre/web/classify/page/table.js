// All answers as a CSV table, a row a song.

/** @import { Answer } from "page/types" */

const COLUMNS = /** @type {const} */ (["file", "genre", "genres", "seconds", "slices", "note"]);

/** @param {readonly Answer[]} answers @param {readonly string[]} labels */
export function table(answers, labels) {
  const tags = Object.keys(answers[0]?.tags ?? {}).sort();
  const head = [...COLUMNS, ...labels.map((label) => `genre:${label}`), ...tags.map((tag) => `tag:${tag}`)];
  const rows = answers.map((answer) => [answer.file, answer.genre, answer.genres.join("|"), answer.seconds, answer.slices,
    answer.note, ...labels.map((label) => answer.probabilities[label]), ...tags.map((tag) => answer.tags?.[tag] ?? "")]);
  return [head, ...rows].map((row) => `${row.map(quoted).join(",")}\r\n`).join("");
}

/** @param {string | number} cell */
function quoted(cell) {
  const text = String(cell);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
