// The point renderer: positions and colours in two buffers, pan and zoom by one uniform. WebGL 2, nothing else.
// 100 000 points are one draw call; a recolouring uploads four bytes a point.

const VERTEX = `#version 300 es
in vec2 position;
in vec4 colour;
uniform vec2 scale;
uniform vec2 shift;
uniform float size;
out vec4 shade;
void main() {
  gl_Position = vec4(position * scale + shift, 0.0, 1.0);
  gl_PointSize = size;
  shade = colour;
}`;

const FRAGMENT = `#version 300 es
precision highp float;
in vec4 shade;
uniform float size;
out vec4 result;
void main() {
  float inside = clamp((0.5 - distance(gl_PointCoord, vec2(0.5))) * size, 0.0, 1.0);
  if (inside == 0.0) discard;
  result = vec4(shade.rgb, 1.0) * shade.a * inside;
}`;

const MARGIN = 0.3; // of the picture that is drawn beyond each edge, so that a pan can be shown by moving the canvas
const QUICK_MS = 12; // where a drawing takes longer (no graphics card, a phone), moves between drawings shift the canvas
const SETTLED_MS = 90;
const CELLS = 256; // of the picking grid, a side: at 100 000 points one or two points a cell

export class Points {
  // x, y: Float32Array. Throws an Error where the browser has no WebGL 2.
  constructor(canvas, x, y) {
    this.canvas = canvas;
    this.x = x;
    this.y = y;
    this.view = { x: 0, y: 0, pixels: 1 }; // middle of the picture, and pixels a unit of the map
    this.drawn = this.frames = this.cost = 0;
    this.whole = 1;
    this.stale = true;
    this.gl = canvas.getContext("webgl2", { antialias: false, alpha: false });
    if (!this.gl) throw new Error("no WebGL 2");
    canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    canvas.addEventListener("webglcontextrestored", () => this.prepare());
    this.order = new Uint32Array(x.length).map((_, i) => i);
    this.colours = new Uint8Array(4 * x.length);
    this.makeGrid();
    this.prepare();
    this.resize();
  }

  prepare() {
    const gl = this.gl;
    const program = gl.createProgram();
    for (const [kind, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, text);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.bindAttribLocation(program, 0, "position");
    gl.bindAttribLocation(program, 1, "colour");
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) throw new Error(gl.getProgramInfoLog(program));
    gl.useProgram(program);
    this.uniforms = Object.fromEntries(["scale", "shift", "size"].map((n) => [n, gl.getUniformLocation(program, n)]));
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    const xy = new Float32Array(2 * this.x.length);
    for (let i = 0; i < this.x.length; i++) { xy[2 * i] = this.x[i]; xy[2 * i + 1] = this.y[i]; }
    this.buffer(gl.ARRAY_BUFFER, xy);
    gl.enableVertexAttribArray(0);
    gl.vertexAttribPointer(0, 2, gl.FLOAT, false, 0, 0);
    this.colourBuffer = this.buffer(gl.ARRAY_BUFFER, this.colours);
    gl.enableVertexAttribArray(1);
    gl.vertexAttribPointer(1, 4, gl.UNSIGNED_BYTE, true, 0, 0);
    this.buffer(gl.ELEMENT_ARRAY_BUFFER, this.order);
    this.stale = true;
    this.request();
  }

  buffer(kind, data) {
    const buffer = this.gl.createBuffer();
    this.gl.bindBuffer(kind, buffer);
    this.gl.bufferData(kind, data, this.gl.DYNAMIC_DRAW);
    return buffer;
  }

  // colours: Uint8Array RGBA a point; front: Uint8Array, 1 for points that are drawn over the others.
  paint(colours, front) {
    let back = 0, end = this.order.length;
    for (let i = this.order.length - 1; i >= 0; i--) if (front[i]) this.order[--end] = i;
    for (let i = 0; i < this.x.length; i++) if (!front[i]) this.order[back++] = i;
    this.colours = colours;
    this.gl.bindBuffer(this.gl.ARRAY_BUFFER, this.colourBuffer);
    this.gl.bufferSubData(this.gl.ARRAY_BUFFER, 0, colours);
    this.gl.bufferSubData(this.gl.ELEMENT_ARRAY_BUFFER, 0, this.order);
    this.stale = true;
    this.request();
  }

  // Shows the view: by drawing, or where drawing is slow by moving what was drawn until the view has settled.
  request() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      const shift = this.cost > QUICK_MS && !this.stale ? this.shift() : null;
      clearTimeout(this.settling);
      if (shift) {
        this.canvas.style.transform = shift;
        if (!this.held) this.settling = setTimeout(() => this.draw(), SETTLED_MS);
      } else {
        this.draw();
      }
      this.frames++;
      if (this.onFrame) this.onFrame();
    });
  }

  hold(held) { // while a finger is down nothing is drawn anew before an edge shows
    this.held = held;
    if (!held) this.request();
  }

  // The CSS transform from the view that was drawn to the present one; null where it would show an edge.
  shift() {
    const was = this.drawnView, scale = this.view.pixels / was.pixels;
    if (scale > 1.8 || scale < 0.75) return null;
    const dx = (was.x - this.view.x) * this.view.pixels, dy = (this.view.y - was.y) * this.view.pixels;
    const reach = ((1 + 2 * MARGIN) * scale - 1) / 2;
    if (Math.abs(dx) > reach * this.width || Math.abs(dy) > reach * this.height) return null;
    const out = ((1 + 2 * MARGIN) * (1 - scale)) / 2; // the transform's origin is the canvas's corner
    return `translate(${dx + out * this.width}px, ${dy + out * this.height}px) scale(${scale})`;
  }

  get ratio() { return Math.min(2, window.devicePixelRatio || 1); }

  resize() {
    const stage = this.canvas.parentElement, style = this.canvas.style, whole = 1 + 2 * MARGIN;
    this.width = Math.max(1, stage.clientWidth);
    this.height = Math.max(1, stage.clientHeight);
    style.left = `${-MARGIN * this.width}px`;
    style.top = `${-MARGIN * this.height}px`;
    style.width = `${whole * this.width}px`;
    style.height = `${whole * this.height}px`;
    this.canvas.width = Math.round(whole * this.width * this.ratio);
    this.canvas.height = Math.round(whole * this.height * this.ratio);
    this.stale = true;
    this.request();
  }

  pointSize() { // pixels: 3 of a crowd, 9 of a few, growing with the zoom
    const crowd = Math.max(3, Math.min(9, 260 / Math.sqrt(this.x.length)));
    return Math.min(22, crowd * Math.max(1, Math.sqrt(this.view.pixels / this.whole)));
  }

  draw() {
    const gl = this.gl, { width, height } = this.canvas;
    const scale = [(2 * this.view.pixels * this.ratio) / width, (2 * this.view.pixels * this.ratio) / height];
    gl.viewport(0, 0, width, height);
    // Opaque, in the page's colour: one layer less to blend where there is no graphics card.
    gl.clearColor(...getComputedStyle(this.canvas).backgroundColor.match(/[\d.]+/g).slice(0, 3).map((c) => c / 255), 1);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.uniform2f(this.uniforms.scale, ...scale);
    gl.uniform2f(this.uniforms.shift, -this.view.x * scale[0], -this.view.y * scale[1]);
    gl.uniform1f(this.uniforms.size, this.pointSize() * this.ratio);
    gl.drawElements(gl.POINTS, this.order.length, gl.UNSIGNED_INT, 0);
    if (this.drawn < 3 || this.drawn % 50 === 0) { // reading a pixel waits for the drawing, so that its time is known
      const begun = performance.now();
      gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4));
      this.cost = performance.now() - begun;
    }
    this.drawn++;
    this.stale = false;
    this.drawnView = { ...this.view };
    this.canvas.style.transform = "none";
  }

  // Shows the given points (all, where none are named) with a margin.
  fit(rows) {
    const { low, high } = bounds(this.x, this.y, rows);
    const pixels = 0.9 * Math.min(this.width / Math.max(high[0] - low[0], 1e-6), this.height / Math.max(high[1] - low[1], 1e-6));
    if (!rows) this.whole = pixels;
    this.view = { x: (low[0] + high[0]) / 2, y: (low[1] + high[1]) / 2, pixels: Math.min(pixels, 60 * this.whole) };
    this.request();
  }

  pan(dx, dy) { // pixels
    this.view.x -= dx / this.view.pixels;
    this.view.y += dy / this.view.pixels;
    this.request();
  }

  zoom(factor, px, py) { // about a place in the picture
    const [x, y] = this.toMap(px, py);
    this.view.pixels = Math.max(this.whole / 4, Math.min(this.whole * 400, this.view.pixels * factor));
    const [nx, ny] = this.toMap(px, py);
    this.view.x += x - nx;
    this.view.y += y - ny;
    this.request();
  }

  toMap(px, py) {
    return [
      this.view.x + (px - this.width / 2) / this.view.pixels,
      this.view.y - (py - this.height / 2) / this.view.pixels,
    ];
  }

  toPixels(x, y) {
    return [
      this.width / 2 + (x - this.view.x) * this.view.pixels,
      this.height / 2 - (y - this.view.y) * this.view.pixels,
    ];
  }

  makeGrid() { // cells of a counting sort: starts[cell] .. starts[cell + 1] of `sorted`
    const { low, high } = bounds(this.x, this.y);
    this.low = low;
    this.cell = [(high[0] - low[0]) / CELLS || 1, (high[1] - low[1]) / CELLS || 1];
    const cells = new Uint32Array(this.x.length);
    this.starts = new Uint32Array(CELLS * CELLS + 1);
    for (let i = 0; i < cells.length; i++) {
      cells[i] = this.column(this.x[i]) + CELLS * this.row(this.y[i]);
      this.starts[cells[i] + 1]++;
    }
    for (let c = 0; c < CELLS * CELLS; c++) this.starts[c + 1] += this.starts[c];
    const next = this.starts.slice();
    this.sorted = new Uint32Array(cells.length);
    for (let i = 0; i < cells.length; i++) this.sorted[next[cells[i]]++] = i;
  }

  column(x) { return Math.max(0, Math.min(CELLS - 1, Math.floor((x - this.low[0]) / this.cell[0]))); }
  row(y) { return Math.max(0, Math.min(CELLS - 1, Math.floor((y - this.low[1]) / this.cell[1]))); }

  // Rows of points in the rectangle of the map, through `each`.
  within(x0, y0, x1, y1, each) {
    for (let r = this.row(y0); r <= this.row(y1); r++) {
      for (let c = this.column(x0); c <= this.column(x1); c++) {
        const cell = c + CELLS * r;
        for (let s = this.starts[cell]; s < this.starts[cell + 1]; s++) {
          const i = this.sorted[s];
          if (this.x[i] >= x0 && this.x[i] <= x1 && this.y[i] >= y0 && this.y[i] <= y1) each(i);
        }
      }
    }
  }

  // The nearest point to a place in the picture within `reach` pixels that `allowed` admits, or -1.
  pick(px, py, reach, allowed = () => true) {
    const [x, y] = this.toMap(px, py), r = reach / this.view.pixels;
    let best = -1, least = r * r;
    this.within(x - r, y - r, x + r, y + r, (i) => {
      const far = (this.x[i] - x) ** 2 + (this.y[i] - y) ** 2;
      if (far <= least && allowed(i)) { least = far; best = i; }
    });
    return best;
  }

  // Rows inside a polygon of the map, [[x, y], ...], by counting crossings.
  inside(polygon) {
    const xs = polygon.map((p) => p[0]), ys = polygon.map((p) => p[1]), found = [];
    this.within(Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys), (i) => {
      let odd = false;
      for (let a = 0, b = xs.length - 1; a < xs.length; b = a++) {
        if (ys[a] > this.y[i] !== ys[b] > this.y[i] &&
            this.x[i] < ((xs[b] - xs[a]) * (this.y[i] - ys[a])) / (ys[b] - ys[a]) + xs[a]) odd = !odd;
      }
      if (odd) found.push(i);
    });
    return found.sort((a, b) => a - b);
  }
}

function bounds(x, y, rows) {
  const low = [Infinity, Infinity], high = [-Infinity, -Infinity];
  const look = (i) => {
    if (x[i] < low[0]) low[0] = x[i];
    if (x[i] > high[0]) high[0] = x[i];
    if (y[i] < low[1]) low[1] = y[i];
    if (y[i] > high[1]) high[1] = y[i];
  };
  if (rows) rows.forEach(look); else for (let i = 0; i < x.length; i++) look(i);
  return low[0] > high[0] ? { low: [0, 0], high: [1, 1] } : { low, high };
}
