// The search field and the number of hits.

/** @import { Binding, Page } from "page/core/types" */
import { search } from "page/actions/search.js";
import { byId } from "shared/dom.js";

/** @param {Page} page @returns {Binding[]} */
export function searchSection(page) {
  const field = byId("search", HTMLInputElement), hitCount = byId("hits", HTMLElement);
  field.addEventListener("input", () => search(page, field.value));
  page.store.subscribe(["query", "hits"], ({ query, hits }) => {
    if (field.value !== query) field.value = query;
    hitCount.textContent = hits ? hits.reduce((sum, hit) => sum + hit, 0).toLocaleString() : "";
  });
  setTimeout(() => page.tracks.index(), 300); // so that the first letter typed is answered as quickly as the second
  return [{ label: "/", text: "search as you type: titles, artists, albums, folders, genres or unsure, a year", keys: ["/"],
    run: () => field.focus() }];
}
