// The current track: its details, its neighbours, the next and the previous one.

/** @import { Neighbour, Page } from "page/core/types" */
import { isShown, randomOf, shownRows } from "page/actions/colouring.js";
import { inOrder, loadTags } from "page/actions/model_tags.js";
import { attempt, say } from "page/actions/notices.js";
import { finishPath } from "page/actions/path.js";
import { playSlice } from "page/actions/playback.js";

const NEAR = 200; // recordings that are asked for
const NEIGHBOURS = 20; // that are listed until a distance is chosen
const MAX_DISTANCE = 2; // of opposite vectors

/** A click on a track, on the map or in a list. @param {Page} page @param {number} row */
export function pick(page, row) {
  const { pathFrom, clickPlays } = page.store.state;
  if (pathFrom >= 0) return attempt(page, finishPath(page, row));
  page.store.set({ queue: null, sequence: null });
  return showTrack(page, row, clickPlays);
}

/** A click in a list: the map goes there too. @param {Page} page @param {number} row */
export function pickAndReveal(page, row) {
  page.store.set({ reveal: { rows: [row] } });
  return pick(page, row);
}

/** Makes a track the current one; -1 leaves none. @param {Page} page @param {number} row @param {boolean} play */
export async function showTrack(page, row, play = false) {
  page.store.set({ current: row, details: null, slice: -1, near: [], neighbours: [], neighboursOf: -1, path: [], excluded: new Set() });
  if (row >= 0) await attempt(page, Promise.all([loadDetails(page, row, play), loadNeighbours(page), loadTags(page)]));
}

/** @param {Page} page @param {number} row @param {boolean} play */
async function loadDetails(page, row, play) {
  const { source, store, tracks } = page;
  const details = await source.track?.(tracks.ids[row]);
  if (!details || store.state.current !== row) return;
  store.set({ details, slice: details.deciding_slice });
  if (play) playSlice(page, row, details, details.deciding_slice);
}

/**
 * Shows what has become of the current track and its neighbours; the chosen slice is the nearest in time, and what
 * sounds is not touched.
 *
 * @param {Page} page
 */
export async function refreshTrack(page) {
  const { source, store, tracks } = page, { current: row, details: before } = store.state;
  if (row < 0 || !before) return;
  const [details] = await Promise.all([source.track?.(tracks.ids[row]), loadNeighbours(page)]);
  const { current, details: shown, slice, heatMap } = store.state;
  if (!details || current !== row || shown !== before) return;
  const now = nearestSlice(details.slice_starts, before.slice_starts[slice]);
  const moved = heatMap && heatMap.row === row && heatMap.slice === slice ? { heatMap: { ...heatMap, slice: now } } : {};
  store.set({ details, slice: now, ...moved });
}

/** @param {number[]} starts @param {number} seconds */
function nearestSlice(starts, seconds) {
  const distances = starts.map((start) => Math.abs(start - seconds));
  return distances.indexOf(Math.min(...distances));
}

/** The nearest recordings: for the model where the source knows, else on the map. @param {Page} page */
async function loadNeighbours({ source, store, tracks }) {
  const { current } = store.state;
  /** @type {Neighbour[]} */
  const near = [];
  if (source.neighbours) {
    for (const [id, distance] of await source.neighbours(tracks.ids[current], NEAR, MAX_DISTANCE)) {
      const row = tracks.rowOf.get(id);
      if (row !== undefined) near.push([row, distance]);
    }
  } else {
    for (const row of tracks.nearestOnMap(current, NEIGHBOURS)) near.push([row, null]);
  }
  const now = store.state; // another track may have been chosen meanwhile
  if (now.current === current) store.set({ near, neighbours: within(near, now.maxDistance), neighboursOf: current });
}

/** Those that are listed. @param {readonly Neighbour[]} near nearest first @param {number | null} maxDistance null until one is chosen */
function within(near, maxDistance) {
  return maxDistance === null ? near.slice(0, NEIGHBOURS) : near.filter(([, distance]) => distance === null || distance <= maxDistance);
}

/** @param {Page} page @param {number} maxDistance */
export function setMaxDistance({ store }, maxDistance) {
  store.set({ maxDistance, neighbours: within(store.state.near, maxDistance) });
}

/** Chooses a slice of the current track, and plays nothing. @param {Page} page @param {number} slice */
export function chooseSlice({ store }, slice) { store.set({ slice }); }

/** Plays the deciding slice of any recording that is shown. @param {Page} page */
export function surprise(page) {
  const row = randomOf(shownRows(page));
  if (row === undefined) return say(page, "No recording is shown.");
  page.store.set({ queue: null, sequence: null, reveal: { rows: [row] } });
  return showTrack(page, row, true);
}

/** Goes through the selection, the hits, or a track and its neighbours. @param {Page} page @param {1 | -1} by */
export function step(page, by) {
  const { current, clickPlays } = page.store.state;
  const rows = page.store.state.sequence ?? newSequence(page), at = rows.indexOf(current);
  if (!rows.length) return say(page, "Select or search tracks first; N and P go through them.");
  const next = at < 0 ? (by > 0 ? 0 : rows.length - 1) : (at + by + rows.length) % rows.length;
  page.store.set({ sequence: rows, queue: null, reveal: { rows: [rows[next]] } });
  return showTrack(page, rows[next], clickPlays);
}

/** Kept while one goes through it: each track has other neighbours. @param {Page} page */
function newSequence(page) {
  const { current, selection, hits, neighbours } = page.store.state;
  if (selection.length) return inOrder(page, selection);
  if (hits) return Array.from(hits.keys()).filter((row) => isShown(page, row));
  return neighbours.length ? [current, ...inOrder(page, neighbours.map(([row]) => row))] : [];
}
