// The point renderer: positions and colours in two buffers, pan and zoom by one uniform. WebGL 2, nothing else.
// 100 000 points are one draw call; a recolouring uploads four bytes a point.

/** @import { Shading } from "page/map/shading.js" */
/** @import { Viewport } from "page/map/viewport.js" */
import { COLOUR, POSITION, pointProgram } from "page/map/shaders.js";

const MARGIN = 0.3; // of the view that is drawn beyond each edge, so that a pan can be shown by moving the canvas
const WHOLE = 1 + 2 * MARGIN;
const QUICK_MS = 12; // where a drawing takes longer (no graphics card, a phone), moves between drawings shift the canvas
const SETTLED_MS = 90;
const MIN_SCALE = 0.75, MAX_SCALE = 1.8; // of a drawing that is shown by moving the canvas

export class Points {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {Float32Array} x
   * @param {Float32Array} y
   * @param {Viewport} view
   * @param {Shading} shading beneath the points
   * @param {() => void} onFrame called after each drawing
   * @throws {Error} the browser has no WebGL 2
   */
  constructor(canvas, x, y, view, shading, onFrame) {
    const gl = canvas.getContext("webgl2", { antialias: false, alpha: false });
    if (!gl) throw new Error("no WebGL 2");
    this.canvas = canvas;
    this.view = view;
    this.shading = shading;
    this.onFrame = onFrame;
    this.gl = gl;
    this.drawn = this.frames = this.costMs = 0;
    this.stale = true;
    this.waiting = this.held = false;
    this.settling = 0;
    this.drawnView = { x: 0, y: 0, pixels: 1 };
    this.n = x.length;
    this.positions = new Float32Array(2 * x.length);
    x.forEach((value, i) => { this.positions[2 * i] = value; this.positions[2 * i + 1] = y[i]; });
    this.order = Uint32Array.from(x, (_, i) => i);
    this.colours = new Uint8Array(4 * x.length);
    canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    canvas.addEventListener("webglcontextrestored", () => { this.#prepare(); this.#redraw(); });
    this.#prepare();
    this.resize();
  }

  /** Uploads everything: at the start, and when the browser lost the context. */
  #prepare() {
    const gl = this.gl;
    this.points = pointProgram(gl);
    this.shading.prepare(gl);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    this.#buffer(gl.ARRAY_BUFFER, this.positions);
    gl.enableVertexAttribArray(POSITION);
    gl.vertexAttribPointer(POSITION, 2, gl.FLOAT, false, 0, 0);
    this.colourBuffer = this.#buffer(gl.ARRAY_BUFFER, this.colours);
    gl.enableVertexAttribArray(COLOUR);
    gl.vertexAttribPointer(COLOUR, 4, gl.UNSIGNED_BYTE, true, 0, 0);
    this.#buffer(gl.ELEMENT_ARRAY_BUFFER, this.order);
  }

  /** @param {number} kind @param {ArrayBufferView<ArrayBuffer>} data */
  #buffer(kind, data) {
    const buffer = this.gl.createBuffer();
    this.gl.bindBuffer(kind, buffer);
    this.gl.bufferData(kind, data, this.gl.DYNAMIC_DRAW);
    return buffer;
  }

  /** @param {Uint8Array<ArrayBuffer>} colours RGBA a point @param {Uint8Array} front 1 for points that are drawn over the others */
  paint(colours, front) {
    let back = 0, end = this.n;
    for (let i = this.n - 1; i >= 0; i--) if (front[i]) this.order[--end] = i;
    for (let i = 0; i < this.n; i++) if (!front[i]) this.order[back++] = i;
    this.colours = colours;
    this.shading.count(front);
    const gl = this.gl;
    gl.bindBuffer(gl.ARRAY_BUFFER, this.colourBuffer ?? null);
    gl.bufferSubData(gl.ARRAY_BUFFER, 0, colours);
    gl.bufferSubData(gl.ELEMENT_ARRAY_BUFFER, 0, this.order);
    this.#redraw();
  }

  #redraw() {
    this.stale = true;
    this.request();
  }

  /** Shows the view: by drawing, or where drawing is slow by moving what was drawn until the view has settled. */
  request() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      const shift = this.costMs > QUICK_MS && !this.stale ? this.#shift() : null;
      clearTimeout(this.settling);
      if (shift) {
        this.canvas.style.transform = shift;
        if (!this.held) this.settling = setTimeout(() => this.#draw(), SETTLED_MS);
      } else {
        this.#draw();
      }
      this.frames++;
      this.onFrame();
    });
  }

  /** While a finger is down nothing is drawn again before an edge shows. @param {boolean} held */
  hold(held) {
    this.held = held;
    if (!held) this.request();
  }

  /** The CSS transform from the view that was drawn to the present one; null where it would show an edge. */
  #shift() {
    const { view, drawnView: was } = this, scale = view.pixels / was.pixels;
    if (scale > MAX_SCALE || scale < MIN_SCALE) return null;
    const dx = (was.x - view.x) * view.pixels, dy = (view.y - was.y) * view.pixels, reach = (WHOLE * scale - 1) / 2;
    if (Math.abs(dx) > reach * view.width || Math.abs(dy) > reach * view.height) return null;
    const out = (WHOLE * (1 - scale)) / 2; // the transform's origin is the canvas's corner
    return `translate(${dx + out * view.width}px, ${dy + out * view.height}px) scale(${scale})`;
  }

  get ratio() { return Math.min(2, window.devicePixelRatio || 1); }

  resize() {
    const parent = /** @type {HTMLElement} */ (this.canvas.parentElement), { style } = this.canvas;
    const width = this.view.width = Math.max(1, parent.clientWidth);
    const height = this.view.height = Math.max(1, parent.clientHeight);
    style.left = `${-MARGIN * width}px`;
    style.top = `${-MARGIN * height}px`;
    style.width = `${WHOLE * width}px`;
    style.height = `${WHOLE * height}px`;
    this.canvas.width = Math.round(WHOLE * width * this.ratio);
    this.canvas.height = Math.round(WHOLE * height * this.ratio);
    this.#redraw();
  }

  /** Pixels: 3 of a crowd, 9 of a few, growing with the zoom. */
  pointSize() {
    const crowd = Math.max(3, Math.min(9, 260 / Math.sqrt(this.n)));
    return Math.min(22, crowd * Math.max(1, Math.sqrt(this.view.pixels / this.view.whole)));
  }

  #draw() {
    const gl = this.gl, { width, height } = this.canvas, { view, points } = this;
    if (!points) return;
    const scale = [width, height].map((side) => (2 * view.pixels * this.ratio) / side);
    gl.viewport(0, 0, width, height);
    const { backgroundColor, color } = getComputedStyle(this.canvas);
    gl.clearColor(...components(backgroundColor), 1);
    gl.clear(gl.COLOR_BUFFER_BIT);
    this.shading.draw(view, scale, components(color));
    gl.useProgram(points.program);
    gl.uniform2f(points.scale, scale[0], scale[1]);
    gl.uniform2f(points.shift, -view.x * scale[0], -view.y * scale[1]);
    gl.uniform1f(points.size, this.pointSize() * this.ratio);
    gl.drawElements(gl.POINTS, this.n, gl.UNSIGNED_INT, 0);
    if (this.drawn < 3 || this.drawn % 50 === 0) this.#measure();
    this.drawn++;
    this.stale = false;
    this.drawnView = { x: view.x, y: view.y, pixels: view.pixels };
    this.canvas.style.transform = "none";
  }

  /** Reading a pixel waits for the drawing, so that its time is known. */
  #measure() {
    const gl = this.gl, begun = performance.now();
    gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4));
    this.costMs = performance.now() - begun;
  }
}

/**
 * The page's colour is opaque: one layer less to blend where there is no graphics card.
 *
 * @param {string} colour in CSS
 * @returns {[red: number, green: number, blue: number]} 0 to 1
 */
function components(colour) {
  const [red, green, blue] = (colour.match(/[\d.]+/g) ?? []).map((value) => Number(value) / 255);
  return [red, green, blue];
}
