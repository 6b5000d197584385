// Short notices to the user.

/** @import { Page } from "page/core/types" */

/** @param {Page} page @param {string} text */
export function say({ store }, text) { store.set({ message: { text } }); }

/** Shows why something failed. @param {Page} page @param {Promise<unknown>} promise */
export async function attempt(page, promise) {
  try { await promise; } catch (error) { say(page, error instanceof Error ? error.message : String(error)); }
}
