// The list of what the colours may mean, and the field for the tag that they are of.

/** @import { Binding, Page } from "page/core/types" */
import { chooseColouring, colourByTag, nextColouring } from "page/actions/model_tags.js";
import { attempt, say } from "page/actions/notices.js";
import { COLOURINGS, TAG_COLOURING, offeredColourings } from "page/core/colourings.js";
import { byId, el } from "shared/dom.js";
import { plain } from "shared/text.js";
import { openLegend } from "page/ui/legend_chip.js";

/** @param {Page} page @returns {Binding[]} */
export function colouringSection(page) {
  const list = byId("colouring", HTMLSelectElement), { tagNames } = page.tracks;
  list.addEventListener("change", () => chooseColouring(page, list.value));
  page.store.subscribe(["colouring", "genres", "gone"], ({ colouring }) => { // tags that are written make a colouring of use
    const offered = offeredColourings(page.tracks), names = offered.includes(colouring) ? offered : [...offered, colouring];
    list.replaceChildren(...names.map((value) => el("option", { value, text: COLOURINGS[value].name })));
    list.value = colouring;
  });
  const focusTag = tagField(page);
  return [{ label: "C", text: "next meaning of the colours", keys: ["c"], run: () => nextColouring(page) },
    ...(tagNames.length ? [{ label: "T", text: "colour by a tag: type its name", keys: ["t"], run: focusTag }] : [])];
}

/** The field with the tag, in the legend, shown where the colours are of one. @param {Page} page @returns {() => void} shows it and puts the cursor there */
function tagField(page) {
  const field = byId("tag", HTMLInputElement), { store, tracks } = page;
  byId("tag-names", HTMLDataListElement).append(...tracks.tagNames.toSorted().map((value) => el("option", { value })));
  const choose = () => {
    const wanted = plain(field.value), tag = tracks.tagNames.find((name) => plain(name) === wanted);
    if (tag) attempt(page, colourByTag(page, tag));
    else if (wanted) say(page, `The model has no tag ${field.value}.`);
  };
  field.addEventListener("change", choose);
  field.addEventListener("input", () => { if (tracks.tagNames.includes(field.value)) choose(); }); // picked in the list
  field.addEventListener("focus", () => { field.value = ""; }); // or the list would show this tag alone
  field.addEventListener("blur", () => {
    field.value = store.state.tag;
    field.hidden = store.state.colouring !== TAG_COLOURING;
  });
  field.addEventListener("keydown", (event) => { if (event.key === "Enter") field.blur(); });
  store.subscribe(["colouring", "tag"], ({ colouring, tag }) => {
    field.hidden = colouring !== TAG_COLOURING;
    field.placeholder = tag;
    if (document.activeElement !== field) field.value = tag;
  });
  return () => {
    openLegend(true); // a narrow screen shows it by its chip alone
    field.hidden = false;
    field.focus();
  };
}
