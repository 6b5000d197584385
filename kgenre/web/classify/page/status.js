// The line above the songs: how many are done. A screen reader also hears each result in it.

/** @import { Song } from "page/types" */
import { byId } from "shared/dom.js";
import { count } from "shared/text.js";

/** @param {Iterable<Song>} songs @param {string} news heard, not seen */
export function tell(songs, news) {
  byId("news", HTMLElement).textContent = news;
  byId("summary", HTMLElement).textContent = summary([...songs]);
}

/** What concerns the whole page. @param {string} text */
export function warn(text) { byId("summary", HTMLElement).textContent = text; }

/** @param {Song[]} songs */
function summary(songs) {
  if (!songs.length) return "";
  const done = songs.filter(({ stage }) => stage === "done").length, failed = songs.filter(({ stage }) => stage === "failed").length;
  const parts = [[done, "done"], [failed, "failed"], [songs.length - done - failed, "to do"]];
  return `${count(songs.length, "song")}: ${parts.filter(([n]) => n).map((part) => part.join(" ")).join(", ")}`;
}
