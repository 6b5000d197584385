// What the panel says while no track is chosen.

/** @import { Binding, Page } from "page/core/types" */
import { sizeOf } from "page/ui/track_parts.js";
import { byId, el } from "shared/dom.js";

/** @param {Page} page @returns {Binding[]} */
export function welcomeSection({ store, source, tracks }) {
  const section = byId("welcome", HTMLElement);
  const click = source.audio ? "Click it to hear the slice that decided its genre." : "Click it to keep it here.";
  const size = el("p", { class: "soft" });
  section.replaceChildren(el("h2", { text: tracks.name }), size,
    el("p", { class: "soft", text: "Tracks that sound alike lie together; distances between far islands mean nothing." }),
    el("p", { text: `Point at a track to see it. ${click}` }),
    el("p", { text: `Choose Lasso or Box, draw around tracks, and save them as a ${source.playlist ? "playlist" : "table"}.` }),
    el("p", { class: "soft", text: "Press ? for the keys." }));
  store.subscribe(["gone"], () => { size.textContent = sizeOf(tracks); });
  store.subscribe(["current", "selection"], ({ current, selection }) => {
    section.hidden = current >= 0 || selection.length > 0;
  });
  return [{ label: "click", text: source.audio ? "show a track and play its deciding slice" : "show a track" }];
}
