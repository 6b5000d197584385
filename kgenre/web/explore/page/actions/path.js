// The path from one track to another.

/** @import { Page } from "page/core/types" */
import { randomOf, shownRows } from "page/actions/colouring.js";
import { say } from "page/actions/notices.js";
import { select } from "page/actions/selection.js";
import { beginChoice } from "page/core/latest.js";
import { queueOf } from "page/core/queue.js";

const LENGTH = 12; // tracks, with both ends

/** From the current track to the one that is clicked next; ends the waiting where it waits. @param {Page} page */
export function startPath(page) {
  const { current, pathFrom } = page.store.state;
  if (current < 0) return say(page, "Choose a recording first: the path begins there.");
  page.store.set({ pathFrom: pathFrom >= 0 ? -1 : current });
}

/** @param {Page} page @param {number} row */
export async function finishPath(page, row) {
  const { source, store, tracks } = page, from = store.state.pathFrom;
  store.set({ pathFrom: -1 });
  if (row < 0 || row === from || !source.path) return;
  const isLatest = beginChoice(page, "path");
  const ids = await source.path(tracks.ids[from], tracks.ids[row], LENGTH);
  if (!isLatest()) return;
  const path = ids.flatMap((id) => tracks.rowOf.get(id) ?? []);
  select(page, path);
  const queue = queueOf("path", `Path to ${tracks.title(row)}`, path);
  store.set({ path, queue, drift: null, neighbours: [], neighboursOf: -1, reveal: { rows: path } });
}

/** A path between a random recording and the one that lies farthest from it on the map. @param {Page} page */
export async function showAnyPath(page) {
  const { tracks, store } = page, rows = shownRows(page), from = randomOf(rows);
  if (rows.length < 2) return say(page, "A path needs two recordings.");
  const distance = (/** @type {number} */ row) => Math.hypot(tracks.x[row] - tracks.x[from], tracks.y[row] - tracks.y[from]);
  const farthest = rows.reduce((far, row) => (distance(row) > distance(far) ? row : far), from);
  store.set({ pathFrom: from });
  await finishPath(page, farthest);
}
