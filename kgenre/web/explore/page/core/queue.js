// What is played one after the other.

/** @import { Queue } from "page/core/types" */

/** A queue before its first track. @param {Queue["kind"]} kind @param {string} title @param {readonly number[]} rows @param {boolean} provisional @returns {Queue} */
export function queueOf(kind, title, rows, provisional = false) { return { kind, title, rows, at: -1, provisional }; }

/** What stays of it where others were selected or searched. @param {Queue | null} queue */
export function lasting(queue) { return queue?.provisional ? null : queue; }

/** The queue at a row, where it has it. @param {Queue | null} queue @param {number} row */
export function placedAt(queue, row) {
  const at = queue ? queue.rows.indexOf(row) : -1;
  return queue && at >= 0 ? { ...queue, at } : queue;
}

/** The queue with only some of its rows; before the one that came next, where the present one is not among them. @param {Queue} queue @param {(row: number, place: number) => boolean} isKept */
export function withoutRows(queue, isKept) {
  if (queue.rows.every(isKept)) return queue;
  const kept = [...queue.rows.keys()].filter((place) => isKept(queue.rows[place], place));
  const at = kept.filter((place) => place <= queue.at).length - 1;
  return kept.length ? { ...queue, rows: kept.map((place) => queue.rows[place]), at } : null;
}
