// Finds points by their place: a grid of cells, filled by a counting sort.

/** @typedef {{ low: [x: number, y: number], high: [x: number, y: number] }} Bounds */

const CELLS = 256; // a side: at 100 000 points one or two points a cell
const TAIL = 0.005; // share of the points at either end of an axis that do not set the scale
const ROOM = 0.15; // of the others' span, on either side, where points still count as near them

export class Grid {
  /** @param {Float32Array} x @param {Float32Array} y */
  constructor(x, y) {
    this.x = x;
    this.y = y;
    this.bounds = boundsOf(x, y);
    const { low, high } = this.core = coreOf(x, y); // points beyond it are in the cells at its edge
    this.low = low;
    this.cell = [(high[0] - low[0]) / CELLS || 1, (high[1] - low[1]) / CELLS || 1];
    const cells = Uint32Array.from(x, (_, i) => this.column(x[i]) + CELLS * this.line(y[i]));
    this.starts = new Uint32Array(CELLS * CELLS + 1); // of each cell in `sorted`
    for (const cell of cells) this.starts[cell + 1]++;
    for (let c = 0; c < CELLS * CELLS; c++) this.starts[c + 1] += this.starts[c];
    const next = this.starts.slice();
    this.sorted = new Uint32Array(cells.length);
    cells.forEach((cell, i) => { this.sorted[next[cell]++] = i; });
  }

  /** @param {number} x */
  column(x) { return Math.max(0, Math.min(CELLS - 1, Math.floor((x - this.low[0]) / this.cell[0]))); }

  /** @param {number} y */
  line(y) { return Math.max(0, Math.min(CELLS - 1, Math.floor((y - this.low[1]) / this.cell[1]))); }

  /** Calls `each` with the rows in a rectangle. @param {Bounds} bounds @param {(row: number) => void} each */
  within({ low: [x0, y0], high: [x1, y1] }, each) {
    for (let line = this.line(y0); line <= this.line(y1); line++) {
      for (let column = this.column(x0); column <= this.column(x1); column++) {
        const cell = column + CELLS * line;
        for (let s = this.starts[cell]; s < this.starts[cell + 1]; s++) {
          const i = this.sorted[s];
          if (this.x[i] >= x0 && this.x[i] <= x1 && this.y[i] >= y0 && this.y[i] <= y1) each(i);
        }
      }
    }
  }

  /**
   * The nearest allowed row within a radius of a place of the map, or -1.
   *
   * @param {[x: number, y: number]} place @param {number} radius @param {(row: number) => boolean} allowed
   */
  nearest([x, y], radius, allowed) {
    let best = -1, least = radius * radius;
    this.within({ low: [x - radius, y - radius], high: [x + radius, y + radius] }, (i) => {
      const square = (this.x[i] - x) ** 2 + (this.y[i] - y) ** 2;
      if (square <= least && allowed(i)) { least = square; best = i; }
    });
    return best;
  }

  /**
   * The nearest allowed row in a direction from another: within 45 degrees of it, those straight ahead first. -1 is none.
   *
   * @param {number} from @param {[right: number, up: number]} direction one of the four @param {(row: number) => boolean} allowed
   */
  next(from, [right, up], allowed) {
    const { low, high } = this.bounds, end = Math.max(high[0] - low[0], high[1] - low[1]);
    for (let reach = 2 * Math.max(...this.cell); ; reach *= 2) {
      let best = -1, least = reach; // further ones may lie nearer outside of this square
      this.within({ low: [this.x[from] - reach, this.y[from] - reach], high: [this.x[from] + reach, this.y[from] + reach] }, (i) => {
        const dx = this.x[i] - this.x[from], dy = this.y[i] - this.y[from];
        const ahead = dx * right + dy * up, aside = Math.abs(dx * up) + Math.abs(dy * right), length = ahead + aside;
        if (ahead > 0 && aside <= ahead && length <= least && allowed(i)) { least = length; best = i; }
      });
      if (best >= 0 || reach > 2 * end) return best;
    }
  }

  /** Rows inside a polygon, by counting crossings. @param {[x: number, y: number][]} polygon */
  inside(polygon) {
    const xs = polygon.map(([x]) => x), ys = polygon.map(([, y]) => y);
    /** @type {number[]} */
    const found = [];
    this.within(boundsOf(xs, ys), (i) => {
      let odd = false;
      for (let a = 0, b = xs.length - 1; a < xs.length; b = a++) {
        if (ys[a] > this.y[i] !== ys[b] > this.y[i] &&
            this.x[i] < ((xs[b] - xs[a]) * (this.y[i] - ys[a])) / (ys[b] - ys[a]) + xs[a]) odd = !odd;
      }
      if (odd) found.push(i);
    });
    return found.sort((a, b) => a - b);
  }

  /** @param {readonly number[]} rows */
  boundsOf(rows) { return boundsOf(rows.map((row) => this.x[row]), rows.map((row) => this.y[row])); }
}

/** Where nearly all points lie: some far ones do not make the others small. @param {Float32Array} x @param {Float32Array} y @returns {Bounds} */
function coreOf(x, y) {
  const [across, up] = [coreOfAxis(x), coreOfAxis(y)];
  return across && up ? { low: [across.low, up.low], high: [across.high, up.high] } : boundsOf(x, y);
}

/** The ends of the values that lie near the central ones. @param {Float32Array} values */
function coreOfAxis(values) {
  const sorted = values.toSorted(), tail = Math.min(Math.ceil(TAIL * sorted.length), sorted.length >> 2);
  const from = sorted[tail], to = sorted[sorted.length - 1 - tail], room = ROOM * (to - from);
  const low = sorted.find((value) => value >= from - room), high = sorted.findLast((value) => value <= to + room);
  return low === undefined || high === undefined ? null : { low, high };
}

/** @param {ArrayLike<number>} x @param {ArrayLike<number>} y @returns {Bounds} */
function boundsOf(x, y) {
  /** @type {Bounds} */
  const { low, high } = { low: [Infinity, Infinity], high: [-Infinity, -Infinity] };
  for (let i = 0; i < x.length; i++) {
    if (x[i] < low[0]) low[0] = x[i];
    if (x[i] > high[0]) high[0] = x[i];
    if (y[i] < low[1]) low[1] = y[i];
    if (y[i] > high[1]) high[1] = y[i];
  }
  return low[0] > high[0] ? { low: [0, 0], high: [1, 1] } : { low, high };
}
