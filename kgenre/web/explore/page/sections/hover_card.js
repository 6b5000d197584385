// The card beside the track that is pointed at.

/** @import { Binding, Page } from "page/core/types" */
import { loadTags } from "page/actions/model_tags.js";
import { attempt } from "page/actions/notices.js";
import { byId, present } from "shared/dom.js";
import { genreBars, tagChips, trackHeading } from "page/ui/track_parts.js";

const GAP = 18, EDGE = 4; // pixels

/** @param {Page} page @returns {Binding[]} */
export function hoverCardSection(page) {
  const card = byId("card", HTMLElement), parent = /** @type {HTMLElement} */ (card.parentElement);
  page.store.subscribe(["hover", "tagTables"], ({ hover }) => {
    card.hidden = !hover;
    if (!hover) return;
    if (!page.tracks.tags) attempt(page, loadTags(page));
    card.replaceChildren(...present([trackHeading(page, hover.row), ...genreBars(page, hover.row), tagChips(page, hover.row, null)]));
    const right = hover.x + GAP, fits = right + card.offsetWidth <= parent.clientWidth;
    const left = fits ? right : hover.x - GAP - card.offsetWidth;
    const top = Math.min(hover.y + GAP, parent.clientHeight - card.offsetHeight - 2 * EDGE);
    card.style.left = `${Math.max(EDGE, left)}px`;
    card.style.top = `${Math.max(EDGE, top)}px`;
  });
  return [];
}
