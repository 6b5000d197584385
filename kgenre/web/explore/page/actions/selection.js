// Which tracks are selected, and what the selection is exported as.

/** @import { Page } from "page/core/types" */
import { inOrder } from "page/actions/model_tags.js";
import { beginChoice } from "page/core/latest.js";
import { lasting, withoutRows } from "page/core/queue.js";

/** @param {Page} page @param {readonly number[]} rows @param {boolean} add to those that are selected */
export function select(page, rows, add = false) {
  const { store, tracks } = page;
  beginChoice(page, "path"); // one that is still asked for is not wanted any more
  const selection = add ? [...new Set([...store.state.selection, ...rows])] : rows;
  const selected = selection.length ? new Uint8Array(tracks.n) : null;
  for (const row of selection) if (selected) selected[row] = 1;
  const { queue, addsToSelection } = store.state;
  store.set({ selection, selected, addsToSelection: addsToSelection && selection.length > 0, path: [], queue: selection.length ? lasting(queue) : queue });
}

/** @param {Page} page @param {number} row */
export function toggleSelected(page, row) {
  const { selection, selected } = page.store.state;
  select(page, selected?.[row] ? selection.filter((one) => one !== row) : [...selection, row]);
}

/** Removes the tracks that are gone from the state, and nothing else. @param {Page} page */
export function dropGone(page) {
  const { store, tracks } = page, { selection, selected, hover, pathFrom, near, neighbours, path, queue, addsToSelection } = store.state;
  const isThere = (/** @type {number} */ row) => !tracks.gone[row];
  const kept = selection.every(isThere) ? selection : selection.filter(isThere);
  store.set({
    gone: tracks.fileIds.length - tracks.filesThere, hover: hover && isThere(hover.row) ? hover : null,
    pathFrom: pathFrom >= 0 && isThere(pathFrom) ? pathFrom : -1, path: path.filter(isThere),
    near: near.filter(([row]) => isThere(row)), neighbours: neighbours.filter(([row]) => isThere(row)),
    queue: queue && withoutRows(queue, isThere),
    corrections: new Map([...store.state.corrections].filter(([row]) => isThere(row))),
    addsToSelection: addsToSelection && kept.length > 0, selection: kept, selected: kept.length ? selected?.map((one, row) => (isThere(row) ? one : 0)) ?? null : null,
  });
}

/** @param {Page} page @param {"csv" | "m3u8"} kind */
export async function exportSelection(page, kind) {
  const rows = inOrder(page, page.store.state.selection);
  if (!rows.length) throw new Error("Select recordings first: Lasso or Box, then draw around them.");
  return exportRows(page, rows, kind);
}

/** @param {Page} page @param {readonly number[]} rows in the order of the file @param {"csv" | "m3u8"} kind */
export function exportRows({ source, tracks }, rows, kind) {
  const ids = rows.map((row) => tracks.ids[row]);
  return kind === "m3u8" && source.playlist ? source.playlist(ids) : source.csv(ids);
}

/** Selects all recordings with a predicted genre, and brings them into view. @param {Page} page @param {number} label -1: those of which the model is unsure */
export function selectGenre(page, label) {
  const { tracks, store } = page;
  const rows = Array.from(tracks.ids.keys()).filter((row) => !tracks.gone[row] && (tracks.unsure[row] ? -1 : tracks.label(row)) === label);
  select(page, rows);
  store.set({ reveal: { rows } });
}
