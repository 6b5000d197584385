// A track that is pointed at in a list has a ring on the map.

/** @import { Binding, Page } from "page/core/types" */
/** @import { MapView } from "page/map/map_view.js" */

/** Items of lists, or what one clicks in them, carry the number of their track as data-row. @param {Page} _page @param {MapView} map @returns {Binding[]} */
export function pointedSection(_page, map) {
  const follow = (/** @type {Event} */ { target }) => {
    const item = target instanceof Element ? target.closest(".list li, [role=option]") : null;
    const row = (item?.closest("[data-row]") ?? item?.querySelector("[data-row]"))?.getAttribute("data-row");
    const pointed = row ? Number(row) : -1;
    if (pointed !== map.overlay.marks.pointed) map.mark({ pointed });
  };
  for (const kind of ["pointerover", "focusin"]) document.addEventListener(kind, follow);
  document.documentElement.addEventListener("pointerleave", () => map.mark({ pointed: -1 }));
  return [];
}
