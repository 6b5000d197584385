// A button with the number of recordings that lie far from all others, while the whole map is shown without them.

/** @import { Binding, Page } from "page/core/types" */
/** @import { Bounds } from "page/map/grid.js" */
/** @import { MapView } from "page/map/map_view.js" */
import { isShown } from "page/actions/colouring.js";
import { button, byId, redraw } from "shared/dom.js";
import { count } from "shared/text.js";

/** @param {Page} page @param {MapView} map @returns {Binding[]} */
export function outsideSection(page, map) {
  const box = byId("outside", HTMLElement), { x, y, ids } = page.tracks;
  const isBeyond = (/** @type {number} */ row, /** @type {Bounds} */ { low, high }) => (
    x[row] < low[0] || y[row] < low[1] || x[row] > high[0] || y[row] > high[1]);
  const far = Array.from(ids.keys()).filter((row) => isBeyond(row, map.grid.core));
  map.whenSettled(() => {
    const seen = map.view.bounds(), isWhole = map.view.pixels <= map.view.whole;
    const rows = isWhole ? far.filter((row) => isShown(page, row) && isBeyond(row, seen)) : [];
    redraw(box, rows.length ? [button(`${count(rows.length, "recording")} outside`,
      "Show the recordings that lie far from all others too; F shows the whole map again", () => map.fitAll())] : []);
  });
  return [];
}
