// Mouse, pen and fingers on the map: dragging, lasso and box, pinching, the wheel, clicks.

/** @import { Tool } from "page/core/types" */
/** @import { MapView } from "page/map/map_view.js" */
/** @typedef {[px: number, py: number]} Place in the view */

const TAP = 6; // pixels under which a drag is a click
const DOUBLE_CLICK_ZOOM = 2;
const MAX_WHEEL = 300, WHEEL_SCALE = 400, LINE_PIXELS = 30;
const EVENTS = /** @type {const} */ (["pointerdown", "pointermove", "pointerup", "pointercancel", "pointerleave", "wheel"]);

export class Gestures {
  /** @param {HTMLElement} glass above all that is drawn, and touched in its stead @param {MapView} map */
  constructor(glass, map) {
    this.glass = glass;
    this.map = map;
    /** @type {Tool} */
    this.tool = "pan";
    /** @type {Map<number, Place>} */
    this.pointers = new Map();
    /** @type {{ from: Place, distance: number, add: boolean, touch: boolean } | null} */
    this.drag = null;
    for (const kind of EVENTS) {
      const handle = /** @type {(event: Event) => void} */ (this[kind].bind(this));
      glass.addEventListener(kind, handle, { passive: false });
    }
    glass.addEventListener("dblclick", (event) => map.move(() => map.view.zoom(DOUBLE_CLICK_ZOOM, ...this.#place(event))));
  }

  /** @param {MouseEvent} event @returns {Place} */
  #place(event) {
    const box = this.glass.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  /** @param {PointerEvent} event */
  pointerdown(event) {
    if (event.button > 0) return;
    event.preventDefault();
    if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
    this.glass.setPointerCapture(event.pointerId);
    const at = this.#place(event);
    this.pointers.set(event.pointerId, at);
    this.map.points.hold(true);
    this.map.on.hover(-1);
    if (this.pointers.size === 2) { // two fingers move and zoom, whatever the tool
      this.map.overlay.shape = this.drag = null;
      return;
    }
    const add = event.shiftKey || event.ctrlKey || event.metaKey;
    this.drag = { from: at, distance: 0, add, touch: event.pointerType === "touch" };
    if (this.tool !== "pan") this.map.overlay.shape = [this.map.view.toMap(...at)];
  }

  /** @param {PointerEvent} event */
  pointermove(event) {
    const at = this.#place(event), was = this.pointers.get(event.pointerId);
    if (!was) {
      if (event.pointerType !== "touch") this.map.hover(...at);
      return;
    }
    if (this.pointers.size === 2) this.#pinch(event.pointerId, was, at);
    this.pointers.set(event.pointerId, at);
    if (!this.drag) return;
    this.drag.distance = Math.max(this.drag.distance, Math.hypot(at[0] - this.drag.from[0], at[1] - this.drag.from[1]));
    if (this.tool === "pan") this.map.move(() => this.map.view.pan(at[0] - was[0], at[1] - was[1]));
    else this.#drawShape(this.map.view.toMap(...at));
  }

  /** @param {[x: number, y: number]} here on the map */
  #drawShape(here) {
    const { overlay } = this.map;
    if (!overlay.shape) return;
    const [x, y] = overlay.shape[0];
    if (this.tool === "lasso") overlay.shape.push(here);
    else overlay.shape = [[x, y], [here[0], y], here, [x, here[1]]];
    overlay.draw();
  }

  /** @param {number} id of the finger that moves @param {Place} was @param {Place} at */
  #pinch(id, was, at) {
    const other = [...this.pointers].find(([key]) => key !== id)?.[1] ?? at;
    const middle = (/** @type {Place} */ a) => [(a[0] + other[0]) / 2, (a[1] + other[1]) / 2];
    const spread = (/** @type {Place} */ a) => Math.max(10, Math.hypot(a[0] - other[0], a[1] - other[1]));
    const before = middle(was), now = middle(at);
    this.map.move(() => {
      this.map.view.pan(now[0] - before[0], now[1] - before[1]);
      this.map.view.zoom(spread(at) / spread(was), now[0], now[1]);
    });
  }

  /** @param {PointerEvent} event */
  pointerup(event) {
    this.#release(event);
    const { drag, map } = this, { shape } = map.overlay;
    this.drag = map.overlay.shape = null;
    if (!drag) return;
    if (drag.distance < TAP) map.click(this.#place(event), drag.touch, drag.add);
    else if (shape) map.select(shape, drag.add);
    map.overlay.draw();
  }

  /** @param {PointerEvent} event */
  pointercancel(event) {
    this.#release(event);
    this.drag = this.map.overlay.shape = null;
    this.map.overlay.draw();
  }

  /** @param {PointerEvent} event */
  #release(event) {
    this.pointers.delete(event.pointerId);
    if (!this.pointers.size) this.map.points.hold(false);
  }

  pointerleave() { if (!this.pointers.size) this.map.hover(-1e6, -1e6); }

  /** @param {WheelEvent} event */
  wheel(event) {
    event.preventDefault();
    const pixels = event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? LINE_PIXELS : 1);
    const factor = Math.exp(-Math.max(-MAX_WHEEL, Math.min(MAX_WHEEL, pixels)) / WHEEL_SCALE);
    this.map.move(() => this.map.view.zoom(factor, ...this.#place(event)));
    this.map.on.hover(-1);
  }
}
