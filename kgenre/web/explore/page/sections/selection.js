// The selected tracks and what they are for.

/** @import { Binding, Page, State } from "page/core/types" */
import { FILTERS, isShown, shownRows } from "page/actions/colouring.js";
import { correct } from "page/actions/corrections.js";
import { copyLink } from "page/actions/link.js";
import { inOrder, setTagOrder } from "page/actions/model_tags.js";
import { attempt, leftOut, say } from "page/actions/notices.js";
import { playQueue, queuesAtHand } from "page/actions/queue.js";
import { showAll } from "page/actions/search.js";
import { exportSelection, select } from "page/actions/selection.js";
import { pickAndReveal } from "page/actions/tracks.js";
import { count, duration } from "shared/text.js";
import { correctionForm } from "page/ui/correction_form.js";
import { button, byId, el, redraw } from "shared/dom.js";
import { download } from "shared/download.js";
import { orderRow, tagAside } from "page/ui/tag_order.js";
import { followCurrent, trackList } from "page/ui/track_parts.js";

/** @param {Page} page @returns {Binding[]} */
export function selectionSection(page) {
  const section = byId("selection", HTMLElement), { playlist } = page.source;
  const status = byId("selection-status", HTMLElement);
  let before = -1; // the track that was the current one
  page.store.subscribe(["selection"], ({ selection: { length } }) => {
    if (length || status.textContent) status.textContent = length ? `${count(length, "recording")} selected` : "Nothing is selected";
  });
  page.store.subscribe(["selection", "addsToSelection", "current", "corrections", "genres", "tag", "sortByTag", "tagTables", "legend", "hidden", ...FILTERS], (state) => {
    section.hidden = !state.selection.length;
    redraw(section, section.hidden ? [] : content(page, state));
    if (state.current !== before) followCurrent(section);
    before = state.current;
  });
  return [
    { label: "A", text: "select all that is shown in colour", keys: ["a"], run: () => select(page, shownRows(page)) },
    { label: "S", text: `save the selection as a ${playlist ? "playlist" : "table"}`, keys: ["s"],
      run: () => save(page, playlist ? "m3u8" : "csv") },
  ];
}

/** @param {Page} page @param {State} state */
function content(page, { selection, corrections, addsToSelection }) {
  const { tracks, source } = page, seconds = selection.reduce((sum, row) => sum + tracks.seconds[row], 0);
  const form = source.corrections ? correctionForm({ id: "genre-all", of: "selection", rows: selection, corrections,
    correct: (rows, genre) => { attempt(page, correct(page, rows, genre)); } }) : null;
  return [
    el("h2", {}, el("span", { text: `${selection.length.toLocaleString()} selected` }),
      el("span", { class: "soft", text: duration(seconds) }),
      button("Add more", "Clicks and lassos on the map add to the selection, as with Shift; a click on a selected recording removes it", () => page.store.set({ addsToSelection: !addsToSelection }),
        { id: "add-more", "aria-pressed": String(addsToSelection) }),
      button("Clear", "Select nothing (Esc)", () => select(page, []))),
    outside(page, selection),
    el("div", { class: "row" }, ...buttons(page)),
    form,
    orderRow(page, (sorted) => { attempt(page, setTagOrder(page, sorted)); }),
    trackList(page, inOrder(page, selection), (row) => { pickAndReveal(page, row); }, { label: "Selection", after: tagAside(page) }),
  ];
}

/** How many of the selection are grey, and what shows them. @param {Page} page @param {readonly number[]} selection */
function outside(page, selection) {
  const hidden = selection.filter((row) => !isShown(page, row)).length;
  if (!hidden) return null;
  const { query, hits, folderHits, tagHits, hidden: entries } = page.store.state;
  const by = query && hits && !folderHits && !tagHits && !entries.size ? "search" : "filters";
  return el("div", { class: "row small", id: "selection-outside" }, el("span", { text: `${hidden.toLocaleString()} outside of the ${by}` }),
    button("Show all", "End the search and all filters", () => showAll(page), { id: "show-all" }));
}

/** @param {Page} page */
function buttons(page) {
  const { source, store } = page, { selection } = store.state;
  const playlist = source.playlist && button("⤓ Playlist", "Save as .m3u8 for VLC, mpv, foobar2000 and others (S)",
    () => save(page, "m3u8"), { class: "main", id: "save" });
  const csv = button("⤓ CSV", "Save titles, artists, albums, genres and tags as a table", () => save(page, "csv"), { id: "csv" });
  const play = source.audio && button("▶ Play all", "One after the other, whole or the parts that decided: see Queue",
    () => attempt(page, playQueue(page, queuesAtHand(page)[0])), { id: "play-all" });
  const link = button("Copy link", "Copy a link to this selection and what else is shown", () => copyLink(page), { id: "copy-link" });
  const tags = source.tags && button("Tags…", "Write genres and moods into the files: shows first what would change",
    () => store.set({ tagDialog: { rows: selection } }), { id: "tags" });
  return [playlist, csv, play, link, tags];
}

/** @param {Page} page @param {"csv" | "m3u8"} kind */
function save(page, kind) {
  const { length } = page.store.state.selection;
  attempt(page, exportSelection(page, kind).then(({ file, skipped }) => {
    download(file, `kgenre ${count(length - skipped, "recording")}.${kind}`);
    say(page, `Saved ${count(length - skipped, "recording")} as ${kind}.${leftOut(skipped)}`);
  }));
}
