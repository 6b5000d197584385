// The list of what the colours may mean.

/** @import { Binding, Page } from "page/core/types" */
import { nextColouring, setColouring } from "page/actions/colouring.js";
import { COLOURINGS } from "page/core/colourings.js";
import { byId, el } from "shared/dom.js";

/** @param {Page} page @returns {Binding[]} */
export function colouringSection(page) {
  const list = byId("colouring", HTMLSelectElement);
  list.append(...Object.entries(COLOURINGS).map(([value, { name }]) => el("option", { value, text: name })));
  list.addEventListener("change", () => setColouring(page, list.value));
  page.store.subscribe(["colouring"], ({ colouring }) => { list.value = colouring; });
  return [{ label: "C", text: "next meaning of the colours", keys: ["c"], run: () => nextColouring(page) }];
}
