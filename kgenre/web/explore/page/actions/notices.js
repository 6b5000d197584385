// Short notices to the user.

/** @import { Page } from "page/core/types" */
import { count } from "shared/text.js";

/** @param {Page} page @param {string} text */
export function say({ store }, text) { store.set({ message: { text } }); }

/** The notice on recordings of a selection that are no longer in the library. @param {number} skipped */
export function leftOut(skipped) {
  if (!skipped) return "";
  return ` ${count(skipped, "recording")} ${skipped === 1 ? "is" : "are"} no longer in the library and ${skipped === 1 ? "was" : "were"} skipped.`;
}

/** @param {unknown} error */
export function reasonOf(error) { return error instanceof Error ? error.message : String(error); }

/** Shows why something failed. @param {Page} page @param {Promise<unknown>} promise */
export async function attempt(page, promise) {
  try { await promise; } catch (error) { say(page, reasonOf(error)); }
}
