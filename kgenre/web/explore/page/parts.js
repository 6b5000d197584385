// The side panel's parts: the track, the selection and what it is for, corrections, the nearest.

import { fillGenres, recolour, search } from "./app.js";
import { button, duration, el, genreBars, heading, heatMap, openDialog, redraw, timeline, trackList } from "./panel.js";
import { fetchNear, focus, pick, select } from "./select.js";
import { audition, playSlice, toggle } from "./sound.js";
import { $, ask, audio, json, offline, say, stage, state, tell, tracks } from "./state.js";

export const LINKED = 2000; // tracks that a link holds at most

export function drawPanel() {
  const parts = [];
  if (state.current >= 0) parts.push(trackPart(state.current));
  if (state.selection.length) parts.push(selectionPart());
  if (state.current >= 0 && state.nearOf === state.current) parts.push(nearPart());
  if (!parts.length) parts.push(welcome());
  redraw($("panel"), parts);
}

function welcome() {
  return el("section", {}, el("h2", { text: tracks.data.name }),
    el("p", { class: "soft", text: "Tracks that sound alike lie together; distances between far islands mean nothing." }),
    el("p", { text: offline ? "Point at a track to see it, click to keep it here." : "Point at a track to see it. Click it to hear the slice that decided its genre." }),
    el("p", { text: `Choose Lasso or Box, draw around tracks, and take them along as a ${offline ? "table" : "playlist"}.` }),
    el("p", { class: "soft", text: "? shows the keys." }), corrected());
}

function trackPart(row) {
  const d = state.details, part = el("section", {}, heading(tracks, row), ...genreBars(tracks, row));
  part.append(el("div", { class: "soft small", text: `${d ? d.path : tracks.text("folder", row)} · ${duration(tracks.seconds[row])}` }));
  if (d) {
    const chosen = state.slice < 0 ? d.deciding : state.slice;
    part.append(timeline(d, tracks.data.clip_seconds, tracks.seconds[row], chosen, (slice) => { playSlice(row, d, slice); drawPanel(); }));
    const of = (one) => one && one.row === row && one.slice === chosen, heat = of(state.heat) ? heatMap(state.heat.answer) : null;
    const why = button(of(state.asking) ? "Asking the model…" : "What decided?", "Silence parts of the slice and see what the genre loses (H)",
      () => tell(showHeat(row, chosen)), { id: "why", disabled: !tracks.data.heat || Boolean(state.asking) });
    const path = button(state.wayFrom >= 0 ? "Now click the other song…" : "Path to…", "Songs that lead from this one to the next one clicked (W)", startWay, { id: "way" });
    part.append(el("div", { class: "row" }, button(audio.paused ? "▶ Play" : "❚❚ Pause", "Play or pause (Space)", toggle, { class: "main", id: "play" }), path, why), heat || "");
  }
  if (!offline) part.append(correction([row], "genre", `track ${row}`));
  if (!offline && !state.selection.length) part.append(corrected() || "");
  return part;
}

export function startWay() {
  if (state.current < 0) return say("Click a track first: the path begins there.");
  state.wayFrom = state.wayFrom >= 0 ? -1 : state.current;
  drawPanel();
}

async function showHeat(row, slice) {
  state.asking = { row, slice };
  drawPanel();
  try {
    state.heat = { row, slice, answer: await json(`/heat/${tracks.ids[row]}/${slice}`) };
  } finally {
    state.asking = null;
    drawPanel();
  }
}

function selectionPart() {
  const rows = state.selection, seconds = rows.reduce((sum, row) => sum + tracks.seconds[row], 0);
  const head = el("h2", {}, el("span", { text: `${rows.length.toLocaleString()} selected` }), el("span", { class: "soft", text: duration(seconds) }),
    button("Clear", "Select nothing (Esc)", () => select([])));
  const part = el("section", { id: "selection" }, head);
  if (offline) part.append(el("div", { class: "row" }, button("⤓ CSV", "Titles, artists, albums and genres of the selection", () => save("csv"))));
  else part.append(
    el("div", { class: "row" }, button("⤓ Playlist", "Save as .m3u8 for VLC, mpv, foobar2000 and others (S)", () => tell(save("m3u8")), { class: "main", id: "save" }),
      button("⤓ CSV", "Save as a table", () => tell(save("csv"))), button(state.queue ? "■ Stop" : "▶ Listen through", "The deciding slices one after the other", () => {
        if (state.queue) { state.queue = null; audio.pause(); drawPanel(); } else tell(audition());
      }), button("Link", "Copy a link to this selection", copyLink), button("Tags…", "Write the genre into the files: shows what would change first", () => tell(tagDialog(rows)))),
    correction(rows, "genre-all", "selection"), corrected() || "");
  part.append(trackList(tracks, rows, go, { current: state.current }));
  return part;
}

function go(row) { pick(row); stage.show([row]); } // a click in a list

function correction(rows, id, of) {
  const [whose, shown] = id === "genre" ? ["Right genre", "Right genre  G"] : ["Right genre of all that are selected", `All ${rows.length.toLocaleString()}`];
  const input = el("input", { type: "text", id, "data-of": of, list: "genres", placeholder: shown, "aria-label": whose, maxLength: 80, autocapitalize: "off" });
  const give = () => { const genre = input.value.trim(); if (genre) { input.value = ""; tell(correct(rows, genre)); } };
  input.addEventListener("keydown", (event) => { if (event.key === "Enter") give(); });
  const told = rows.filter((row) => tracks.corrections.has(row));
  return el("div", { class: "row" }, input, button("Correct", id === "genre" ? "Note this genre for the track" : "Note this genre for all selected tracks", give, { id: id.replace("genre", "correct") }),
    told.length ? button(id === "genre" ? "Take back" : `Take back ${told.length}`, "Forget the correction of each of them", () => tell(correct(told, null))) : null);
}

function corrected() {
  const n = tracks.corrections.size;
  if (offline || (!n && !tracks.retrained)) return null;
  const tags = el("input", { type: "checkbox", id: "learn-tags", checked: state.learnTags, on: { change: () => { state.learnTags = tags.checked; } } });
  return el("div", { class: "row small" }, el("span", { class: "soft", text: tracks.retrained ? `retrained · ${n} corrections` : `${n} corrections` }),
    n ? button("Retrain", "Learn the genres anew from your corrections, in seconds (R)", () => tell(retrain(state.learnTags)), { id: "retrain" }) : null,
    n ? el("label", { title: "Tracks whose genre tag names one of the genres are learnt from too" }, tags, " trust tags too") : null,
    tracks.retrained ? button("Back", "Back to the model's own genres", () => tell(forget()), { id: "forget" }) : null);
}

function nearPart() {
  const range = el("input", { id: "within", type: "range", min: 0, max: 1, step: 0.01, value: state.within, title: "Only tracks nearer than this", "aria-label": "Largest distance" });
  range.addEventListener("change", () => { state.within = Number(range.value); tell(fetchNear()); });
  const far = new Map(state.near), rows = state.near.map(([row]) => row);
  const box = (row) => el("input", { type: "checkbox", checked: !state.out.has(row), "aria-label": "Take along", on: {
    click: (event) => { event.stopPropagation(); if (!state.out.delete(row)) state.out.add(row); } } });
  return el("section", { id: "near" }, el("h2", {}, el("span", { text: offline ? "Nearest on the map" : "Nearest" }), el("span", { class: "soft" }),
    button("Select", "Select this track and the ticked ones", () => select([state.current, ...rows.filter((row) => !state.out.has(row))])),
    button("Add", "Add the ticked ones to the selection", () => select(rows.filter((row) => !state.out.has(row)), true))),
  offline ? null : el("div", { class: "row small soft" }, "within", range, state.within.toFixed(2)),
  rows.length ? null : el("p", { class: "soft", text: "None is so near." }),
  trackList(tracks, rows, go, { first: box, far: (row) => (far.get(row) === null ? "" : far.get(row).toFixed(2)) }));
}

// What the selection is for.

export async function save(kind) {
  const rows = state.selection;
  if (!rows.length) return say("Select tracks first: Lasso or Box, then draw around them.");
  const blob = offline ? new Blob([offlineTable(rows)], { type: "text/csv" })
    : await (await ask("/playlist", { ids: rows.map((row) => tracks.ids[row]), kind })).blob();
  const anchor = el("a", { href: URL.createObjectURL(blob), download: `kgenre ${rows.length} tracks.${kind}` });
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(anchor.href), 10000);
  say(`Saved ${rows.length} tracks as ${kind}.`);
}

function offlineTable(rows) {
  const cell = (text) => `"${String(text).replace(/"/g, '""')}"`;
  const line = (row) => [tracks.titles[row], tracks.text("artist", row), tracks.text("album", row), tracks.year[row] || "", tracks.text("tag", row), tracks.genre(row)];
  return [["title", "artist", "album", "year", "genre", "predicted"], ...rows.map(line)].map((cells) => cells.map(cell).join(",")).join("\n") + "\n";
}

async function correct(rows, genre) {
  ({ genre } = await json("/correct", { ids: rows.map((row) => tracks.ids[row]), genre })); // as the genre is called already
  for (const row of rows) { if (genre) tracks.corrections.set(row, genre); else tracks.corrections.delete(row); }
  fillGenres();
  drawPanel();
  say(genre ? `${rows.length === 1 ? "1 track is" : `${rows.length} tracks are`} ${genre}. Retrain makes the others follow.` : "Taken back.");
}

async function retrain(tags) {
  say("Learning…");
  const report = await json("/retrain", { tags });
  setGenres(report);
  const share = (value) => `${(100 * value).toFixed(1)} %`;
  openDialog("Retrained", el("p", { text: report.before === null
    ? `Learnt from ${report.known} tracks, each genre from one album: too few to say how good it is. Correct tracks of other albums too.`
    : `On ${report.judged} tracks whose genre is known: ${share(report.before)} right before, ${share(report.after)} after.`, id: "accuracy" }),
  report.before === null ? "" : el("p", { class: "soft", text: "After is measured on albums that were left out of the learning, in turn." }),
  report.before === null || report.judged === report.known ? "" : el("p", { class: "soft", text: `${report.known - report.judged} more are of genres known from one album, which cannot be measured so.` }));
}

async function forget() {
  setGenres(await json("/forget", {}));
  say("Back to the model's own genres.");
}

function setGenres(data) {
  tracks.setGenres(data);
  state.hidden = new Set();
  fillGenres();
  recolour();
  search();
  if (state.current >= 0) focus(state.current);
  else drawPanel();
}

async function tagDialog(all, over = false) { // a file's own genre is not written over unless that is asked for
  const rows = over ? all : all.filter((row) => tracks.corrections.has(row) || !tracks.text("tag", row));
  const ids = rows.map((row) => tracks.ids[row]), plan = ids.length ? await json("/tags", { ids, write: false }) : { changes: [], failures: [], undo: false };
  const box = el("input", { type: "checkbox", id: "tags-over", checked: over, on: { change: () => tell(tagDialog(all, box.checked)) } });
  const table = el("table", {}, ...plan.changes.slice(0, 500).map(([name, old, now]) => el("tr", {}, el("td", { text: name }), el("td", { class: "soft word", text: old || "no tag" }), el("td", { class: "word", text: now }))));
  if (plan.changes.length > 500) table.append(el("tr", {}, el("td", { class: "soft", text: `and ${(plan.changes.length - 500).toLocaleString()} more` })));
  const write = button(`Write ${plan.changes.length} tags`, "Change the files; what they held is kept for undo", () => tell(changeTags(write, "/tags", { ids, write: true }, "Tags written", "Files changed")),
    { class: "main", id: "write-tags", disabled: !plan.changes.length });
  openDialog("Genre tags: nothing is written yet", el("p", { class: "soft", text: "The genre that you corrected, or else the one heard, would go into these files:" }), table,
    el("p", {}, el("label", {}, box, " also where a file names another genre that you did not correct")),
    el("p", { class: "row" }, write, plan.undo ? undoTags() : null), failed(plan.failures));
}

function undoTags() {
  const undo = button("Undo", "Give the files of the last writing their old genre back", () => tell(changeTags(undo, "/untag", {}, "Undone", "Files that have their old genre again")), { id: "undo-tags" });
  return undo;
}

async function changeTags(pressed, path, body, title, what) {
  pressed.disabled = true; // once is enough
  const done = await json(path, body);
  for (const [id, tag] of done.tags) { const row = tracks.rowOf.get(id); if (row !== undefined) tracks.setTag(row, tag); }
  recolour();
  search();
  drawPanel();
  openDialog(title, el("p", { text: `${what}: ${done.written.toLocaleString()}.` }), failed(done.failures), done.undo ? undoTags() : null);
}

function failed(failures) {
  return failures.length ? el("section", {}, el("p", { class: "bad", text: `${failures.length.toLocaleString()} cannot be written:` }), failuresTable(failures)) : null;
}

export function failuresTable(failures) {
  const more = failures.length > 2000 ? el("tr", {}, el("td", { class: "soft", text: `and ${(failures.length - 2000).toLocaleString()} more` })) : "";
  return el("table", {}, ...failures.slice(0, 2000).map(([path, reason]) => el("tr", {}, el("td", { text: path }), el("td", { class: "bad", text: reason }))), more);
}

function copyLink() {
  if (state.selection.length > LINKED) return say(`A link holds at most ${LINKED} tracks.`);
  navigator.clipboard.writeText(location.href).then(() => say("Link copied."), () => say("The address bar has the link."));
}
