// What is played, and from where on. The sound section does it; others ask for it here.

/** @import { Page, State, TrackDetails } from "page/core/types" */
import { placedAt } from "page/core/queue.js";
import { timelineEnd } from "shared/timeline.js";

/** @type {WeakMap<Page, { row: number, answer: Promise<TrackDetails> }>} */
const asked = new WeakMap();

/** What the source knows of a track: asked for once, if the panel and the player need it at the same time. @param {Page} page @param {number} row @returns {Promise<TrackDetails | undefined>} */
export async function detailsOf(page, row) {
  const { source, store, tracks } = page, { upcoming } = store.state, before = asked.get(page);
  if (upcoming?.row === row) return upcoming.details;
  if (before?.row === row) return before.answer;
  const answer = source.track?.(tracks.ids[row]);
  if (!answer) return undefined;
  asked.set(page, { row, answer });
  return answer.finally(() => { if (asked.get(page)?.answer === answer) asked.delete(page); });
}

/** @param {State} state */
export function isPlaying({ playback }) { return playback !== null && !playback.paused; }

/** Whether a track is played because the queue has come to it. @param {State} state @param {number} row */
export function isQueued({ queue }, row) { return queue !== null && queue.rows[queue.at] === row; }

/** Where a track begins: with what decided its genre; in a queue of whole tracks with its beginning. @param {State} state @param {number} row @param {TrackDetails} details */
export function startOf(state, row, details) {
  return state.wholeTracks && isQueued(state, row) ? 0 : details.slice_starts[details.deciding_slice];
}

/** Plays a track as soon as its details are there, if nothing else was wanted meanwhile. @param {Page} page @param {number} row */
export async function playRow(page, row) {
  const { store, source } = page;
  if (!source.audio) return;
  store.set({ wanted: row });
  try {
    const details = await detailsOf(page, row);
    if (details && store.state.wanted === row) playFrom(page, row, details, startOf(store.state, row, details));
  } finally {
    if (store.state.wanted === row) store.set({ wanted: -1 });
  }
}

/** @param {Page} page @param {number} row @param {TrackDetails} details @param {number} seconds */
function playFrom({ store, source, tracks }, row, details, seconds) {
  if (!source.audio) return;
  const serial = (store.state.playback?.serial ?? 0) + 1;
  const clock = { seconds, end: timelineEnd(details.slice_starts, tracks.sliceSeconds, tracks.seconds[row]) };
  store.set({ wanted: -1, upcoming: null, clock, playback: { row, details, seconds, paused: false, serial } });
}

/** Takes what is known of the track that is played now that genres have changed: what the panel has, where it shows it. @param {Page} page */
export async function refreshPlayed({ source, store, tracks }) {
  const { playback, current, details: shown } = store.state;
  if (!playback) return;
  const details = (playback.row === current && shown) || await source.track?.(tracks.ids[playback.row]), now = store.state.playback;
  if (details && now && now.row === playback.row) store.set({ playback: { ...now, details } });
}

/** Plays a track from the start of a slice. @param {Page} page @param {number} row @param {TrackDetails} details @param {number} slice */
export function playSlice(page, row, details, slice) {
  page.store.set({ slice, queue: placedAt(page.store.state.queue, row) });
  playFrom(page, row, details, details.slice_starts[slice]);
}

/** Goes to another place in what is played. @param {Page} page @param {number} seconds */
export function seek(page, seconds) {
  const { playback, clock } = page.store.state;
  if (!playback) return;
  playFrom(page, playback.row, playback.details, Math.max(0, Math.min(seconds, clock.end - 0.1)));
  if (playback.paused) setPaused(page, true);
}

/** @param {Page} page @param {boolean} paused */
export function setPaused({ store }, paused) {
  const { playback } = store.state;
  if (playback) store.set({ playback: { ...playback, paused } });
}

/** @param {Page} page @param {number} volume 0 to 1 */
export function setVolume({ store }, volume) { store.set({ volume, muted: false }); }

/** @param {Page} page */
export function toggleMuted({ store }) { store.set({ muted: !store.state.muted }); }
