// The analysis of whole tracks in the background: what it changes is asked for now and then, while it runs.

/** @import { Changes, GenreData, Page } from "page/core/types" */
import { refineLegend } from "page/actions/colouring.js";
import { updateTags } from "page/actions/model_tags.js";
import { say } from "page/actions/notices.js";
import { refreshPlayed } from "page/actions/playback.js";
import { setFolder } from "page/actions/search.js";
import { dropGone } from "page/actions/selection.js";
import { refreshTrack, showTrack } from "page/actions/tracks.js";
import { bytes } from "page/core/base64.js";
import { count } from "shared/text.js";

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
async function takeChanges(page, { refinement, failures, gone, genres, tags }) {
  const { store } = page;
  if (failures.length !== store.state.failures.length) store.set({ failures });
  store.set({ refinement });
  const fewer = takeGone(page, new Int32Array(bytes(gone).buffer));
  if (tags) await updateTags(page, tags);
  const newer = takeGenres(page, genres);
  if (!fewer && !newer && !tags) return;
  refineLegend(page);
  if (store.state.query) store.set({ hits: page.tracks.search(store.state.query) });
  if (fewer) setFolder(page, store.state.folder);
  await refreshTrack(page);
  await refreshPlayed(page);
}

/** Removes recordings without a file that can be used from the map and all lists. @param {Page} page @param {Int32Array} ids of files @returns whether the set of files has changed */
function takeGone(page, ids) {
  const { store, tracks } = page, before = tracks.gone.slice(), files = tracks.fileGone.slice();
  tracks.setGone(ids);
  const left = tracks.gone.reduce((sum, one, row) => sum + (one && !before[row] ? 1 : 0), 0);
  if (files.every((one, file) => one === tracks.fileGone[file])) return false;
  dropGone(page);
  if (left) say(page, `${count(left, "recording")} left the map: ${left === 1 ? "its file is" : "their files are"} gone or cannot be analysed completely.`);
  if (store.state.current >= 0 && tracks.gone[store.state.current]) showTrack(page, -1);
  return true;
}

/** @param {Page} page @param {GenreData | null} genres @returns whether they were taken */
function takeGenres(page, genres) {
  const { store, tracks } = page;
  if (!genres || tracks.isOld(genres)) return false; // those of a retraining, which came in the meantime, are newer
  if (genres.labels.join("\n") === tracks.labels.join("\n")) tracks.updateGenres(genres);
  else { // another tab has retrained the head: these are the genres of all tracks
    tracks.setGenres(genres);
    store.set({ hidden: new Set() });
  }
  store.set({ heads: genres.heads ?? [] });
  return true;
}

/** @param {Page} page @param {boolean} paused */
export async function pauseRefinement(page, paused) {
  const status = await page.source.refinement?.pause(paused);
  if (!status) return;
  page.store.set({ refinement: status });
  say(page, paused ? "Analysis paused." : "Analysis goes on.");
}
