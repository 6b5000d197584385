// What in a slice decided the genre.

/** @import { Page } from "page/core/types" */
import { say } from "page/actions/notices.js";

/** Asks for the heat-map of the chosen slice. @param {Page} page */
export async function explainGenre(page) {
  const { source, store, tracks } = page, { current: row, details, slice, heatMapPending } = store.state;
  if (!details) return say(page, "Choose a recording first.");
  if (!source.heatMap || heatMapPending) return;
  store.set({ heatMapPending: { row, slice } });
  try {
    const answer = await source.heatMap(tracks.ids[row], slice, details.slice_starts[slice]);
    store.set({ heatMap: { row, slice, answer } });
  } finally {
    store.set({ heatMapPending: null });
  }
}
