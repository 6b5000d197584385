// Play and pause, and the selection played track by track.

/** @import { Page } from "page/core/types" */
import { inOrder } from "page/actions/model_tags.js";
import { say } from "page/actions/notices.js";
import { playSlice, setPaused, stopQueue } from "page/actions/playback.js";
import { showTrack } from "page/actions/tracks.js";

const MIN_SECONDS = 6, MAX_SECONDS = 20; // of a track in the queue; between them as long as a slice

/** @param {Page} page @param {() => boolean} isBusy whether the queue waits */
export function togglePlayback(page, isBusy) {
  const { sounding, queue, current, details, slice, playback, selection } = page.store.state;
  if (sounding) return queue ? stopQueue(page) : setPaused(page, true);
  if (details && playback?.row !== current) playSlice(page, current, details, slice);
  else if (playback) setPaused(page, false);
  else if (selection.length) return playSelection(page, isBusy);
  else say(page, "Click a track to hear the slice that decided its genre.");
}

/** Plays the deciding slice of each selected track. @param {Page} page @param {() => boolean} isBusy whether the queue waits, while a genre is typed */
export async function playSelection(page, isBusy) {
  const { store, tracks } = page, queue = { rows: [...inOrder(page, store.state.selection)] };
  const seconds = Math.max(MIN_SECONDS, Math.min(MAX_SECONDS, tracks.sliceSeconds));
  store.set({ queue });
  for (const row of queue.rows) {
    if (store.state.queue !== queue) return;
    if (tracks.gone[row]) continue;
    await showTrack(page, row, true);
    if (store.state.current !== row) break;
    do await new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
    while (store.state.queue === queue && isBusy());
  }
  if (store.state.queue === queue) stopQueue(page);
}
