// What is played. The sound section does it; others ask for it here.

/** @import { Page, TrackDetails } from "page/core/types" */

/** Plays a track from the start of a slice. @param {Page} page @param {number} row @param {TrackDetails} details @param {number} slice */
export function playSlice({ store, source }, row, details, slice) {
  if (!source.audio) return;
  const serial = (store.state.playback?.serial ?? 0) + 1;
  store.set({ slice, playback: { row, slice, details, paused: false, serial } });
}

/** @param {Page} page @param {boolean} paused */
export function setPaused({ store }, paused) {
  const { playback } = store.state;
  if (playback) store.set({ playback: { ...playback, paused } });
}

/** Ends the playing of the selection. @param {Page} page */
export function stopQueue(page) {
  page.store.set({ queue: null });
  setPaused(page, true);
}
