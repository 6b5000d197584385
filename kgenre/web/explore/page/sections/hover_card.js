// The card beside the track that is pointed at.

/** @import { Binding, Page } from "page/core/types" */
import { byId } from "shared/dom.js";
import { genreBars, trackHeading } from "page/ui/track_parts.js";

const GAP = 18, EDGE = 4; // pixels

/** @param {Page} page @returns {Binding[]} */
export function hoverCardSection(page) {
  const card = byId("card", HTMLElement), parent = /** @type {HTMLElement} */ (card.parentElement);
  page.store.subscribe(["hover"], ({ hover }) => {
    card.hidden = !hover;
    if (!hover) return;
    card.replaceChildren(trackHeading(page, hover.row), ...genreBars(page, hover.row));
    const right = hover.x + GAP, fits = right + card.offsetWidth <= parent.clientWidth;
    const left = fits ? right : hover.x - GAP - card.offsetWidth;
    const top = Math.min(hover.y + GAP, parent.clientHeight - card.offsetHeight - 2 * EDGE);
    card.style.left = `${Math.max(EDGE, left)}px`;
    card.style.top = `${Math.max(EDGE, top)}px`;
  });
  return [];
}
