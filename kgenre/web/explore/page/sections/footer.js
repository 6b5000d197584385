// The line at the foot of the map: how many recordings and files, which model, how far the map can be trusted.

/** @import { Binding, Page } from "page/core/types" */
import { percent } from "shared/text.js";
import { sizeOf } from "page/ui/track_parts.js";
import { byId } from "shared/dom.js";

/** @param {Page} page @returns {Binding[]} */
export function footerSection({ source, store, tracks }) {
  const foot = byId("foot", HTMLElement), { model, quality } = tracks, parts = [`model ${model}`];
  if (quality && quality.trustworthiness !== null) {
    parts.push(`trustworthiness ${quality.trustworthiness.toFixed(3)}`, `neighbours kept ${percent(quality.preservation ?? 0)}`);
  }
  if (source.limits) parts.push(source.limits);
  store.subscribe(["gone"], () => { foot.textContent = [sizeOf(tracks), ...parts].join(" · "); });
  foot.title = "Trustworthiness: whether tracks that are near on the map are alike. " +
    "Neighbours kept: share of the 10 nearest tracks that are still the nearest on the map.";
  return [];
}
