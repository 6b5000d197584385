// The side panel's parts: the track, the selection and what it is for, corrections, the nearest.

import { fillGenres, recolour } from "./app.js";
import { button, duration, el, genreBars, heading, heatMap, openDialog, timeline, trackList } from "./panel.js";
import { fetchNear, focus, select } from "./select.js";
import { audition, playSlice, toggle } from "./sound.js";
import { $, ask, audio, json, offline, say, stage, state, tell, tracks } from "./state.js";

export const LINKED = 2000; // tracks that a link holds at most

export function drawPanel() {
  const parts = [];
  if (state.current >= 0) parts.push(trackPart(state.current));
  if (state.selection.length) parts.push(selectionPart());
  if (state.current >= 0 && state.near.length) parts.push(nearPart());
  if (!parts.length) parts.push(welcome());
  const scrolled = $("panel").scrollTop;
  $("panel").replaceChildren(...parts);
  $("panel").scrollTop = scrolled;
}

function welcome() {
  return el("section", {}, el("h2", { text: tracks.data.name }),
    el("p", { class: "soft", text: "Tracks that sound alike lie together; distances between far islands mean nothing." }),
    el("p", { text: offline ? "Point at a track to see it, click to keep it here." : "Point at a track to see it. Click it to hear the slice that decided its genre." }),
    el("p", { text: "Choose Lasso or Box, draw around tracks, and take them along as a playlist." }),
    el("p", { class: "soft", text: "? shows the keys." }), corrected());
}

function trackPart(row) {
  const d = state.details, part = el("section", {}, heading(tracks, row), ...genreBars(tracks, row));
  part.append(el("div", { class: "soft small", text: `${d ? d.path : tracks.text("folder", row)} · ${duration(tracks.seconds[row])}` }));
  if (d) {
    const chosen = state.slice < 0 ? d.deciding : state.slice;
    part.append(timeline(d, tracks.data.clip_seconds, chosen, (slice) => { playSlice(row, d, slice); drawPanel(); }));
    const heat = el("div", {}, state.heat && state.heat.row === row && state.heat.slice === chosen ? heatMap(state.heat.answer) : null);
    const why = button("What decided?", "Silence parts of the slice and see what the genre loses (H)", () => tell(showHeat(why, heat)), { id: "why", disabled: !tracks.data.heat });
    const path = button(state.wayFrom >= 0 ? "Now click the other song…" : "Path to…", "Songs that lead from this one to the next one clicked (W)", startWay, { id: "way" });
    part.append(el("div", { class: "row" }, button(audio.paused ? "▶ Play" : "❚❚ Pause", "Play or pause (Space)", toggle, { class: "main", id: "play" }), path, why), heat);
  }
  if (!offline && !state.selection.length) part.append(correction([row]));
  return part;
}

export function startWay() {
  if (state.current < 0 || offline) return;
  state.wayFrom = state.wayFrom >= 0 ? -1 : state.current;
  drawPanel();
}

async function showHeat(why, place) {
  why.disabled = true;
  why.textContent = "Asking the model…";
  try {
    const row = state.current, slice = state.slice;
    state.heat = { row, slice, answer: await json(`/heat/${tracks.ids[row]}/${slice}`) };
    if (state.current === row) place.replaceChildren(heatMap(state.heat.answer));
  } finally {
    why.disabled = false;
    why.textContent = "What decided?";
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
    correction(rows));
  part.append(trackList(tracks, rows, (row) => { focus(row, state.sound); stage.show([row]); }, { current: state.current }));
  return part;
}

function correction(rows) {
  const input = el("input", { type: "text", id: "genre", list: "genres", placeholder: "Right genre  G", "aria-label": "Right genre", maxLength: 80 });
  const give = (genre) => tell(correct(rows, genre));
  input.addEventListener("keydown", (event) => { if (event.key === "Enter" && input.value.trim()) give(input.value.trim()); });
  const some = rows.some((row) => tracks.corrections.has(row));
  return el("section", {}, el("div", { class: "row" }, input, button("Correct", "Note this genre for the track or selection", () => input.value.trim() && give(input.value.trim()), { id: "correct" }),
    some ? button("Undo", "Take the correction back", () => give(null)) : null), corrected());
}

function corrected() {
  const n = tracks.corrections.size;
  if (offline || (!n && !tracks.retrained)) return null;
  const tags = el("input", { type: "checkbox", id: "learn-tags" });
  return el("div", { class: "row small" }, el("span", { class: "soft", text: tracks.retrained ? `retrained · ${n} corrections` : `${n} corrections` }),
    n ? button("Retrain", "Learn the genres anew from your corrections, in seconds (R)", () => tell(retrain($("learn-tags")?.checked)), { id: "retrain" }) : null,
    n ? el("label", { title: "Tracks whose genre tag names one of the genres are learnt from too" }, tags, " trust tags too") : null,
    tracks.retrained ? button("Back", "Back to the model's own genres", () => tell(forget()), { id: "forget" }) : null);
}

function nearPart() {
  const range = el("input", { type: "range", min: 0, max: 1, step: 0.01, value: state.within, title: "Only tracks nearer than this", "aria-label": "Largest distance" });
  range.addEventListener("change", () => { state.within = Number(range.value); tell(fetchNear()); });
  const far = new Map(state.near), rows = state.near.map(([row]) => row);
  const box = (row) => el("input", { type: "checkbox", checked: !state.out.has(row), "aria-label": "Take along", on: {
    click: (event) => { event.stopPropagation(); if (!state.out.delete(row)) state.out.add(row); } } });
  return el("section", { id: "near" }, el("h2", {}, el("span", { text: offline ? "Nearest on the map" : "Nearest" }), el("span", { class: "soft" }),
    button("Select", "Select this track and the ticked ones", () => select([state.current, ...rows.filter((row) => !state.out.has(row))])),
    button("Add", "Add the ticked ones to the selection", () => select(rows.filter((row) => !state.out.has(row)), true))),
  offline ? null : el("div", { class: "row small soft" }, "within", range, state.within.toFixed(2)),
  trackList(tracks, rows, (row) => { focus(row, state.sound); stage.show([row]); }, { first: box, far: (row) => (far.get(row) === null ? "" : far.get(row).toFixed(2)) }));
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
  await json("/correct", { ids: rows.map((row) => tracks.ids[row]), genre });
  for (const row of rows) { if (genre) tracks.corrections.set(row, genre); else tracks.corrections.delete(row); }
  drawPanel();
  say(genre ? `${rows.length === 1 ? "1 track is" : `${rows.length} tracks are`} ${genre}. Retrain makes the others follow.` : "Taken back.");
}

async function retrain(tags) {
  say("Learning…");
  const report = await json("/retrain", { tags: Boolean(tags) });
  setGenres(report);
  const share = (value) => `${(100 * value).toFixed(1)} %`;
  openDialog("Retrained", el("p", { text: report.before === null
    ? `Learnt from ${report.known} tracks of one album: too few to say how good it is. Correct tracks of other albums too.`
    : `On the ${report.known} tracks whose genre is known: ${share(report.before)} right before, ${share(report.after)} after.`, id: "accuracy" }),
  report.before === null ? "" : el("p", { class: "soft", text: "After is measured on albums that were left out of the learning, in turn." }));
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
  if (state.current >= 0) focus(state.current);
  else drawPanel();
}

async function tagDialog(rows) {
  const ids = rows.map((row) => tracks.ids[row]), plan = await json("/tags", { ids, write: false });
  const table = el("table", {}, ...plan.changes.slice(0, 500).map(([name, old, now]) => el("tr", {}, el("td", { text: name }), el("td", { class: "soft", text: old || "no tag" }), el("td", { text: now }))));
  const write = button(`Write ${plan.changes.length} tags`, "Change the files; what they held is kept for undo", () => tell((async () => {
    const done = await json("/tags", { ids, write: true });
    openDialog("Tags written", el("p", { text: `${done.written} files changed.` }), failuresTable(done.failures), undo());
  })()), { class: "main", id: "write-tags", disabled: !plan.changes.length });
  const undo = () => button("Undo", "Give the files of the last writing their old genre back", () => tell((async () => {
    const done = await json("/untag", {});
    openDialog("Undone", el("p", { text: `${done.written} files have their old genre again.` }), failuresTable(done.failures));
  })()), { id: "undo-tags" });
  openDialog("Genre tags: nothing is written yet", el("p", { class: "soft", text: "The genre that you corrected, or else the one heard, would go into these files:" }), table, el("p", { class: "row" }, write, plan.undo ? undo() : null));
}

export function failuresTable(failures) {
  return el("table", {}, ...failures.slice(0, 2000).map(([path, reason]) => el("tr", {}, el("td", { text: path }), el("td", { class: "bad", text: reason }))));
}

function copyLink() {
  if (state.selection.length > LINKED) return say(`A link holds at most ${LINKED} tracks.`);
  navigator.clipboard.writeText(location.href).then(() => say("Link copied."), () => say("The address bar has the link."));
}
