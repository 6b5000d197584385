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
  const section = byId("neighbours", HTMLElement), distance = distanceRow(page);
  const head = el("div", { class: "parts" }), rest = el("div", { class: "parts" });
  section.append(head, distance.node, rest); // the range stays while the others are drawn again: it may be under a finger
  page.store.subscribe(["current", "near", "neighbours", "neighboursOf", "maxDistance", "genres", "tag", "sortByTag", "tagTables"], (state) => {
    section.hidden = state.current < 0 || state.neighboursOf !== state.current;
    redraw(head, section.hidden ? [] : [heading(page, state)]);
    if (!section.hidden) distance.show(state);
    redraw(rest, section.hidden ? [] : content(page, state));
  });
  return [{ label: "N  P", text: "next and previous of the queue; without one, of the selection, the hits or the nearest", keys: ["n", "p"],
    run: (key) => { attempt(page, step(page, key === "n" ? 1 : -1)); } }];
}

/** @param {Page} page @param {State} state */
function heading(page, { current, neighbours }) {
  const included = () => neighbours.map(([row]) => row).filter((row) => !page.store.state.excluded.has(row));
  return el("h2", {}, el("span", { text: page.source.neighbours ? "Nearest" : "Nearest on the map" }), el("span", { class: "soft" }),
    button("Select", "Select this recording and the ticked ones", () => select(page, [current, ...included()])),
    button("Add", "Add the ticked ones to the selection", () => select(page, included(), true)));
}

/** @param {Page} page @param {State} state */
function content(page, { near, neighbours }) {
  const rows = neighbours.map(([row]) => row), distances = new Map(neighbours);
  return [
    page.source.neighbours ? el("p", { id: "near-count", class: "soft small", text: found(near, rows.length) }) : null,
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

/** From 0 to the farthest that can be listed. @param {Page} page */
function distanceRow(page) {
  const range = el("input", { id: "max-distance", type: "range", min: 0, step: STEP, title: "Only recordings nearer than this",
    "aria-label": "Largest distance", on: { input: () => setMaxDistance(page, Number(range.value)) } });
  const text = el("span"), node = el("div", { class: "row small soft" }, "within", range, text);
  const show = (/** @type {State} */ { near, neighbours, maxDistance }) => {
    node.hidden = !page.source.neighbours || !near.length;
    if (node.hidden) return;
    const farthest = up(near[near.length - 1][1] ?? 0), value = Math.min(farthest, maxDistance ?? up(neighbours[neighbours.length - 1]?.[1] ?? 0));
    range.max = String(farthest);
    range.value = String(value); // after its ends, which would cut it
    range.setAttribute("aria-valuetext", `${value.toFixed(2)}: ${found(near, neighbours.length)}`);
    text.textContent = value.toFixed(2);
  };
  return { node, show };
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
