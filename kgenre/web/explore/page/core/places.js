// Places of the map that have a name: where tracks lie close together and most of them share a genre, a tag or an artist
// that is rarer in the library as a whole.

/** @import { Terms } from "page/core/terms.js" */
/** @typedef {{ name: string, x: number, y: number, count: number, share: number, weight: number }} Place `count` tracks that the name is true of, a `share` of those there */
/** @typedef {{ set: number, code: number }} Winner number of the terms and of the name */

const MIN_SHARE = 0.5; // of the tracks of a place that its name is true of
const MIN_LIFT = 1.25; // times the share in the whole library
const MIN_TRACKS = 4;
const AROUND = [-1, 0, 1];

/** Points in square cells: `starts` of each in `rows`. */
class Cells {
  /** @param {Uint32Array} rows @param {Float32Array} x @param {Float32Array} y @param {number} side of a cell, on the map */
  constructor(rows, x, y, side) {
    let left = Infinity, right = -Infinity, low = Infinity, high = -Infinity;
    for (const row of rows) {
      left = Math.min(left, x[row]); right = Math.max(right, x[row]);
      low = Math.min(low, y[row]); high = Math.max(high, y[row]);
    }
    const column = Math.floor(left / side), line = Math.floor(low / side); // cells stay where they are when the view moves
    this.columns = Math.floor(right / side) - column + 1;
    this.lines = Math.floor(high / side) - line + 1;
    const cells = Uint32Array.from(rows, (row) => (
      Math.floor(x[row] / side) - column + this.columns * (Math.floor(y[row] / side) - line)));
    this.starts = new Uint32Array(this.columns * this.lines + 1);
    for (const cell of cells) this.starts[cell + 1]++;
    for (let cell = 0; cell < this.columns * this.lines; cell++) this.starts[cell + 1] += this.starts[cell];
    const next = this.starts.slice();
    this.rows = new Uint32Array(rows.length);
    cells.forEach((cell, i) => { this.rows[next[cell]++] = rows[i]; });
  }

  get n() { return this.columns * this.lines; }

  /** @param {number} cell */
  count(cell) { return this.starts[cell + 1] - this.starts[cell]; }

  /** The cell and those around it. @param {number} cell */
  around(cell) {
    const column = cell % this.columns, line = Math.floor(cell / this.columns), found = [];
    for (const down of AROUND) {
      for (const across of AROUND) {
        const c = column + across, l = line + down;
        if (c >= 0 && l >= 0 && c < this.columns && l < this.lines) found.push(c + this.columns * l);
      }
    }
    return found;
  }
}

/**
 * Places with a name, the weightiest first. A place is made of cells that lie side by side and have one name; a cell's
 * name is the one whose tracks, there and around it, exceed by most what the library would lead to expect:
 * count times log(share / share in the library).
 *
 * @param {Uint32Array} rows that are seen and shown
 * @param {{ x: Float32Array, y: Float32Array }} tracks
 * @param {number} side of a cell, on the map
 * @param {Terms[]} sets where none of the first has a name for a cell, the next is asked
 * @returns {Place[]}
 */
export function findPlaces(rows, { x, y }, side, sets) {
  if (!rows.length) return [];
  const cells = new Cells(rows, x, y, side), least = Math.max(MIN_TRACKS, rows.length / 500);
  const scratch = sets.map(({ names }) => new Uint32Array(names.length));
  /** @type {(Winner | null)[]} */
  const winners = Array.from({ length: cells.n }, (_, cell) => (cells.count(cell) ? winnerOf(cells, cell, sets, scratch) : null));
  const places = regions(cells, winners).flatMap(({ winner, members }) => (
    placeOf(cells, members, sets[winner.set], winner.code, { x, y })));
  return places.filter(({ count, share }) => count >= least && share >= MIN_SHARE).sort((a, b) => b.weight - a.weight);
}

/** @param {Cells} cells @param {number} cell @param {Terms[]} sets @param {Uint32Array[]} scratch zeros, a count for each name @returns {Winner | null} */
function winnerOf(cells, cell, sets, scratch) {
  const around = cells.around(cell), n = around.reduce((sum, one) => sum + cells.count(one), 0);
  for (const [set, { codes, each, counts, total }] of sets.entries()) {
    const tally = scratch[set];
    /** @type {number[]} */
    const met = [];
    for (const one of around) {
      for (let s = cells.starts[one]; s < cells.starts[one + 1]; s++) {
        const first = cells.rows[s] * each;
        for (let k = first; k < first + each; k++) if (codes[k] >= 0 && tally[codes[k]]++ === 0) met.push(codes[k]);
      }
    }
    let code = -1, most = 0;
    for (const one of met) {
      const weight = weightOf(tally[one], n, counts[one] / total);
      if (weight > most) { most = weight; code = one; }
      tally[one] = 0;
    }
    if (code >= 0) return { set, code };
  }
  return null;
}

/** 0 where the name is not true of most, or not typical. @param {number} count @param {number} n @param {number} expected share */
function weightOf(count, n, expected) {
  const share = count / n;
  return share < MIN_SHARE || share < MIN_LIFT * expected ? 0 : count * Math.log(share / expected);
}

/** Cells of one name that touch each other. @param {Cells} cells @param {(Winner | null)[]} winners */
function regions(cells, winners) {
  const seen = new Uint8Array(cells.n), found = [];
  for (let cell = 0; cell < cells.n; cell++) {
    const winner = winners[cell];
    if (!winner || seen[cell]) continue;
    const members = [cell];
    seen[cell] = 1;
    for (const member of members) { // which grows meanwhile
      for (const other of cells.around(member)) {
        const own = winners[other];
        if (seen[other] || own?.set !== winner.set || own.code !== winner.code) continue;
        seen[other] = 1;
        members.push(other);
      }
    }
    found.push({ winner, members });
  }
  return found;
}

/**
 * The name stands in the middle of its tracks, or where most of them are if there are none in the middle.
 *
 * @param {Cells} cells @param {number[]} members @param {Terms} terms @param {number} code @param {{ x: Float32Array, y: Float32Array }} tracks
 * @returns {Place}
 */
function placeOf(cells, members, { names, codes, each, counts, total }, code, { x, y }) {
  let n = 0;
  const isOfName = (/** @type {number} */ row) => {
    for (let k = row * each; k < (row + 1) * each; k++) if (codes[k] === code) return true;
    return false;
  };
  const parts = members.map((cell) => {
    const part = { count: 0, x: 0, y: 0 };
    for (let s = cells.starts[cell]; s < cells.starts[cell + 1]; s++, n++) {
      const row = cells.rows[s];
      if (!isOfName(row)) continue;
      part.count++;
      part.x += x[row];
      part.y += y[row];
    }
    return part;
  }).filter(({ count }) => count);
  const count = parts.reduce((sum, part) => sum + part.count, 0);
  const middle = { x: parts.reduce((sum, part) => sum + part.x, 0) / count, y: parts.reduce((sum, part) => sum + part.y, 0) / count };
  const distance = (/** @type {typeof parts[number]} */ part) => Math.hypot(part.x / part.count - middle.x, part.y / part.count - middle.y);
  const spread = parts.reduce((sum, part) => sum + part.count * distance(part), 0) / count;
  const isInside = parts.some((part) => distance(part) <= spread / 2), densest = parts.reduce((a, b) => (b.count > a.count ? b : a), parts[0]);
  const at = isInside || !densest ? middle : { x: densest.x / densest.count, y: densest.y / densest.count };
  return { name: names[code], ...at, count, share: count / n, weight: weightOf(count, n, counts[code] / total) };
}
