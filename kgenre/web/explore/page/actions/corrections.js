// Genres that the user corrects, and the head that is retrained from them.

/** @import { GenreData, Page } from "page/core/types" */
import { updateLegend } from "page/actions/colouring.js";
import { attempt, leftOut, say } from "page/actions/notices.js";
import { refreshPlayed } from "page/actions/playback.js";
import { search } from "page/actions/search.js";
import { showTrack } from "page/actions/tracks.js";
import { beginChoice } from "page/core/latest.js";
import { count } from "shared/text.js";

/** @param {Page} page @param {readonly number[]} rows @param {string | null} genre null removes the correction */
export async function correct(page, rows, genre) {
  const { source, store, tracks } = page;
  if (!source.corrections) return;
  const { genre: stored, skipped } = await source.corrections.correct(rows.map((row) => tracks.ids[row]), genre);
  const corrections = new Map(store.state.corrections), number = rows.length - skipped;
  for (const row of rows) { if (stored) corrections.set(row, stored); else corrections.delete(row); }
  store.set({ corrections, retraining: null });
  say(page, (stored ? `${count(number, "recording")} corrected to ${stored}. Retrain to update the others.` : `${count(number, "correction")} removed.`) + leftOut(skipped));
}

/** Fits a head to the corrections; the genres stay as they are until it is applied. Null where they changed meanwhile. @param {Page} page */
export async function planRetraining(page) {
  const { source, store } = page, { corrections, useTags, heads } = store.state;
  if (!source.corrections || !corrections.size) throw new Error("Correct some recordings first: retraining learns from them.");
  say(page, "Retraining…");
  const isLatest = beginChoice(page, "retraining");
  const retraining = await source.corrections.preview(useTags), now = store.state;
  if (!isLatest()) return null;
  if (now.useTags !== useTags || String(now.heads) !== String(heads) || !isSame(now.corrections, corrections)) {
    say(page, "The corrections or the settings have changed. Retrain again.");
    return null;
  }
  store.set({ retraining });
  return retraining;
}

/** @param {ReadonlyMap<number, string>} some @param {ReadonlyMap<number, string>} others */
function isSame(some, others) {
  return some.size === others.size && [...some].every(([row, genre]) => others.get(row) === genre);
}

/** @param {Page} page */
export async function applyRetraining(page) {
  const { source, store } = page, { retraining } = store.state;
  if (!source.corrections || !retraining) return;
  store.set({ retraining: null }); // also where it fails: the corrections have changed since
  takeGenres(page, await source.corrections.retrain(retraining.plan));
  say(page, `Retrained. ${count(retraining.changes.length, "recording")} changed.`);
}

/** @param {Page} page */
export function cancelRetraining(page) { page.store.set({ retraining: null }); }

/** Back to the head before the last retraining. @param {Page} page */
export async function undoRetraining(page) {
  if (!page.source.corrections) return;
  const text = headBefore(page.store.state.heads);
  takeGenres(page, await page.source.corrections.undo());
  page.store.set({ retraining: null });
  say(page, `Back to ${text}.`);
}

/** What an undoing goes back to, in words. @param {readonly number[]} heads */
export function headBefore(heads) {
  const before = heads.at(-2);
  return before === undefined ? "the genres of the original model" : `the retraining before, which learned from ${count(before, "recording")}`;
}

/** @param {Page} page @param {GenreData} data */
function takeGenres(page, data) {
  const { store, tracks } = page;
  if (tracks.isOld(data)) return; // an answer on the refinement came first, with these genres or newer ones
  tracks.setGenres(data);
  store.set({ heads: data.heads ?? [], hidden: new Set() });
  updateLegend(page);
  search(page, store.state.query);
  const shown = store.state.current >= 0 ? showTrack(page, store.state.current) : Promise.resolve();
  attempt(page, shown.then(() => refreshPlayed(page)));
}
