// What the colours mean, and how many recordings have each. A click hides a colour, a double click shows it alone. On a
// narrow screen a chip stands for all of it, and opens it.

/** @import { Binding, CategoryLegend, Page, RampLegend, State } from "page/core/types" */
/** @import { Shades } from "shared/types" */
import { FILTERS, isFound, showOnlyEntry, toggleEntry } from "page/actions/colouring.js";
import { filterByTag } from "page/actions/model_tags.js";
import { attempt } from "page/actions/notices.js";
import { COLOURINGS, TAG_COLOURING, entryCounts } from "page/core/colourings.js";
import { css, rampColour } from "shared/colours.js";
import { context2d } from "shared/canvas.js";
import { button, byId, el, redraw } from "shared/dom.js";
import { percent } from "shared/text.js";
import { legendChipButton, openLegend } from "page/ui/legend_chip.js";

const RAMP_STEPS = 120;
const MAX_DOTS = 4; // of the chip
const MAX_FOLDER = 24; // characters of a folder that are shown: its end

/** @param {Page} page @returns {Binding[]} */
export function legendSection(page) {
  const box = byId("scale", HTMLElement), chip = legendChip(page);
  /** @type {ReadonlySet<number>} */
  let before = new Set(); // what was hidden before the first click of a double click
  const click = (/** @type {number} */ entry, /** @type {MouseEvent} */ event) => {
    if (event.shiftKey) return showOnlyEntry(page, entry, page.store.state.hidden);
    if (event.detail > 1) return showOnlyEntry(page, entry, before);
    before = page.store.state.hidden;
    toggleEntry(page, entry);
  };
  page.store.subscribe(["legend", "hidden", "dark", "tag", "tagFilter", ...FILTERS], (state) => {
    const { legend } = state;
    chip.replaceChildren(...chipContent(state));
    redraw(box, [...(legend.kind === "ramp" ? scale(page, legend, state) : entries(page, legend, state, click)), filter(page, state)]);
  });
  return [];
}

/** @param {Page} page */
function legendChip({ store }) {
  const chip = legendChipButton();
  let before = store.state.colouring;
  store.subscribe(["colouring"], ({ colouring }) => {
    if (colouring === TAG_COLOURING && before !== colouring) openLegend(true); // the field of the tag is there
    before = colouring;
  });
  return chip;
}

/** The first colours, what they mean, and whether something is not shown. @param {State} state */
function chipContent({ legend, colouring, tag, tagFilter, hidden, dark }) {
  const name = (colouring === TAG_COLOURING && tag) || COLOURINGS[colouring].name;
  const marks = legend.kind === "ramp" ? [ramp(dark)] : legend.entries.slice(0, MAX_DOTS).map(({ colour }) => colourDot(colour));
  const without = [hidden.size ? `${hidden.size} hidden` : "", tagFilter ? "filtered" : ""].filter(Boolean).join(", ");
  return [...marks, el("span", { class: "name", text: name }), without ? el("span", { class: "soft", text: without }) : ""];
}

/** @param {Shades} colour */
function colourDot(colour) {
  const dot = el("span", { class: "dot" });
  dot.style.background = css(colour);
  return dot;
}

/** @param {Page} page @param {RampLegend} legend @param {State} state */
function scale(page, { low, middle, high, most }, { colouring, tag, tagFilter, dark }) {
  const numbers = el("div", { class: "ends" }, ...[low, middle, high].map((text) => el("span", { text })));
  if (colouring !== TAG_COLOURING) return [ramp(dark), numbers];
  const range = el("input", { id: "least-tag", type: "range", min: 0, max: Math.max(0.01, most), step: 0.01,
    title: `Only recordings with at least this probability of ${tag}`, "aria-label": `Least probability of ${tag}`,
    on: { change: () => attempt(page, filterByTag(page, tag, Number(range.value))) } });
  range.value = String(tagFilter?.tag === tag ? tagFilter.least : 0); // after its ends, which would cut it
  return [ramp(dark), numbers, el("div", { class: "row small soft" }, "at least", range)];
}

/** The filter by a tag, which a click removes. @param {Page} page @param {State} state */
function filter(page, { tagFilter }) {
  return tagFilter && button(`${tagFilter.tag} ≥ ${percent(tagFilter.least)}  ✕`, "Show recordings without this tag again (Esc)",
    () => filterByTag(page, "", 0), { id: "tag-filter" });
}

/** @param {Page} page @param {CategoryLegend} legend @param {State} state @param {(entry: number, event: MouseEvent) => void} click */
function entries(page, legend, { colouring, hidden, hits, folderHits, tagHits }, click) {
  const found = hits || folderHits || tagHits ? entryCounts(legend, (row) => isFound(page, row)) : null;
  return legend.entries.map(({ name, count, colour }, i) => {
    const short = colouring === "folder" && name.length > MAX_FOLDER ? `…${name.slice(1 - MAX_FOLDER)}` : name;
    const number = found ? `${found[i].toLocaleString()} / ${count.toLocaleString()}` : count.toLocaleString();
    return el("button", { title: `${name}\nClick: hide or show. Double click, or Shift: only this`,
      "aria-pressed": String(!hidden.has(i)), "data-row": i, class: found && !found[i] ? "none" : "", on: { click: (event) => click(i, event) } },
    colourDot(colour), el("span", { class: "name", text: short }), el("span", { class: "count", text: number }));
  });
}

/** @param {boolean} dark */
function ramp(dark) {
  const strip = el("canvas", { width: RAMP_STEPS, height: 1 }), context = context2d(strip);
  for (let i = 0; i < RAMP_STEPS; i++) {
    context.fillStyle = css(rampColour(i / (RAMP_STEPS - 1), dark));
    context.fillRect(i, 0, 1, 1);
  }
  return strip;
}
