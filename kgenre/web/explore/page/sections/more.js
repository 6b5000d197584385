// The menu of the header: what is needed seldom, and what does not fit beside it in one line.

/** @import { Binding, Page } from "page/core/types" */
import { copyLink } from "page/actions/link.js";
import { byId } from "shared/dom.js";

/** @param {Page} page @returns {Binding[]} */
export function moreSection(page) {
  const bar = byId("bar", HTMLElement), menu = byId("more", HTMLElement), items = byId("more-items", HTMLElement);
  const opener = byId("more-button", HTMLButtonElement);
  const open = (/** @type {boolean} */ shown) => {
    items.hidden = !shown;
    opener.setAttribute("aria-expanded", String(shown));
  };
  opener.addEventListener("click", () => open(Boolean(items.hidden)));
  items.addEventListener("click", ({ target }) => { // before what the button does: a dialog gives the focus back to the opener
    if (!(target instanceof HTMLButtonElement)) return;
    open(false);
    opener.focus();
  }, true);
  byId("copy-view", HTMLButtonElement).addEventListener("click", () => copyLink(page));
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || items.hidden) return;
    event.preventDefault();
    open(false);
    opener.focus();
  });
  menu.addEventListener("focusout", ({ relatedTarget }) => {
    if (relatedTarget instanceof Node && !menu.contains(relatedTarget)) open(false);
  });
  document.addEventListener("pointerdown", ({ target }) => { if (target instanceof Node && !menu.contains(target)) open(false); });
  fitInLine(bar, menu, items);
  return [];
}

/** Moves what does not fit into the menu; the order in which it leaves is data-leaves. @param {HTMLElement} bar @param {HTMLElement} menu @param {HTMLElement} items */
function fitInLine(bar, menu, items) {
  const leaves = (/** @type {HTMLElement} */ one) => Number(one.dataset.leaves);
  const movable = /** @type {HTMLElement[]} */ ([...bar.querySelectorAll("[data-leaves]")]), inOrder = [...movable];
  inOrder.sort((a, b) => leaves(a) - leaves(b));
  const fit = () => {
    const focused = document.activeElement;
    for (const one of movable) bar.insertBefore(one, menu);
    for (const one of inOrder) {
      if (bar.scrollWidth <= bar.clientWidth) break;
      items.append(one);
    }
    if (focused instanceof HTMLElement && focused !== document.activeElement) focused.focus();
  };
  new ResizeObserver(fit).observe(bar);
  fit();
}
