// The tracks nearest to the current one.

/** @import { Binding, Neighbour, Page, State } from "page/core/types" */
import { attempt } from "page/actions/notices.js";
import { step } from "page/actions/queue.js";
import { select } from "page/actions/selection.js";
import { inOrder, setTagOrder } from "page/actions/model_tags.js";
import { pickAndReveal, setMaxDistance } from "page/actions/tracks.js";
import { button, byId, el, redraw } from "shared/dom.js";
import { count } from "shared/text.js";
import { orderRow, tagAside } from "page/ui/tag_order.js";
import { trackList } from "page/ui/track_parts.js";

const STEP = 0.01; // of the distance

/** @param {Page} page @returns {Binding[]} */
export function neighboursSection(page) {
  const section = byId("neighbours", HTMLElement);
  page.store.subscribe(["current", "near", "neighbours", "neighboursOf", "maxDistance", "genres", "tag", "sortByTag", "tagTables"], (state) => {
    section.hidden = state.current < 0 || state.neighboursOf !== state.current;
    redraw(section, section.hidden ? [] : content(page, state));
  });
  return [{ label: "N  P", text: "next and previous of the queue; without one, of the selection, the hits or the nearest", keys: ["n", "p"],
    run: (key) => { attempt(page, step(page, key === "n" ? 1 : -1)); } }];
}

/** @param {Page} page @param {State} state */
function content(page, { current, near, neighbours, maxDistance }) {
  const exact = Boolean(page.source.neighbours), rows = neighbours.map(([row]) => row), distances = new Map(neighbours);
  const included = () => rows.filter((row) => !page.store.state.excluded.has(row));
  return [
    el("h2", {}, el("span", { text: exact ? "Nearest" : "Nearest on the map" }), el("span", { class: "soft" }),
      button("Select", "Select this recording and the ticked ones", () => select(page, [current, ...included()])),
      button("Add", "Add the ticked ones to the selection", () => select(page, included(), true))),
    exact && near.length ? distanceRow(page, near, rows.length, maxDistance ?? distances.get(rows[rows.length - 1]) ?? 0) : null,
    exact ? el("p", { id: "near-count", class: "soft small", text: found(near, rows.length) }) : null,
    rows.length ? orderRow(page, (sorted) => { attempt(page, setTagOrder(page, sorted)); }) : null,
    trackList(page, inOrder(page, rows), (row) => { pickAndReveal(page, row); },
      { label: "Nearest", before: (row) => tick(page, row), after: tagAside(page) ?? ((row) => distances.get(row)?.toFixed(2) ?? "") }),
  ];
}

/** How many are listed, and whether there may be more. @param {readonly Neighbour[]} near @param {number} listed */
function found(near, listed) {
  if (!near.length) return "No other recording.";
  if (!listed) return "No recording is within this distance.";
  return listed < near.length ? count(listed, "recording") : `${count(listed, "recording")}, all that are listed`;
}

/** From 0 to the farthest that can be listed. @param {Page} page @param {readonly Neighbour[]} near @param {number} listed @param {number} distance */
function distanceRow(page, near, listed, distance) {
  const farthest = up(near[near.length - 1][1] ?? 0), value = Math.min(farthest, up(distance));
  const range = el("input", { id: "max-distance", type: "range", min: 0, max: farthest, step: STEP,
    title: "Only recordings nearer than this", "aria-label": "Largest distance", "aria-valuetext": `${value.toFixed(2)}: ${found(near, listed)}`,
    on: { input: () => setMaxDistance(page, Number(range.value)) } });
  range.value = String(value); // after its ends, which would cut it
  return el("div", { class: "row small soft" }, "within", range, value.toFixed(2));
}

/** The next step of the range. @param {number} distance */
function up(distance) { return Math.ceil(distance / STEP) * STEP; }

/** @param {Page} page @param {number} row */
function tick({ store, tracks }, row) {
  const toggle = () => {
    const excluded = new Set(store.state.excluded);
    if (!excluded.delete(row)) excluded.add(row);
    store.set({ excluded });
  };
  return el("label", { class: "tick" }, el("input", { type: "checkbox", checked: !store.state.excluded.has(row),
    "aria-label": `Include ${tracks.title(row)}`, on: { click: toggle } }));
}
