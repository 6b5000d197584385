// Soft shading of the page where many points lie, beneath them: their number in coarse cells, blurred, as one texture.

/** @import { Grid } from "page/map/grid.js" */
/** @import { Viewport } from "page/map/viewport.js" */
import { link } from "page/map/shaders.js";

const SIDE = 128; // cells, of the texture
const REACH = 2, PASSES = 3; // cells that a blur reaches on either side; three of them are nearly a Gaussian
const STRONGEST = 0.06; // share of the text's colour where most points lie: all colours keep their contrast on it
const MAX_ZOOM = 12; // where single points are seen it is gone

const VERTEX = `#version 300 es
uniform vec4 box; // left, bottom, width, height in the view
out vec2 place;
void main() {
  place = vec2(gl_VertexID & 1, gl_VertexID >> 1);
  gl_Position = vec4(box.xy + place * box.zw, 0.0, 1.0);
}`;

const FRAGMENT = `#version 300 es
precision mediump float;
in vec2 place;
uniform sampler2D density;
uniform vec4 tint;
out vec4 result;
void main() { result = vec4(tint.rgb, 1.0) * tint.a * texture(density, place).r; }`;

export class Shading {
  /** @param {Grid} grid */
  constructor(grid) {
    this.grid = grid;
    const { low, high } = grid.core, width = high[0] - low[0] || 1, height = high[1] - low[1] || 1;
    this.side = Math.max(width, height) / (SIDE - 2 * PASSES * REACH); // of a cell; with an edge that a blur may reach
    this.low = [(low[0] + high[0] - SIDE * this.side) / 2, (low[1] + high[1] - SIDE * this.side) / 2];
    this.values = new Uint8Array(SIDE * SIDE);
  }

  /** Uploads everything. @param {WebGL2RenderingContext} gl */
  prepare(gl) {
    this.gl = gl;
    this.program = link(gl, VERTEX, FRAGMENT);
    this.box = gl.getUniformLocation(this.program, "box");
    this.tint = gl.getUniformLocation(this.program, "tint");
    gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
    for (const side of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, side, gl.CLAMP_TO_EDGE);
    for (const size of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, size, gl.LINEAR);
    this.#upload();
  }

  #upload() {
    const { gl } = this;
    gl?.texImage2D(gl.TEXTURE_2D, 0, gl.R8, SIDE, SIDE, 0, gl.RED, gl.UNSIGNED_BYTE, this.values);
  }

  /** @param {Uint8Array} shown 1 for points that count */
  count(shown) {
    const { x, y } = this.grid, [left, bottom] = this.low;
    let cells = new Float32Array(SIDE * SIDE);
    for (let i = 0; i < shown.length; i++) {
      const column = Math.floor((x[i] - left) / this.side), line = Math.floor((y[i] - bottom) / this.side);
      if (shown[i] && column >= 0 && line >= 0 && column < SIDE && line < SIDE) cells[column + SIDE * line]++;
    }
    for (let pass = 0; pass < PASSES; pass++) cells = blurred(blurred(cells, 1, SIDE), SIDE, 1);
    const most = cells.reduce((a, b) => Math.max(a, b), 1e-9);
    this.values = Uint8Array.from(cells, (value) => 255 * Math.sqrt(value / most));
    this.#upload();
  }

  /** @param {Viewport} view @param {number[]} scale from units of the map to those of WebGL @param {number[]} colour 0 to 1 */
  draw(view, scale, colour) {
    const { gl } = this, zoom = view.pixels / view.whole, opacity = STRONGEST * Math.min(1, 2 * (1 - zoom / MAX_ZOOM));
    if (!gl || opacity <= 0) return;
    gl.useProgram(this.program ?? null);
    gl.uniform4f(this.box ?? null, (this.low[0] - view.x) * scale[0], (this.low[1] - view.y) * scale[1],
      SIDE * this.side * scale[0], SIDE * this.side * scale[1]);
    gl.uniform4f(this.tint ?? null, colour[0], colour[1], colour[2], opacity);
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
  }
}

/**
 * Means along the rows or the columns.
 *
 * @param {Float32Array<ArrayBuffer>} cells @param {number} step between neighbours @param {number} line between lines
 */
function blurred(cells, step, line) {
  const result = new Float32Array(cells.length);
  for (let l = 0; l < SIDE; l++) {
    let sum = 0;
    for (let i = -REACH; i < SIDE; i++) {
      if (i + REACH < SIDE) sum += cells[l * line + (i + REACH) * step];
      if (i - REACH > 0) sum -= cells[l * line + (i - REACH - 1) * step];
      if (i >= 0) result[l * line + i * step] = sum / (2 * REACH + 1);
    }
  }
  return result;
}
