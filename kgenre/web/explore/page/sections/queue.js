// The queue, in the panel: what was played, what comes, and what else could be played.

/** @import { Binding, Page, Queue, State } from "page/core/types" */
import { FILTERS } from "page/actions/colouring.js";
import { JUMPS, setJump } from "page/actions/drift.js";
import { attempt, leftOut, say } from "page/actions/notices.js";
import { clearQueue, exportQueue, jumpTo, lessLikeThis, playQueue, queuesAtHand, removeFromQueue, setWholeTracks } from "page/actions/queue.js";
import { button, byId, el, redraw } from "shared/dom.js";
import { download } from "shared/download.js";
import { count } from "shared/text.js";
import { queueList } from "page/ui/queue_list.js";
import { followCurrent } from "page/ui/track_parts.js";

/** @type {(keyof State)[]} */
const SHOWN = ["queueShown", "queue", "drift", "jump", "wholeTracks", "selection", "path", "neighbours", "genres",
  "query", "current", "tag", "sortByTag", "tagTables", "legend", "hidden", ...FILTERS];

/** @param {Page} page @returns {Binding[]} */
export function queueSection(page) {
  const section = byId("queue", HTMLElement);
  let before = { at: -1, shown: false };
  page.store.subscribe(SHOWN, (state) => {
    section.hidden = !state.queueShown;
    redraw(section, section.hidden ? [] : content(page, state));
    const now = { at: state.queue?.at ?? -1, shown: state.queueShown };
    if (now.at !== before.at || now.shown !== before.shown) followCurrent(section);
    before = now;
  });
  return [];
}

/** @param {Page} page @param {State} state */
function content(page, state) {
  const { queue } = state, others = queuesAtHand(page).filter(({ kind }) => kind !== queue?.kind || kind === "hits" || kind === "nearest");
  return [
    el("h2", {}, el("span", { text: "Queue" }), el("span", { class: "soft", text: queue ? heading(queue) : "" }),
      button("Close", "Hide the queue (Q)", () => page.store.set({ queueShown: false }), { id: "close-queue" })),
    ...queue ? own(page, state, queue) : [el("p", { class: "soft", text: "Nothing is queued." })],
    others.length ? el("div", { class: "row small" }, "Play instead:", ...others.map((other) => (
      button(other.title, `${count(other.rows.length, "recording")}, one after the other`, () => attempt(page, playQueue(page, other)),
        { class: "instead", id: `play-${other.kind}` })))) : null,
  ];
}

/** @param {Queue} queue */
function heading({ title, rows, at }) { return `${title}, ${at >= 0 ? `${at + 1} of ` : ""}${count(rows.length, "recording")}`; }

/** @param {Page} page @param {State} state @param {Queue} queue */
function own(page, state, queue) {
  return [
    el("div", { class: "row" },
      page.source.playlist && button("⤓ Playlist", "Save the queue as .m3u8", () => save(page, queue), { id: "save-queue" }),
      button("Clear", "Empty the queue; what is played goes on", () => clearQueue(page), { id: "clear-queue" }),
      choice("whole-tracks", "How much of each recording", [[0, "30 s that decided"], [1, "whole recordings"]], Number(state.wholeTracks),
        (value) => setWholeTracks(page, value === 1))),
    state.drift ? el("div", { class: "row" },
      choice("jump", "How far away the next recording is", JUMPS, state.jump, (value) => setJump(page, value)),
      button("Less like this", "Skip this recording, and leave out what is nearer to it than to the others",
        () => attempt(page, lessLikeThis(page)), { id: "less-like-this" })) : null,
    queueList(page, queue, (place) => attempt(page, Promise.resolve(jumpTo(page, place))), (place) => removeFromQueue(page, place)),
  ];
}

/** @param {string} id @param {string} label @param {readonly (readonly [number, string])[]} options @param {number} chosen @param {(value: number) => void} choose */
function choice(id, label, options, chosen, choose) {
  const list = el("select", { id, title: label, "aria-label": label, on: { change: () => choose(Number(list.value)) } },
    ...options.map(([value, text]) => el("option", { value, text, selected: value === chosen })));
  return list;
}

/** @param {Page} page @param {Queue} queue */
function save(page, { title }) {
  attempt(page, exportQueue(page).then(({ file, skipped }) => {
    download(file, `kgenre ${title.replace(/[\\/:*?"<>|\x00-\x1f]/g, "_").slice(0, 80)}.m3u8`);
    say(page, `Saved the queue as a playlist.${leftOut(skipped)}`);
  }));
}
