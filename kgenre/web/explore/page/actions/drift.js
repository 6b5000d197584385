// Drift: plays on by itself.

/** @import { Page } from "page/core/types" */

/** Null where it is not available. @type {((page: Page) => void) | null} */
export const startDrift = null;
