// The part of the page's address after #: selection, track, search, folder, colours with those that are hidden, and the
// tag that is filtered or sorted by.

/** @import { State } from "page/core/types" */
import { TAG_COLOURING, offeredColourings } from "page/core/colourings.js";
import { DEFAULT_COLOURING } from "page/core/state.js";
import { Tracks } from "page/core/tracks.js";

export const MAX_LINKED = 2000; // recordings of a selection

/** What the address tells of. @type {(keyof State)[]} */
export const LINKED = ["selection", "current", "query", "folder", "colouring", "legend", "hidden", "tag", "tagFilter", "sortByTag"];

/** @param {State} state @param {Tracks} tracks */
export function toHash(state, tracks) {
  const { selection, current, query, folder, colouring, tag, tagFilter, sortByTag } = state;
  const parts = [], code = (/** @type {number} */ row) => tracks.ids[row].toString(36);
  if (selection.length && selection.length <= MAX_LINKED) parts.push(`sel=${selection.map(code).join(".")}`);
  if (current >= 0) parts.push(`track=${code(current)}`);
  if (query) parts.push(`q=${encodeURIComponent(query)}`);
  if (folder) parts.push(`folder=${encodeURIComponent(folder)}`);
  if (colouring !== DEFAULT_COLOURING) parts.push(`colour=${colouring}`);
  for (const name of hiddenNames(state)) parts.push(`hide=${encodeURIComponent(name)}`);
  if (tag && (colouring === TAG_COLOURING || sortByTag)) parts.push(`tag=${encodeURIComponent(tag)}`);
  if (tag && sortByTag) parts.push("sort=tag");
  if (tagFilter) parts.push(`with=${encodeURIComponent(tagFilter.tag)}`, `least=${tagFilter.least}`);
  return parts.length ? `#${parts.join("&")}` : "";
}

/** The hidden entries of the legend by name: their numbers change with the library. @param {State} state */
function hiddenNames({ legend, hidden }) {
  return legend.kind === "categories" ? [...hidden].map((entry) => legend.entries[entry].name) : [];
}

/** @param {string} hash @param {Tracks} tracks what it does not name is as at the start */
export function fromHash(hash, tracks) {
  const given = new URLSearchParams(hash.slice(1)), colouring = given.get("colour") ?? "";
  const known = (/** @type {string | null} */ name) => (name && tracks.tagNames.includes(name) ? name : "");
  const tag = known(given.get("tag")), filter = known(given.get("with")), least = Number(given.get("least"));
  const row = (/** @type {string} */ text) => tracks.rowOf.get(parseInt(text, 36));
  return {
    selection: [...new Set((given.get("sel") ?? "").split(".").flatMap((text) => row(text) ?? []))], // copies are one
    current: row(given.get("track") ?? "") ?? -1,
    query: given.get("q") ?? "",
    folder: given.get("folder") ?? "",
    hiddenNames: given.getAll("hide"),
    colouring: offeredColourings(tracks).includes(colouring) && (colouring !== TAG_COLOURING || tag) ? colouring : DEFAULT_COLOURING,
    tag, sortByTag: tag !== "" && given.get("sort") === "tag",
    tagFilter: filter && least > 0 ? { tag: filter, least } : null,
  };
}
