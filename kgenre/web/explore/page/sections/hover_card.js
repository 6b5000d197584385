// The card beside the track that is pointed at.

/** @import { Binding, Page } from "page/core/types" */
import { loadTags } from "page/actions/model_tags.js";
import { attempt } from "page/actions/notices.js";
import { byId, el, present } from "shared/dom.js";
import { genreBars, tagChips, trackHeading } from "page/ui/track_parts.js";

const GAP = 18, EDGE = 4; // pixels

/** @param {Page} page @returns {Binding[]} */
export function hoverCardSection(page) {
  const card = byId("card", HTMLElement), parent = /** @type {HTMLElement} */ (card.parentElement);
  let heading = { id: -1, node: el("div") }; // kept, so that the cover does not flicker when genres change
  page.store.subscribe(["hover", "genres", "tagTables"], ({ hover }) => {
    card.hidden = !hover;
    if (!hover) return;
    if (!page.tracks.tags) attempt(page, loadTags(page));
    const id = page.tracks.ids[hover.row];
    if (heading.id !== id) heading = { id, node: trackHeading(page, hover.row) };
    card.replaceChildren(...present([heading.node, ...genreBars(page, hover.row), tagChips(page, hover.row, null)]));
    const right = hover.x + GAP, fits = right + card.offsetWidth <= parent.clientWidth;
    const left = fits ? right : hover.x - GAP - card.offsetWidth;
    const top = Math.min(hover.y + GAP, parent.clientHeight - card.offsetHeight - 2 * EDGE);
    card.style.left = `${Math.max(EDGE, left)}px`;
    card.style.top = `${Math.max(EDGE, top)}px`;
  });
  return [];
}
