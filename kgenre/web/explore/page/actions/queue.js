// One queue: what is in it, and the way through it.

/** @import { Page, Queue, State } from "page/core/types" */
import { shownRows } from "page/actions/colouring.js";
import { avoid, choose } from "page/actions/drift.js";
import { inOrder } from "page/actions/model_tags.js";
import { attempt, say } from "page/actions/notices.js";
import { detailsOf, isPlaying, playRow, startOf } from "page/actions/playback.js";
import { exportRows } from "page/actions/selection.js";
import { revealTrack } from "page/actions/tracks.js";
import { NoAnswer } from "page/core/no_answer.js";
import { hasMouse } from "page/core/pointer.js";
import { placedAt, queueOf, withoutRows } from "page/core/queue.js";
import { isTyping } from "shared/dom.js";

/** What could be played one after the other; the first one of them is what N and P go through. @param {Page} page @param {boolean} provisional @returns {Queue[]} */
export function queuesAtHand(page, provisional = false) {
  const { current, selection, path, hits, neighbours } = page.store.state, { tracks } = page, queues = [];
  const isPath = path.length > 0 && path.length === selection.length;
  if (isPath) queues.push(queueOf("path", `Path to ${tracks.title(path[path.length - 1])}`, inOrder(page, selection), provisional));
  else if (selection.length) queues.push(queueOf("selection", "Selection", inOrder(page, selection), provisional));
  const found = hits ? shownRows(page) : [];
  if (found.length) queues.push(queueOf("hits", `Hits of ${page.store.state.query.trim()}`, found, provisional));
  if (current >= 0 && neighbours.length) {
    queues.push(queueOf("nearest", `Nearest to ${tracks.title(current)}`,
      [current, ...inOrder(page, neighbours.map(([row]) => row))], provisional));
  }
  return queues;
}

/** Plays a queue from its beginning. @param {Page} page @param {Queue} queue */
export function playQueue(page, queue) {
  page.store.set({ drift: null, upcoming: null });
  return goTo(page, queue, 0, { show: true, play: true });
}

/** N or P: through the queue; where there is none, through the selection, the hits or the nearest. @param {Page} page @param {1 | -1} by */
export async function step(page, by) {
  const { clickPlays, current } = page.store.state, given = page.store.state.queue ?? queuesAtHand(page, true)[0];
  if (!given) return say(page, `Select or search recordings first; ${hasMouse ? "N and P go" : "previous and next go"} through them.`);
  const queue = page.store.state.queue ?? /** @type {Queue} */ (placedAt(given, current));
  page.store.set({ queue });
  const place = await placeBeside(page, by);
  if (place >= 0) await goTo(page, page.store.state.queue ?? queue, place, { show: true, play: clickPlays || isPlaying(page.store.state) });
}

/** The next or the previous track is played; the panel follows where it shows what is played. @param {Page} page @param {1 | -1} by */
export async function skip(page, by) {
  if (!page.store.state.queue) return step(page, by);
  const place = await placeBeside(page, by), { queue } = page.store.state;
  if (queue && place >= 0) await goTo(page, queue, place, { show: follows(page.store.state), play: true });
}

/** The place beside the present one, in a circle; Drift has no end. @param {Page} page @param {1 | -1} by */
async function placeBeside(page, by) {
  const { queue, drift } = page.store.state;
  if (!queue) return -1;
  if (by > 0 && drift) {
    const place = await nextPlace(page);
    if (place < 0) sayEnd(page);
    return place;
  }
  if (queue.at < 0) return by > 0 ? 0 : queue.rows.length - 1;
  return drift ? Math.max(0, queue.at + by) : (queue.at + by + queue.rows.length) % queue.rows.length;
}

/** The place that comes by itself; -1 where none does. @param {Page} page */
async function nextPlace(page) {
  const isLast = (/** @type {Queue | null} */ queue) => !queue || queue.at + 1 >= queue.rows.length;
  if (page.store.state.drift && isLast(page.store.state.queue)) await choose(page);
  const { queue } = page.store.state;
  return queue && !isLast(queue) ? queue.at + 1 : -1;
}

/** Where Drift has nothing left. @param {Page} page */
function sayEnd(page) {
  if (page.store.state.drift) say(page, "Drift ends here: all other recordings were played, or are to be avoided.");
}

/** Whether the panel and the map go along with what is played: not where another track is looked at, or a text is typed. @param {State} state */
function follows({ current, playback, drift }) {
  return !isTyping() && (current < 0 ? drift !== null : current === playback?.row);
}

/** @param {Page} page @param {Queue} queue @param {number} at @param {{ show: boolean, play: boolean }} what */
async function goTo(page, queue, at, { show, play }) {
  const { store } = page, row = queue.rows[at], there = { ...queue, at };
  store.set({ queue: there });
  try { if (play) await playRow(page, row); } catch (error) {
    if (error instanceof NoAnswer && store.state.queue === there) store.set({ queue }); // it will be tried again
    throw error;
  }
  if (!show || store.state.queue?.rows[store.state.queue.at] !== row) return; // another one was chosen meanwhile
  await revealTrack(page, row);
}

/** Plays a track of the queue. @param {Page} page @param {number} place */
export function jumpTo(page, place) {
  const { queue } = page.store.state;
  return queue && goTo(page, queue, place, { show: true, play: true });
}

/** After a track: the next one, if there is one. @param {Page} page @returns whether there is */
export async function goOn(page) {
  const { playback } = page.store.state, place = await nextPlace(page), { queue } = page.store.state;
  if (page.store.state.playback !== playback) return true; // another one was chosen meanwhile
  if (!queue || place < 0) {
    sayEnd(page);
    return false;
  }
  await goTo(page, queue, place, { show: follows(page.store.state), play: true });
  return true;
}

/** Finds out what comes next and its details, so that it can be loaded before it is due. @param {Page} page */
export async function prepareNext(page) {
  const { store } = page, place = await nextPlace(page), { queue } = store.state;
  if (!queue || place < 0) return;
  const row = queue.rows[place], details = await detailsOf(page, row), now = store.state.queue;
  if (!details || now?.rows[now.at + 1] !== row) return;
  store.set({ upcoming: { row, details, seconds: startOf({ ...store.state, queue: { ...now, at: place } }, row, details) } });
}

/** On to something else than this track and what is like it. @param {Page} page */
export function lessLikeThis(page) {
  avoid(page);
  return skip(page, 1);
}

/** @param {Page} page @param {number} place */
export function removeFromQueue({ store }, place) {
  const { queue } = store.state;
  if (queue) store.set({ queue: withoutRows(queue, (_, one) => one !== place), upcoming: null });
}

/** What is played goes on. @param {Page} page */
export function clearQueue({ store }) { store.set({ queue: null, drift: null, upcoming: null }); }

/** @param {Page} page @param {boolean} wholeTracks */
export function setWholeTracks({ store }, wholeTracks) { store.set({ wholeTracks, upcoming: null }); }

/** The queue as a playlist. @param {Page} page */
export async function exportQueue(page) {
  const { queue } = page.store.state;
  if (!queue) throw new Error("The queue is empty.");
  return exportRows(page, queue.rows, "m3u8");
}

/** Shows the track that is played, on the map too. @param {Page} page */
export function showPlayed(page) {
  const { playback } = page.store.state;
  if (playback) return attempt(page, revealTrack(page, playback.row));
}
