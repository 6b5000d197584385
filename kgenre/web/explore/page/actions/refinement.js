// The analysis of whole tracks in the background: what it changes is asked for now and then, while it runs.

/** @import { Changes, Page } from "page/core/types" */
import { refineLegend } from "page/actions/colouring.js";
import { updateTags } from "page/actions/model_tags.js";
import { say } from "page/actions/notices.js";
import { refreshTrack } from "page/actions/tracks.js";

const EVERY_MS = 4000;

/** Asks until there is nothing more to come; not while the page is hidden. @param {Page} page */
export function followRefinement(page) {
  const { refinement } = page.source;
  if (!refinement) return;
  let since = page.source.data.changes ?? 0, timer = 0, asking = false;
  const ask = async () => {
    clearTimeout(timer);
    if (document.hidden || asking) return;
    asking = true;
    try {
      const changes = await refinement.changes(since);
      since = changes.changes;
      await takeChanges(page, changes);
      if (!changes.refinement?.running) return document.removeEventListener("visibilitychange", ask);
    } catch { // the server is away, which is told where it is asked for something; it may come back
    } finally { asking = false; }
    timer = setTimeout(ask, EVERY_MS);
  };
  document.addEventListener("visibilitychange", ask);
  ask();
}

/** Positions, selection, sound and what is pointed at stay. @param {Page} page @param {Changes} changes */
async function takeChanges(page, { refinement, failures, genres, tags }) {
  const { store, tracks } = page;
  if (failures.length !== store.state.failures.length) store.set({ failures });
  store.set({ refinement });
  if (!genres || !tags) return;
  updateTags(page, tags);
  if (genres.labels.join("\n") === tracks.labels.join("\n")) tracks.updateGenres(genres);
  else { // another tab has retrained the head: these are the genres of all tracks
    tracks.setGenres(genres);
    store.set({ retrained: Boolean(genres.retrained), hidden: new Set() });
  }
  refineLegend(page);
  if (store.state.query) store.set({ hits: tracks.search(store.state.query) });
  await refreshTrack(page);
}

/** @param {Page} page @param {boolean} paused */
export async function pauseRefinement(page, paused) {
  const status = await page.source.refinement?.pause(paused);
  if (!status) return;
  page.store.set({ refinement: status });
  say(page, paused ? "Analysis paused." : "Analysis goes on.");
}
