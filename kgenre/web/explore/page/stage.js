// The map that is touched: tools, hovering, and what is drawn over the points. It tells what happened by `on`.

import { Points } from "./points.js";

const REACH = 12; // pixels within which a track is meant
const TAP = 6; // pixels under which a drag is a click

export class Stage {
  // on: { hover(row, px, py), click(row, add), select(rows, add), tool(name) }; visible: row -> whether it can be meant.
  constructor(element, tracks, on, visible) {
    this.element = element;
    this.tracks = tracks;
    this.on = on;
    this.visible = visible;
    this.points = new Points(element.querySelector("#points"), tracks.x, tracks.y);
    this.overlay = element.querySelector("#overlay");
    this.glass = element.querySelector("#glass"); // above all that is drawn, and touched in its stead
    this.context = this.overlay.getContext("2d");
    this.pointers = new Map();
    this.marks = { current: -1, hover: -1, near: [], way: [] };
    this.points.onFrame = () => this.drawOverlay();
    new ResizeObserver(() => this.resize()).observe(element);
    this.resize();
    this.points.fit();
    this.setTool("pan");
    for (const kind of ["pointerdown", "pointermove", "pointerup", "pointercancel", "pointerleave", "wheel"]) {
      this.glass.addEventListener(kind, (event) => this[kind](event), { passive: false });
    }
    this.glass.addEventListener("dblclick", (event) => this.points.zoom(2, ...this.place(event)));
  }

  resize() {
    const first = !this.sized;
    this.sized = true;
    this.points.resize();
    const ratio = window.devicePixelRatio || 1;
    this.overlay.width = Math.round(this.points.width * ratio);
    this.overlay.height = Math.round(this.points.height * ratio);
    if (!first && !this.moved) this.points.fit();
  }

  setTool(name) {
    this.tool = this.element.dataset.tool = name;
    this.on.tool(name);
  }

  place(event) {
    const box = this.element.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  pointerdown(event) {
    if (event.button > 0) return;
    event.preventDefault();
    document.activeElement?.blur();
    this.glass.setPointerCapture(event.pointerId);
    const at = this.place(event);
    this.pointers.set(event.pointerId, at);
    this.points.hold(true);
    this.on.hover(-1);
    if (this.pointers.size === 2) { // two fingers move and zoom, whatever the tool
      this.shape = this.drag = null;
      return;
    }
    this.drag = { from: at, far: 0, add: event.shiftKey || event.ctrlKey || event.metaKey, touch: event.pointerType === "touch" };
    if (this.tool !== "pan") this.shape = [this.points.toMap(...at)];
  }

  pointermove(event) {
    const at = this.place(event), was = this.pointers.get(event.pointerId);
    if (!was) {
      if (event.pointerType !== "touch") this.hover(...at);
      return;
    }
    if (this.pointers.size === 2) this.pinch(event.pointerId, at);
    this.pointers.set(event.pointerId, at);
    if (!this.drag) return;
    this.drag.far = Math.max(this.drag.far, Math.hypot(at[0] - this.drag.from[0], at[1] - this.drag.from[1]));
    if (this.tool === "pan") {
      this.moved = true;
      this.points.pan(at[0] - was[0], at[1] - was[1]);
    } else if (this.shape) {
      const here = this.points.toMap(...at);
      if (this.tool === "lasso") this.shape.push(here);
      else {
        const [x0, y0] = this.shape[0];
        this.shape = [[x0, y0], [here[0], y0], here, [x0, here[1]]];
      }
      this.drawOverlay();
    }
  }

  pinch(id, at) {
    this.moved = true;
    const other = [...this.pointers].find(([key]) => key !== id)[1], was = this.pointers.get(id);
    const middle = (a) => [(a[0] + other[0]) / 2, (a[1] + other[1]) / 2];
    const wide = (a) => Math.max(10, Math.hypot(a[0] - other[0], a[1] - other[1]));
    const [before, now] = [middle(was), middle(at)];
    this.points.pan(now[0] - before[0], now[1] - before[1]);
    this.points.zoom(wide(at) / wide(was), ...now);
  }

  pointerup(event) {
    this.release(event);
    const drag = this.drag, shape = this.shape;
    this.drag = this.shape = null;
    if (!drag) return;
    if (drag.far < TAP) {
      const row = this.points.pick(...this.place(event), drag.touch ? 2 * REACH : REACH, this.visible);
      this.on.click(row, drag.add);
    } else if (shape) {
      this.on.select(this.points.inside(shape).filter(this.visible), drag.add);
    }
    this.drawOverlay();
  }

  pointercancel(event) {
    this.release(event);
    this.drag = this.shape = null;
    this.drawOverlay();
  }

  release(event) {
    this.pointers.delete(event.pointerId);
    if (!this.pointers.size) this.points.hold(false);
  }

  pointerleave() { if (!this.pointers.size) this.hover(-1e6, -1e6); }

  wheel(event) {
    event.preventDefault();
    this.moved = true;
    const lines = event.deltaY * (event.deltaMode === 1 ? 30 : 1);
    this.points.zoom(Math.exp(-Math.max(-300, Math.min(300, lines)) / 400), ...this.place(event));
    this.on.hover(-1);
  }

  hover(px, py) {
    const row = this.points.pick(px, py, REACH, this.visible);
    this.element.classList.toggle("over", row >= 0 && this.tool === "pan");
    if (row === this.marks.hover) return;
    this.marks.hover = row;
    this.on.hover(row, px, py);
    this.drawOverlay();
  }

  mark(marks) {
    Object.assign(this.marks, marks);
    this.drawOverlay();
  }

  show(rows) { // brings rows into view if they are not
    const away = rows.some((row) => {
      const [px, py] = this.points.toPixels(this.tracks.x[row], this.tracks.y[row]);
      return px < 20 || py < 20 || px > this.points.width - 20 || py > this.points.height - 20;
    });
    if (!away) return;
    this.moved = true;
    if (rows.length > 1) this.points.fit(rows);
    else {
      this.points.view.x = this.tracks.x[rows[0]];
      this.points.view.y = this.tracks.y[rows[0]];
      this.points.request();
    }
  }

  drawOverlay() {
    const { current, hover, near, way } = this.marks, empty = current < 0 && hover < 0 && !way.length && !this.shape;
    this.overlay.hidden = empty; // an empty canvas costs a third of a frame where there is no graphics card
    if (empty) return;
    const c = this.context, ratio = window.devicePixelRatio || 1, style = getComputedStyle(document.documentElement);
    const accent = style.getPropertyValue("--accent"), text = style.getPropertyValue("--text");
    c.setTransform(ratio, 0, 0, ratio, 0, 0);
    c.clearRect(0, 0, this.points.width, this.points.height);
    const at = (row) => this.points.toPixels(this.tracks.x[row], this.tracks.y[row]);
    const radius = this.points.pointSize() / 2;
    c.lineWidth = 1.5;
    c.strokeStyle = accent;
    if (current >= 0) {
      c.globalAlpha = 0.55;
      c.beginPath();
      for (const row of near) { c.moveTo(...at(current)); c.lineTo(...at(row)); }
      c.stroke();
      c.globalAlpha = 1;
    }
    if (way.length) {
      c.beginPath();
      way.forEach((row, i) => (i ? c.lineTo(...at(row)) : c.moveTo(...at(row))));
      c.stroke();
      c.font = "11px system-ui";
      way.forEach((row, i) => {
        const [x, y] = at(row);
        c.fillStyle = accent;
        c.beginPath(); c.arc(x, y, 9, 0, 7); c.fill();
        c.fillStyle = style.getPropertyValue("--panel");
        c.textAlign = "center"; c.textBaseline = "middle"; c.fillText(String(i + 1), x, y + 0.5);
      });
    }
    for (const [row, colour, gap] of [[hover, text, 3], [current, accent, 5]]) {
      if (row < 0) continue;
      c.strokeStyle = colour;
      c.lineWidth = 2.5;
      c.beginPath(); c.arc(...at(row), radius + gap, 0, 7); c.stroke();
    }
    if (this.shape?.length > 1) {
      c.strokeStyle = accent;
      c.lineWidth = 1.5;
      c.setLineDash([5, 4]);
      c.beginPath();
      this.shape.forEach((p) => c.lineTo(...this.points.toPixels(...p)));
      c.closePath(); c.stroke();
      c.setLineDash([]);
      c.globalAlpha = 0.1; c.fillStyle = accent; c.fill(); c.globalAlpha = 1;
    }
  }
}
