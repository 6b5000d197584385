// Finds points by their place: a grid of cells, filled by a counting sort.

/** @typedef {{ low: [x: number, y: number], high: [x: number, y: number] }} Bounds */

const CELLS = 256; // a side: at 100 000 points one or two points a cell

export class Grid {
  /** @param {Float32Array} x @param {Float32Array} y */
  constructor(x, y) {
    this.x = x;
    this.y = y;
    const { low, high } = this.bounds = boundsOf(x, y);
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
