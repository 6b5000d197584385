import { filterByTag } from "page/actions/model_tags.js";
import { search } from "page/actions/search.js";
import { select } from "page/actions/selection.js";
import { showTrack } from "page/actions/tracks.js";
import { beginChoice } from "page/core/latest.js";

/** Ends the latest thing that was begun: a path, the selection, the search, the track. @param {import("page/core/types").Page} page */
export function goBack(page) {
  beginChoice(page, "path");
  const { store } = page, { pathFrom, selection, query, tagFilter } = store.state;
  if (pathFrom >= 0) store.set({ pathFrom: -1 });
  else if (selection.length) select(page, []);
  else if (query) search(page, "");
  else if (tagFilter) filterByTag(page, "", 0);
  else showTrack(page, -1);
}
