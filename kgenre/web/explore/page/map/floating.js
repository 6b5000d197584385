// What lies over the points and is laid out when the view has settled; while the view moves it is moved as a whole.

/** @import { Viewport } from "page/map/viewport.js" */
/** @typedef {{ left: number, top: number, right: number, bottom: number }} Box pixels */

export class Floating {
  /** @param {HTMLElement} box @param {Viewport} view */
  constructor(box, view) {
    this.box = box;
    this.view = view;
    this.corner = { x: 0, y: 0, pixels: 1 }; // of the view that it was laid out for, at the left and top
    this.settle();
  }

  /** It has been laid out for the present view. */
  settle() {
    const { x, y, pixels, width, height } = this.view;
    this.corner = { x: x - width / 2 / pixels, y: y + height / 2 / pixels, pixels };
    this.follow();
  }

  follow() {
    const { view, corner: { x, y, pixels } } = this, [px, py] = view.toPixels(x, y);
    this.box.style.transform = `translate(${px}px, ${py}px) scale(${view.pixels / pixels})`;
  }
}
