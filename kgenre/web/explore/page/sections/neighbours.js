// The tracks nearest to the current one.

/** @import { Binding, Page, State } from "page/core/types" */
import { attempt } from "page/actions/notices.js";
import { step } from "page/actions/queue.js";
import { select } from "page/actions/selection.js";
import { inOrder, setTagOrder } from "page/actions/model_tags.js";
import { pickAndReveal, setMaxDistance } from "page/actions/tracks.js";
import { button, byId, el, redraw } from "shared/dom.js";
import { orderRow, tagAside } from "page/ui/tag_order.js";
import { trackList } from "page/ui/track_parts.js";

/** @param {Page} page @returns {Binding[]} */
export function neighboursSection(page) {
  const section = byId("neighbours", HTMLElement);
  page.store.subscribe(["current", "neighbours", "neighboursOf", "maxDistance", "genres", "tag", "sortByTag", "tagTables"], (state) => {
    section.hidden = state.current < 0 || state.neighboursOf !== state.current;
    redraw(section, section.hidden ? [] : content(page, state));
  });
  return [{ label: "N  P", text: "next and previous of the queue; without one, of the selection, the hits or the nearest", keys: ["n", "p"],
    run: (key) => { attempt(page, step(page, key === "n" ? 1 : -1)); } }];
}

/** @param {Page} page @param {State} state */
function content(page, { current, neighbours, maxDistance }) {
  const exact = Boolean(page.source.neighbours), rows = neighbours.map(([row]) => row), distances = new Map(neighbours);
  const included = () => rows.filter((row) => !page.store.state.excluded.has(row));
  return [
    el("h2", {}, el("span", { text: exact ? "Nearest" : "Nearest on the map" }), el("span", { class: "soft" }),
      button("Select", "Select this track and the ticked ones", () => select(page, [current, ...included()])),
      button("Add", "Add the ticked ones to the selection", () => select(page, included(), true))),
    exact ? distanceRow(page, maxDistance) : null,
    rows.length ? null : el("p", { class: "soft", text: "No track is within this distance." }),
    rows.length ? orderRow(page, (sorted) => { attempt(page, setTagOrder(page, sorted)); }) : null,
    trackList(page, inOrder(page, rows), (row) => { pickAndReveal(page, row); },
      { before: (row) => tick(page, row), after: tagAside(page) ?? ((row) => distances.get(row)?.toFixed(2) ?? "") }),
  ];
}

/** @param {Page} page @param {number} maxDistance */
function distanceRow(page, maxDistance) {
  const range = el("input", { id: "max-distance", type: "range", min: 0, max: 1, step: 0.01, value: maxDistance,
    title: "Only tracks nearer than this", "aria-label": "Largest distance",
    on: { change: () => setMaxDistance(page, Number(range.value)) } });
  return el("div", { class: "row small soft" }, "within", range, maxDistance.toFixed(2));
}

/** @param {Page} page @param {number} row */
function tick({ store }, row) {
  const toggle = (/** @type {MouseEvent} */ event) => {
    event.stopPropagation();
    const excluded = new Set(store.state.excluded);
    if (!excluded.delete(row)) excluded.add(row);
    store.set({ excluded });
  };
  return el("input", { type: "checkbox", checked: !store.state.excluded.has(row), "aria-label": "Include", on: { click: toggle } });
}
