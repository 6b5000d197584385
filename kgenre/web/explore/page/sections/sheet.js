// The sheet at the foot of a narrow screen: the player is its head, the panel what it holds. It is dragged by its head, or
// has its size from two buttons. Where the style makes no sheet of them (see style.css) nothing of this is seen.

/** @import { Binding, Page, SheetSize, State } from "page/core/types" */
import { sizeOf } from "page/ui/track_parts.js";
import { sheetDrag } from "page/ui/sheet_drag.js";
import { icon } from "page/ui/icons.js";
import { byId, el, isTyping } from "shared/dom.js";
import { count } from "shared/text.js";

/** @type {readonly SheetSize[]} */
const SIZES = ["peek", "half", "full"];
/** A screen where half of it is too little for the map and for the panel: there is no half. See style.css. */
const low = matchMedia("(max-height: 500px)");
/** What the buttons say, by the size that they lead to. @type {Record<SheetSize, string>} */
const LOWER = { peek: "Close the panel", half: "Panel over half of the screen", full: "" };
/** @type {Record<SheetSize, string>} */
const RAISE = { peek: "", half: "Open the panel", full: "Panel over the whole screen" };

/** @returns {readonly SheetSize[]} */
function sizesNow() { return low.matches ? ["peek", "full"] : SIZES; }

/** @param {Page} page @returns {Binding[]} */
export function sheetSection(page) {
  const { store } = page, sheet = byId("sheet", HTMLElement), [head, panel] = /** @type {HTMLCollectionOf<HTMLElement>} */ (sheet.children);
  const choose = (/** @type {SheetSize} */ size) => store.set({ sheet: size });
  const drawButtons = sizeButtons(choose);
  store.subscribe(["sheet"], ({ sheet: size }) => {
    drawButtons(size);
    if (size !== "full") sheet.scrollTop = 0;
    if (size === "peek" && panel.contains(document.activeElement)) /** @type {HTMLElement} */ (document.activeElement).blur();
    resize(page, sheet, size);
  });
  sheetDrag(sheet, head, sizesNow, choose);
  head.addEventListener("click", ({ target }) => { // its title shows the track; what is no button opens the panel
    const button = target instanceof Element ? target.closest("button, input") : null;
    if (!button || button.id === "now") atLeastHalf(page);
  });
  headText(page);
  const fit = () => { // a keyboard of the screen can make it low while one types in the panel
    if (low.matches && store.state.sheet === "half") choose(isTyping() && panel.contains(document.activeElement) ? "full" : "peek");
    drawButtons(store.state.sheet);
  };
  low.addEventListener("change", fit);
  fit();
  followPointer(page, sheet, panel);
  followState(page, sheet, panel);
  return [];
}

/** @param {Page} page */
function atLeastHalf({ store }) { if (store.state.sheet === "peek") store.set({ sheet: low.matches ? "full" : "half" }); }

/** @param {Page} page */
function atMostHalf({ store }) { if (store.state.sheet === "full") store.set({ sheet: low.matches ? "peek" : "half" }); }

/** Gives the map the room that the sheet leaves, but where it leaves none: before the sheet becomes smaller, after it has become larger. @param {Page} page @param {HTMLElement} sheet @param {SheetSize} size */
function resize({ store }, sheet, size) {
  const grows = SIZES.indexOf(size) > SIZES.findIndex((one) => one === sheet.dataset.size), { dataset } = document.body;
  sheet.dataset.size = size;
  const settle = () => { if (size !== "full" && store.state.sheet === size) dataset.below = size; };
  if (!grows) return settle();
  Promise.allSettled(sheet.getAnimations().map(({ finished }) => finished)).then(settle);
}

/** @param {(size: SheetSize) => void} choose @returns {(size: SheetSize) => void} draws them */
function sizeButtons(choose) {
  const lower = byId("sheet-lower", HTMLButtonElement), raise = byId("sheet-raise", HTMLButtonElement);
  lower.append(icon("down"));
  raise.append(icon("up"));
  /** @type {SheetSize} */
  let at = "half";
  const beside = (/** @type {1 | -1} */ by) => sizesNow()[sizesNow().indexOf(at) + by];
  const name = (/** @type {HTMLButtonElement} */ button, /** @type {string | undefined} */ text) => {
    button.hidden = !text;
    button.title = text ?? "";
    button.setAttribute("aria-label", text ?? "");
  };
  lower.addEventListener("click", () => choose(beside(-1)));
  raise.addEventListener("click", () => choose(beside(1)));
  return (size) => {
    const focused = document.activeElement;
    at = size;
    name(lower, LOWER[beside(-1)]);
    name(raise, RAISE[beside(1)]);
    if (focused === raise && raise.hidden) lower.focus();
    if (focused === lower && lower.hidden) raise.focus();
  };
}

/** Without a player: the track that is shown, the selection, or how large the library is. @param {Page} page */
function headText({ source, store, tracks }) {
  const text = byId("sheet-text", HTMLElement);
  text.hidden = Boolean(source.audio);
  if (source.audio) return;
  store.subscribe(["current", "selection", "genres", "gone"], ({ current, selection }) => {
    const title = current >= 0 ? tracks.title(current) : selection.length ? `${selection.length.toLocaleString()} selected` : sizeOf(tracks);
    const below = current >= 0 ? tracks.genre(current) : selection.length ? `of ${count(tracks.there, "recording")}` : "";
    text.replaceChildren(el("span", { class: "name", text: title }), el("span", { class: "soft small", text: below }));
  });
}

/** What gets the focus or is touched is to be seen: the panel, or the map and the header above a sheet that covers them. @param {Page} page @param {HTMLElement} sheet @param {HTMLElement} panel */
function followPointer(page, sheet, panel) {
  const follow = (/** @type {Event} */ { target, type }) => {
    if (!(target instanceof Element) || target.closest("dialog")) return;
    if (!sheet.contains(target)) atMostHalf(page);
    else if (type === "focusin" && panel.contains(target)) atLeastHalf(page);
  };
  document.addEventListener("pointerdown", follow);
  document.addEventListener("focusin", follow);
}

/** What was chosen is to be seen in the panel, unless it was chosen in a list there. @param {Page} page @param {HTMLElement} sheet @param {HTMLElement} panel */
function followState(page, sheet, panel) {
  const { store } = page;
  let before = store.state, inPanel = false;
  for (const type of ["pointerdown", "keydown"]) {
    document.addEventListener(type, ({ target }) => { inPanel = target instanceof Node && panel.contains(target); }, true);
  }
  const scrollTo = (/** @type {string} */ section) => {
    const found = panel.querySelector(section);
    if (found && getComputedStyle(sheet).position === "absolute") found.scrollIntoView({ block: "start" });
  };
  store.subscribe(["selection", "gone", "current", "queueShown", "pathFrom", "tool", "addsToSelection"], (state) => {
    const was = before;
    before = state;
    const needsMap = state.pathFrom !== was.pathFrom || state.tool !== was.tool || (state.addsToSelection && !was.addsToSelection);
    if (needsMap) atMostHalf(page);
    if (state.queueShown && !was.queueShown) { atLeastHalf(page); scrollTo("#queue"); }
    else if (!state.addsToSelection && isNewSelection(state, was)) { atLeastHalf(page); scrollTo("#selection"); }
    else if (state.current >= 0 && state.current !== was.current && !inPanel && !(state.queueShown && isInHead(state))) {
      if (!isInHead(state)) atLeastHalf(page);
      scrollTo("#track");
    }
  });
}

/** Whether recordings were selected: not taken out of the selection, or gone. @param {State} state @param {State} was */
function isNewSelection({ selection, gone }, was) {
  if (!selection.length || selection === was.selection || gone !== was.gone) return false;
  const before = new Set(was.selection);
  return selection.length !== before.size - 1 || !selection.every((row) => before.has(row));
}

/** Whether the head names the current track. @param {State} state */
function isInHead({ playback, wanted, current }) { return wanted === current || (wanted < 0 && (!playback || playback.row === current)); }
