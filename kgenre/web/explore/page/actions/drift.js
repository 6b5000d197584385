// Drift: a queue without an end, in which the nearest recording that was not yet chosen comes next.

/** @import { Drift, Page } from "page/core/types" */
import { attempt, say } from "page/actions/notices.js";
import { isPlaying, setPaused } from "page/actions/playback.js";
import { showTrack } from "page/actions/tracks.js";
import { queueOf } from "page/core/queue.js";

const MAX_EXCLUDED = 500, MAX_AVOIDED = 50; // that the source is asked to leave out: the latest
const END_SECONDS = 0.5; // from which on a paused track has ended, and begins again
const FAR = 500; // tracks away: where Drift goes on if its only track is to be avoided
export const JUMPS = /** @type {const} */ ([[1, "near"], [4, "farther"], [16, "far"]]);

/** Ends where it had begun. @param {Page} page */
export function toggleDrift(page) {
  return page.store.state.drift ? page.store.set({ drift: null }) : begin(page);
}

/** Begins with what is played, the current track, or one at random; goes on where it is paused. @param {Page} page */
export function startDrift(page) {
  const { state } = page.store;
  if (!state.drift || !state.playback) attempt(page, begin(page));
  else if (!isPlaying(state)) setPaused(page, false);
}

/** @param {Page} page */
async function begin(page) {
  const { store } = page;
  if (!page.source.neighbours || !page.source.audio) return say(page, `Not possible here: ${page.source.limits}.`);
  const { playback, current, clock } = store.state, row = playback?.row ?? (current >= 0 ? current : randomRow(page));
  if (row < 0) return say(page, "No recording is there to begin with.");
  store.set({ queue: { ...queueOf("drift", "Drift", [row]), at: 0 }, drift: { chosen: [row], avoided: [] }, upcoming: null });
  if (!playback || (playback.paused && clock.seconds > clock.end - END_SECONDS)) return showTrack(page, row, true);
  store.set({ playback: { ...playback, seconds: clock.seconds } }); // it may go on for as long as the others
  if (!isPlaying(store.state)) setPaused(page, false);
}

/** @param {Page} page */
function randomRow({ tracks }) {
  const rows = [...tracks.gone.keys()].filter((row) => !tracks.gone[row]);
  return rows.length ? rows[Math.floor(Math.random() * rows.length)] : -1;
}

/** @type {WeakMap<Drift, Promise<void>>} what is being chosen for a state of Drift */
const choosing = new WeakMap();

/** Chooses the next track, at the end of the queue; nothing where all have been chosen. @param {Page} page */
export function choose(page) {
  const { drift } = page.store.state;
  if (!drift) return Promise.resolve();
  const begun = choosing.get(drift) ?? chooseOnce(page).finally(() => choosing.delete(drift));
  choosing.set(drift, begun);
  return begun;
}

/** @param {Page} page */
async function chooseOnce(page) {
  const { source, store, tracks } = page, { queue, drift, jump } = store.state;
  if (!queue || !drift || !source.neighbours) return;
  const liked = queue.rows.findLast((row) => !drift.avoided.includes(row)), from = liked ?? queue.rows[queue.rows.length - 1];
  const ids = (/** @type {readonly number[]} */ rows) => rows.map((row) => tracks.ids[row]);
  const avoided = liked === undefined ? [] : ids(drift.avoided.slice(-MAX_AVOIDED));
  const found = await source.neighbours(tracks.ids[from], liked === undefined ? FAR : jump, 2,
    ids(drift.chosen.slice(-MAX_EXCLUDED)), avoided);
  const now = store.state; // Drift may have been ended meanwhile, or begun again
  const row = found.map(([id]) => tracks.rowOf.get(id)).findLast((one) => one !== undefined);
  if (now.drift !== drift || !now.queue) return;
  if (row === undefined) return;
  store.set({ queue: { ...now.queue, rows: [...now.queue.rows, row] }, drift: { ...drift, chosen: [...drift.chosen, row] } });
}

/** How many tracks away the next one is; what was chosen to come is chosen again. @param {Page} page @param {number} jump */
export function setJump(page, jump) {
  page.store.set({ jump });
  forgetChosen(page);
}

/** From now on leaves out what is nearer to this track than to the one that Drift is at. @param {Page} page */
export function avoid(page) {
  forgetChosen(page);
  const { queue, drift } = page.store.state;
  if (queue && drift && queue.at >= 0) page.store.set({ drift: { ...drift, avoided: [...drift.avoided, queue.rows[queue.at]] } });
}

/** Drops what comes after the present track. @param {Page} page */
function forgetChosen({ store }) {
  const { queue, drift } = store.state;
  if (!queue || !drift) return;
  const dropped = new Set(queue.rows.slice(queue.at + 1));
  store.set({ upcoming: null, queue: { ...queue, rows: queue.rows.slice(0, queue.at + 1) },
    drift: { ...drift, chosen: drift.chosen.filter((row) => !dropped.has(row)) } });
}
