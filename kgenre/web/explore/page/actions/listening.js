// Play and pause, what Play would begin with, and what to do where something cannot be played.

/** @import { Page } from "page/core/types" */
import { toggleDrift } from "page/actions/drift.js";
import { reasonOf, say } from "page/actions/notices.js";
import { playRow, playSlice, setPaused } from "page/actions/playback.js";
import { goOn, jumpTo, playQueue, queuesAtHand } from "page/actions/queue.js";
import { NoAnswer } from "page/core/no_answer.js";
import { count } from "shared/text.js";

const MAX_MISSES = 5; // tracks, one after the other, that cannot be played

/** What Play begins with while nothing was played yet. @param {Page} page @returns {{ text: string, row: number, play: () => Promise<void> | void | null }} */
export function firstToPlay(page) {
  const { queue, current } = page.store.state, isBegun = queue !== null && queue.at >= 0;
  if (current >= 0 && (!queue || isBegun)) return { text: "", row: current, play: () => playCurrent(page) };
  if (isBegun) return { text: "", row: queue.rows[queue.at], play: () => jumpTo(page, queue.at) };
  const next = queue ?? queuesAtHand(page)[0];
  if (!next) return { text: "Drift from a random recording", row: -1, play: () => toggleDrift(page) };
  return { text: `${next.title}: ${count(next.rows.length, "recording")}`, row: -1, play: () => playQueue(page, next) };
}

/** @param {Page} page */
function playCurrent(page) {
  const { current, details, slice } = page.store.state;
  return details ? playSlice(page, current, details, slice) : playRow(page, current);
}

/** Pauses, goes on, or begins. @param {Page} page */
export function togglePlayback(page) {
  const { playback } = page.store.state;
  return playback ? setPaused(page, !playback.paused) : firstToPlay(page).play();
}

/** Pauses the current track, or plays it from the chosen slice. @param {Page} page */
export function toggleCurrent(page) {
  const { playback, current } = page.store.state;
  return playback?.row === current ? setPaused(page, !playback.paused) : playCurrent(page);
}

/** @type {WeakMap<Page, number>} */
const misses = new WeakMap();

/** A track sounds: those before it that did not are forgotten. @param {Page} page */
export function forgetMisses(page) { misses.delete(page); }

/** At the end of a track, or of the part of it that is played. @param {Page} page */
export async function atEnd(page) {
  try { if (!await goOn(page)) setPaused(page, true); } catch (error) { cannotPlay(page, error, true); }
}

/** A queue goes on with its next track, but not where the server is away. @param {Page} page @param {unknown} error @param {boolean} isQueued */
export function cannotPlay(page, error, isQueued) {
  const { queue } = page.store.state, missed = (misses.get(page) ?? 0) + 1;
  misses.set(page, missed);
  say(page, reasonOf(error));
  const goes = isQueued && !(error instanceof NoAnswer) && missed < MAX_MISSES && queue && queue.at + 1 < queue.rows.length;
  if (goes) atEnd(page); else setPaused(page, true);
}
