// The address follows what is shown, and what is shown follows the address.

/** @import { Binding, Page } from "page/core/types" */
import { setColouring } from "page/actions/colouring.js";
import { filterByTag, loadTags } from "page/actions/model_tags.js";
import { attempt } from "page/actions/notices.js";
import { search } from "page/actions/search.js";
import { select } from "page/actions/selection.js";
import { showTrack } from "page/actions/tracks.js";
import { fromHash, toHash } from "page/core/link.js";

/** @param {Page} page @returns {Binding[]} */
export function linkSection(page) {
  const { store, tracks } = page;
  const follow = () => {
    const { selection, current, query, colouring, tag, tagFilter, sortByTag } = fromHash(location.hash, tracks);
    const withTags = async () => {
      if (tag || tagFilter) await loadTags(page);
      store.set({ tag, sortByTag });
      setColouring(page, colouring);
      await filterByTag(page, tagFilter?.tag ?? "", tagFilter?.least ?? 0);
    };
    attempt(page, withTags());
    search(page, query);
    select(page, selection);
    showTrack(page, current);
  };
  follow();
  window.addEventListener("hashchange", follow);
  store.subscribe(["selection", "current", "query", "colouring", "tag", "tagFilter", "sortByTag"], (state) => (
    history.replaceState(null, "", toHash(state, tracks) || location.pathname + location.search)));
  return [];
}
