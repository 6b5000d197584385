// Genres that the user corrects, and the head that is retrained from them.

/** @import { GenreData, Page } from "page/core/types" */
import { updateLegend } from "page/actions/colouring.js";
import { leftOut, say } from "page/actions/notices.js";
import { search } from "page/actions/search.js";
import { showTrack } from "page/actions/tracks.js";
import { count } from "shared/text.js";

/** @param {Page} page @param {readonly number[]} rows @param {string | null} genre null removes the correction */
export async function correct(page, rows, genre) {
  const { source, store, tracks } = page;
  if (!source.corrections) return;
  const { genre: stored, skipped } = await source.corrections.correct(rows.map((row) => tracks.ids[row]), genre);
  const corrections = new Map(store.state.corrections), number = rows.length - skipped;
  for (const row of rows) { if (stored) corrections.set(row, stored); else corrections.delete(row); }
  store.set({ corrections });
  say(page, (stored ? `${count(number, "track")} corrected to ${stored}. Retrain to update the others.` : "Correction removed.") + leftOut(skipped));
}

/** Fits the head to the corrections. @param {Page} page @returns the report */
export async function retrain(page) {
  const { source, store } = page;
  if (!source.corrections || !store.state.corrections.size) throw new Error("Correct some tracks first: retraining learns from them.");
  say(page, "Retraining…");
  const report = await source.corrections.retrain(store.state.useTags);
  takeGenres(page, report);
  return report;
}

/** @param {Page} page */
export async function resetHead(page) {
  if (!page.source.corrections) return;
  takeGenres(page, await page.source.corrections.resetHead());
  say(page, "Back to the genres of the original model.");
}

/** @param {Page} page @param {GenreData} data */
function takeGenres(page, data) {
  const { store, tracks } = page;
  if (tracks.isOld(data)) return; // an answer on the refinement came first, with these genres or newer ones
  tracks.setGenres(data);
  store.set({ retrained: Boolean(data.retrained), hidden: new Set() });
  updateLegend(page);
  search(page, store.state.query);
  if (store.state.current >= 0) showTrack(page, store.state.current);
}
