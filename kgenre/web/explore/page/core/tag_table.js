// The model's tags of all tracks: a byte each, which is fetched when it is first needed.

/** @import { TagTableData } from "page/core/types" */
import { bytes } from "page/core/base64.js";

export class TagTable {
  /**
   * @param {string[]} names
   * @param {TagTableData} data
   * @param {{ n: number, rowOf: ReadonlyMap<number, number> }} tracks of the page: the library may have changed meanwhile
   */
  constructor(names, data, { n, rowOf }) {
    this.names = names;
    this.rowOf = rowOf;
    this.values = new Uint8Array(n * names.length);
    this.take(data);
  }

  /** Takes the tags of all tracks, or of some. @param {TagTableData} data */
  take(data) {
    const ids = new Int32Array(bytes(data.ids).buffer), values = bytes(data.values), n = this.names.length;
    ids.forEach((id, i) => {
      const row = this.rowOf.get(id);
      if (row !== undefined) this.values.set(values.subarray(i * n, (i + 1) * n), row * n);
    });
  }

  /** The probability of a tag in each track. @param {string} tag */
  column(tag) {
    const n = this.names.length, at = this.names.indexOf(tag), { values } = this;
    return Float32Array.from({ length: values.length / n }, (_, row) => values[row * n + at] / 255);
  }

  /** @param {number} row @param {string} tag */
  probability(row, tag) { return this.values[row * this.names.length + this.names.indexOf(tag)] / 255; }

  /**
   * The most probable tags of a track.
   *
   * @param {number} row
   * @param {number} count at most
   * @param {number} least probability
   * @param {ReadonlySet<string>} except
   */
  top(row, count, least, except) {
    const first = row * this.names.length;
    return this.names.map((name, i) => ({ name, probability: this.values[first + i] / 255 }))
      .filter(({ name, probability }) => probability >= least && !except.has(name))
      .sort((a, b) => b.probability - a.probability).slice(0, count);
  }
}
