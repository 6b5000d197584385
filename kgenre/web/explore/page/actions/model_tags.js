// The model's tags: fetched, as colours, as a filter, and as the order of lists.

/** @import { Page, TagTableData } from "page/core/types" */
/** @import { Tracks } from "page/core/tracks.js" */
import { setColouring } from "page/actions/colouring.js";
import { attempt } from "page/actions/notices.js";
import { TAG_COLOURING, offeredColourings } from "page/core/colourings.js";
import { beginChoice } from "page/core/latest.js";
import { lasting } from "page/core/queue.js";
import { TagTable } from "page/core/tag_table.js";

/** @type {WeakMap<Page, Promise<void>>} */
const loading = new WeakMap();

/** Fetches the tags of all tracks once, where the model has tags. @param {Page} page */
export function loadTags(page) {
  const { source, store, tracks } = page;
  if (tracks.tags || !tracks.tagNames.length) return Promise.resolve();
  const begun = loading.get(page) ?? source.tagTable().then((data) => {
    tracks.tags = new TagTable(tracks.tagNames, data, tracks);
    store.set({ tagTables: store.state.tagTables + 1 });
  }).finally(() => loading.delete(page)); // after a failure the next one who needs them asks again
  loading.set(page, begun);
  return begun;
}

/** @param {Page} page @param {string} tag */
export async function colourByTag(page, tag) {
  const isLatest = beginChoice(page, "colouring");
  await loadTags(page);
  if (!isLatest()) return;
  page.store.set({ tag });
  setColouring(page, TAG_COLOURING);
}

/** @param {Page} page @param {string} name one of COLOURINGS */
export function chooseColouring(page, name) {
  if (name !== TAG_COLOURING) return setColouring(page, name);
  attempt(page, colourByTag(page, page.store.state.tag || page.tracks.tagNames[0]));
}

/** @param {Page} page */
export function nextColouring(page) {
  const names = offeredColourings(page.tracks);
  chooseColouring(page, names[(names.indexOf(page.store.state.colouring) + 1) % names.length]);
}

/** Leaves only tracks in colour in which a tag has at least this probability; 0 leaves all. @param {Page} page @param {string} tag @param {number} least */
export async function filterByTag(page, tag, least) {
  const { store, tracks } = page, isLatest = beginChoice(page, "tagFilter");
  if (!(least > 0)) return store.set({ tagFilter: null, tagHits: null });
  await loadTags(page);
  if (!isLatest()) return;
  store.set({ tagFilter: { tag, least }, tagHits: hits(tracks, { tag, least }), queue: lasting(store.state.queue) });
}

/** @param {Tracks} tracks @param {{ tag: string, least: number }} filter */
function hits({ tags }, { tag, least }) { return Uint8Array.from(tags?.column(tag) ?? [], (value) => (value >= least ? 1 : 0)); }

/** Takes the tags of tracks that were analysed again; filter and order follow, colours with the legend. @param {Page} page @param {TagTableData} data */
export async function updateTags(page, data) {
  const { store, tracks } = page;
  await loading.get(page)?.catch(() => {}); // those may have been read before these
  if (!tracks.tags) return; // all are fetched when they are needed
  tracks.tags.take(data);
  const { tagFilter, tagTables } = store.state;
  store.set({ tagTables: tagTables + 1, tagHits: tagFilter && hits(tracks, tagFilter) });
}

/** Whether lists are in the order of a tag. @param {Page} page @param {boolean} sortByTag */
export async function setTagOrder(page, sortByTag) {
  const isLatest = beginChoice(page, "tagOrder");
  if (sortByTag) await loadTags(page);
  if (!isLatest()) return;
  page.store.set({ sortByTag, queue: lasting(page.store.state.queue) });
}

/** Rows in the order of the tag where lists have it, else as they are. @param {Page} page @param {readonly number[]} rows */
export function inOrder({ store, tracks }, rows) {
  const { sortByTag, tag } = store.state, table = tracks.tags;
  return sortByTag && tag && table ? rows.toSorted((a, b) => table.probability(b, tag) - table.probability(a, tag)) : rows;
}
