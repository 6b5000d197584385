// The current track: its details and its neighbours.

/** @import { Neighbour, Page } from "page/core/types" */
import { randomOf, shownRows } from "page/actions/colouring.js";
import { loadTags } from "page/actions/model_tags.js";
import { attempt, say } from "page/actions/notices.js";
import { finishPath } from "page/actions/path.js";
import { detailsOf, playRow } from "page/actions/playback.js";
import { beginChoice } from "page/core/latest.js";
import { placedAt } from "page/core/queue.js";

const NEAR = 200; // recordings that are asked for
const NEIGHBOURS = 20; // that are listed until a distance is chosen
const MAX_DISTANCE = 2; // of opposite vectors

/** A click on a track, on the map or in a list. @param {Page} page @param {number} row */
export function pick(page, row) {
  const { pathFrom, clickPlays, queue } = page.store.state;
  if (pathFrom >= 0) return attempt(page, finishPath(page, row));
  beginChoice(page, "path");
  if (!clickPlays || row < 0) return showTrack(page, row);
  page.store.set({ queue: placedAt(queue, row) });
  return showTrack(page, row, true);
}

/** Makes a track the current one, on the map too. @param {Page} page @param {number} row */
export function revealTrack(page, row) {
  page.store.set({ reveal: { rows: [row] } });
  return showTrack(page, row);
}

/** A click in a list: the map goes there too. @param {Page} page @param {number} row */
export function pickAndReveal(page, row) {
  page.store.set({ reveal: { rows: [row] } });
  return pick(page, row);
}

/** Makes a track the current one; -1 leaves none. @param {Page} page @param {number} row @param {boolean} play */
export async function showTrack(page, row, play = false) {
  const { path } = page.store.state;
  page.store.set({ current: row, details: null, slice: -1, near: [], neighbours: [], neighboursOf: -1,
    path: path.includes(row) ? path : [], excluded: new Set() });
  if (row < 0) return;
  const playing = play ? playRow(page, row) : null;
  await attempt(page, Promise.all([loadDetails(page, row), loadNeighbours(page), loadTags(page), playing]));
}

/** @param {Page} page @param {number} row */
async function loadDetails(page, row) {
  const { store } = page, details = await detailsOf(page, row);
  if (details && store.state.current === row) store.set({ details, slice: details.deciding_slice });
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
  page.store.set({ queue: placedAt(page.store.state.queue, row), reveal: { rows: [row] } });
  return showTrack(page, row, true);
}
