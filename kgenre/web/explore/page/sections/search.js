// The search field with the list of its hits.

/** @import { Binding, Page } from "page/core/types" */
/** @import { HitGroup } from "page/core/search.js" */
import { shownRows } from "page/actions/colouring.js";
import { attempt } from "page/actions/notices.js";
import { search, selectHits } from "page/actions/search.js";
import { pickAndReveal } from "page/actions/tracks.js";
import { hasMouse } from "page/core/pointer.js";
import { rankedHits } from "page/core/search.js";
import { rowParts } from "page/ui/track_parts.js";
import { count } from "shared/text.js";
import { byId, el } from "shared/dom.js";

const MAX_LISTED = 50;
const PAUSE_MS = 120; // between two searches while one types: at once at the first letter, then now and then

/** @param {Page} page @returns {Binding[]} */
export function searchSection(page) {
  const field = byId("search", HTMLInputElement), hitCount = byId("hits", HTMLElement), list = hitList(page, field);
  if (!hasMouse) field.placeholder = "Search";
  const { now, soon, isDue } = typing(() => search(page, field.value));
  field.addEventListener("input", () => { list.open(true); soon(); });
  field.addEventListener("focus", () => list.open(field.value !== ""));
  field.addEventListener("blur", () => { now(); list.open(false); });
  field.addEventListener("keydown", (event) => {
    if (["Enter", "ArrowDown", "ArrowUp"].includes(event.key) && now()) list.draw();
    list.press(event);
  });
  page.store.subscribe(["query", "hits"], ({ query, hits }) => {
    if (field.value !== query && !isDue()) field.value = query; // more may have been typed since
    hitCount.replaceChildren(...(hits ? numberOfHits(hits.reduce((sum, hit) => sum + hit, 0)) : []));
  });
  setTimeout(() => page.tracks.index(), 300); // so that the first letter typed is answered as quickly as the second
  return [{ label: "/", text: "search as you type: titles, artists, albums, folders, genres or unsure, a year; Enter selects all hits",
    keys: ["/"], run: () => field.focus() }];
}

/** The number to be seen, and what it is of to be heard. @param {number} n */
function numberOfHits(n) {
  const [number, noun] = count(n, "hit").split(" ");
  return [number, el("span", { class: "unseen", text: ` ${noun}` })];
}

/** Calls at once, then not before a pause has passed; `now` tells whether a call was due. @param {() => void} call */
function typing(call) {
  let timer = 0, last = -Infinity, waits = false;
  const now = () => {
    clearTimeout(timer);
    if (!waits) return false;
    waits = false;
    call();
    last = performance.now(); // after the call: where it takes long, one can type meanwhile
    return true;
  };
  const soon = () => {
    waits = true;
    clearTimeout(timer);
    const left = last + PAUSE_MS - performance.now();
    if (left <= 0) now(); else timer = setTimeout(now, left);
  };
  return { now, soon, isDue: () => waits };
}

/** The list of hits below the field: the focus stays in the field, which names the chosen row. @param {Page} page @param {HTMLInputElement} field */
function hitList(page, field) {
  const popup = byId("results", HTMLElement), box = byId("search-hits", HTMLElement), more = byId("more-hits", HTMLElement);
  /** @type {HTMLElement[]} */
  let options = [];
  let active = -1, isOpen = false, drawnQuery = "";
  const pick = (/** @type {number} */ row) => {
    field.blur();
    attempt(page, Promise.resolve(pickAndReveal(page, row)));
  };
  const activate = (/** @type {number} */ at) => {
    active = at;
    options.forEach((option, i) => option.setAttribute("aria-selected", String(i === at)));
    if (at < 0) return field.removeAttribute("aria-activedescendant");
    field.setAttribute("aria-activedescendant", options[at].id);
    options[at].scrollIntoView({ block: "nearest" });
  };
  const draw = () => {
    const { hits, query } = page.store.state, shown = isOpen && hits !== null;
    popup.hidden = !shown;
    field.setAttribute("aria-expanded", String(shown));
    if (!shown) return activate(-1);
    const found = hits.reduce((sum, hit) => sum + hit, 0), groups = rankedHits(page.tracks, query, hits, MAX_LISTED);
    const chosen = query === drawnQuery ? options[active]?.id : undefined; // the hits of a search may change meanwhile
    drawnQuery = query;
    box.replaceChildren(...groups.map((group, i) => groupElement(page, group, i, pick)));
    options = /** @type {HTMLElement[]} */ ([...box.querySelectorAll("[role=option]")]);
    more.textContent = foot(found, options.length, page);
    activate(options.findIndex(({ id }) => id === chosen));
  };
  page.store.subscribe(["query", "hits", "genres"], () => { if (isOpen) draw(); });
  popup.addEventListener("pointerdown", (event) => event.preventDefault()); // the focus stays in the field
  return {
    draw,
    open: (/** @type {boolean} */ to) => { if (to !== isOpen) { isOpen = to; draw(); } },
    press: (/** @type {KeyboardEvent} */ event) => {
      const by = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
      if (by) {
        event.preventDefault();
        if (!isOpen) { isOpen = true; draw(); }
        if (options.length && !popup.hidden) activate(active < 0 && by < 0 ? options.length - 1 : (active + by + options.length) % options.length);
      } else if (event.key === "Enter") {
        event.preventDefault();
        if (active >= 0 && !popup.hidden) pick(Number(options[active].dataset.row));
        else if (page.store.state.hits) { field.blur(); selectHits(page); }
      }
    },
  };
}

/** @param {Page} page @param {HitGroup} group @param {number} number @param {(row: number) => void} pick */
function groupElement({ tracks }, { place, rows }, number, pick) {
  const id = `hits-of-${number}`;
  return el("div", { role: "group", "aria-labelledby": id }, el("div", { class: "place", id, role: "presentation", text: place }),
    ...rows.map((row) => el("div", { role: "option", id: `hit-${row}`, "data-row": row, "aria-selected": "false", on: { click: () => pick(row) } },
      ...rowParts(tracks, row))));
}

/** What stands below the rows. @param {number} found @param {number} listed @param {Page} page */
function foot(found, listed, page) {
  if (!found) return "Nothing found.";
  const shown = shownRows(page).length, hidden = found - shown, parts = [];
  if (found > listed) parts.push(`and ${(found - listed).toLocaleString()} more`);
  if (hidden) parts.push(`${hidden.toLocaleString()} hidden by the folder, the legend or the tag`);
  parts.push(shown === 1 ? "Enter selects it" : `Enter selects ${hidden ? `the ${shown.toLocaleString()} shown` : `all ${found.toLocaleString()}`}`);
  return parts.join(" · ");
}
