// Answers that come too late: something else was chosen meanwhile.

/** @import { Page } from "page/core/types" */

/** @type {WeakMap<Page, Map<string, number>>} */
const begun = new WeakMap();

/**
 * Begins a choice that may have to wait for an answer, and ends the others of its kind that still wait.
 *
 * @param {Page} page
 * @param {"colouring" | "tagFilter" | "tagOrder" | "path" | "retraining"} kind
 * @returns {() => boolean} whether it is still the latest of its kind
 */
export function beginChoice(page, kind) {
  const numbers = begun.get(page) ?? new Map();
  begun.set(page, numbers);
  const number = (numbers.get(kind) ?? 0) + 1;
  numbers.set(kind, number);
  return () => numbers.get(kind) === number;
}
