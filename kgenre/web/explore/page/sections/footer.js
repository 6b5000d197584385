// The line at the foot of the map: how many recordings and files, which model, how far the map can be trusted.

/** @import { Binding, Page } from "page/core/types" */
import { percent } from "shared/text.js";
import { openDialog } from "page/ui/dialog.js";
import { sizeOf } from "page/ui/track_parts.js";
import { byId, el } from "shared/dom.js";

/** @param {Page} page @returns {Binding[]} */
export function footerSection({ source, store, tracks }) {
  const size = byId("foot-size", HTMLElement), reliability = byId("reliability", HTMLButtonElement), { model, quality } = tracks;
  const trustworthiness = quality?.trustworthiness ?? null, preservation = quality?.preservation ?? 0;
  store.subscribe(["gone"], () => { size.textContent = [sizeOf(tracks), `model ${model}`, source.limits].filter(Boolean).join(" · "); });
  reliability.hidden = trustworthiness === null;
  if (trustworthiness === null) return [];
  reliability.textContent = `trustworthiness ${trustworthiness.toFixed(3)} · neighbours kept ${percent(preservation)}`;
  reliability.addEventListener("click", () => explain(trustworthiness, preservation));
  return [];
}

/** @param {number} trustworthiness @param {number} preservation */
function explain(trustworthiness, preservation) {
  openDialog("How reliable this map is",
    el("p", {}, el("strong", { text: `Trustworthiness ${trustworthiness.toFixed(3)}` }),
      ": whether recordings that are near on the map are alike for the model. 1 is best."),
    el("p", {}, el("strong", { text: `Neighbours kept ${percent(preservation)}` }),
      ": share of the 10 nearest recordings that are still among the 10 nearest on the map. Less than half is usual for a large library."),
    el("p", { class: "soft", text: "The distance between two islands means nothing. The list of the nearest and paths do not use the map: they are exact." }));
}
