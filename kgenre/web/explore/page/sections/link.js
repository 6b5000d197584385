// The address follows what is shown, and what is shown follows the address.

/** @import { Binding, Page } from "page/core/types" */
import { hideEntries, setColouring } from "page/actions/colouring.js";
import { filterByTag, loadTags, setTagOrder } from "page/actions/model_tags.js";
import { attempt } from "page/actions/notices.js";
import { search, setFolder } from "page/actions/search.js";
import { select } from "page/actions/selection.js";
import { showTrack } from "page/actions/tracks.js";
import { beginChoice } from "page/core/latest.js";
import { LINKED, fromHash, toHash } from "page/core/link.js";

/** @param {Page} page @returns {Binding[]} */
export function linkSection(page) {
  const { store, tracks } = page;
  const follow = () => {
    const { selection, current, query, folder, colouring, hiddenNames, tag, tagFilter, sortByTag } = fromHash(location.hash, tracks);
    const colours = async () => {
      const isLatest = beginChoice(page, "colouring");
      if (tag) await loadTags(page);
      if (!isLatest()) {
        if (!store.state.tag) store.set({ tag }); // the order of lists is of it, too
        return;
      }
      store.set({ tag });
      setColouring(page, colouring);
      hideEntries(page, hiddenNames);
    };
    attempt(page, Promise.all([
      colours(), setTagOrder(page, sortByTag), filterByTag(page, tagFilter?.tag ?? "", tagFilter?.least ?? 0)]));
    search(page, query);
    setFolder(page, folder);
    select(page, selection);
    showTrack(page, current);
  };
  follow();
  window.addEventListener("hashchange", follow);
  store.subscribe(LINKED, (state) => (
    history.replaceState(null, "", toHash(state, tracks) || location.pathname + location.search)));
  return [];
}
