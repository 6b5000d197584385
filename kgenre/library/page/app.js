// The page: what is selected, searched, coloured and heard, and the keys. The map is in stage.js, texts in panel.js.

import { COLOURS, Tracks, css, rampColour } from "./data.js";
import { button, duration, el, genreBars, heading, heatMap, openDialog, timeline, trackList } from "./panel.js";
import { Stage } from "./stage.js";

const $ = (id) => document.getElementById(id);
const LINKED = 2000; // tracks that a link holds at most
const NEIGHBOURS = 20;
const audio = $("audio");
const state = {
  selection: [], chosen: null, current: -1, hits: null, colour: "prediction", folder: -1, hidden: new Set(),
  near: [], out: new Set(), way: [], wayFrom: -1, within: 1, details: null, slice: -1, heat: null, playing: -1, queue: null, sound: true,
};
let tracks, stage, legend, offline;

// Talking to the server.

async function ask(path, body) {
  const token = document.querySelector('meta[name="kgenre-token"]').content;
  const options = body === undefined ? {} : {
    method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json", "X-Kgenre-Token": token } };
  let answer;
  try { answer = await fetch(path, options); } catch { throw new Error("kgenre does not answer. Is it still running in the terminal?"); }
  if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).error || `error ${answer.status}`);
  return answer;
}

const json = async (path, body) => (await ask(path, body)).json();

function say(text) {
  $("message").textContent = text;
  $("message").classList.add("shown");
  clearTimeout(say.timer);
  say.timer = setTimeout(() => $("message").classList.remove("shown"), 3500);
}

function tell(promise) { return promise.catch((error) => say(error.message)); }

// Colours and what is shown.

function visible(row) { // by legend, folder and search; the rest is grey and cannot be meant
  if (legend.of && state.hidden.has(legend.of[row])) return false;
  if (state.folder >= 0 && tracks.folder.codes[row] !== state.folder) return false;
  return !state.hits || state.hits[row] === 1;
}

function recolour() {
  legend = COLOURS[state.colour][1](tracks);
  drawLegend();
  repaint();
}

function repaint() {
  const dark = isDark(), grey = dark ? [88, 95, 103, 150] : [188, 193, 198, 140];
  const colours = new Uint8Array(4 * tracks.n), front = new Uint8Array(tracks.n);
  const chosen = state.selection.length ? state.chosen : null;
  const shades = legend.of && legend.entries.map((entry) => entry.colour);
  for (let i = 0; i < tracks.n; i++) {
    front[i] = visible(i) && (!chosen || chosen[i]) ? 1 : 0;
    const colour = !front[i] ? grey : legend.of ? shades[legend.of[i]] : legend.colour(i);
    colours[4 * i] = colour[0]; colours[4 * i + 1] = colour[1]; colours[4 * i + 2] = colour[2];
    colours[4 * i + 3] = front[i] ? 225 : grey[3];
  }
  stage.points.paint(colours, front);
}

function drawLegend() {
  const box = $("legend");
  if (!legend.of) {
    const strip = el("canvas", { width: 120, height: 1 }), c = strip.getContext("2d");
    for (let i = 0; i < 120; i++) { c.fillStyle = css(rampColour(i / 119)); c.fillRect(i, 0, 1, 1); }
    box.replaceChildren(strip, el("div", { class: "ends" }, el("span", { text: legend.low }), el("span", { text: legend.high })));
    return;
  }
  const scrolled = box.scrollTop;
  box.replaceChildren(...legend.entries.map((entry, i) => {
    const dot = el("span", { class: "dot" });
    dot.style.background = css(entry.colour);
    return el("button", { title: "Click: hide or show. Double click: only this", "aria-pressed": String(!state.hidden.has(i)), on: {
      click: (event) => toggleLegend(i, event.detail > 1 || event.altKey) } },
    dot, el("span", { class: "name", text: entry.name }), el("span", { class: "count", text: entry.count.toLocaleString() }));
  }));
  box.scrollTop = scrolled;
}

function toggleLegend(i, only) {
  if (only) {
    const alone = legend.entries.every((_, k) => state.hidden.has(k) === (k !== i));
    state.hidden = new Set(alone ? [] : legend.entries.keys());
    state.hidden.delete(i);
  } else if (!state.hidden.delete(i)) state.hidden.add(i);
  drawLegend();
  repaint();
}

function setColour(name) {
  state.colour = $("colour").value = name;
  state.hidden = new Set();
  recolour();
  link();
}

function search() {
  const begun = performance.now(), query = $("search").value;
  state.hits = tracks.search(query);
  state.searchMs = performance.now() - begun;
  $("hits").textContent = state.hits ? state.hits.reduce((sum, hit) => sum + hit, 0).toLocaleString() : "";
  repaint();
  link();
}

function isDark() {
  const forced = document.documentElement.dataset.theme;
  return forced ? forced === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function setDark(dark) {
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  keep("theme", document.documentElement.dataset.theme);
  restyle();
}

function restyle() { // what is drawn on canvases does not follow the style sheet
  repaint();
  stage.drawOverlay();
  drawPanel();
}

function keep(name, value) { try { localStorage.setItem(`kgenre ${name}`, value); } catch { /* private window */ } }
function kept(name) { try { return localStorage.getItem(`kgenre ${name}`); } catch { return null; } }

// Selecting.

function select(rows, add = false) {
  state.selection = add ? [...new Set([...state.selection, ...rows])] : rows;
  state.chosen = new Uint8Array(tracks.n);
  for (const row of state.selection) state.chosen[row] = 1;
  repaint();
  drawPanel();
  link();
}

async function focus(row, play = false) {
  state.current = row;
  state.near = state.way = [];
  state.out = new Set();
  state.details = null;
  state.slice = -1;
  stage.mark({ current: row, near: [], way: [] });
  drawPanel();
  link();
  if (row < 0 || offline) { if (row >= 0) setNear(nearOnMap(row)); return; }
  const id = tracks.ids[row];
  try {
    const details = await json(`/track/${id}`);
    if (state.current !== row) return;
    state.details = details;
    state.slice = details.deciding;
    if (play) playSlice(row, details, details.deciding);
    drawPanel();
    await fetchNear();
  } catch (error) { say(error.message); }
}

async function fetchNear() {
  const row = state.current, found = await json(`/neighbours/${tracks.ids[row]}?n=${NEIGHBOURS}&within=${state.within}`);
  if (state.current === row) setNear(found.map(([id, far]) => [tracks.rowOf.get(id), far]).filter(([other]) => other !== undefined));
}

function setNear(near) {
  state.near = near;
  stage.mark({ near: near.map(([row]) => row) });
  drawPanel();
}

function nearOnMap(row) { // of the offline page, which has no vectors
  const far = (i) => Math.hypot(tracks.x[i] - tracks.x[row], tracks.y[i] - tracks.y[row]);
  return Array.from({ length: tracks.n }, (_, i) => i).filter((i) => i !== row).sort((a, b) => far(a) - far(b))
    .slice(0, NEIGHBOURS).map((i) => [i, null]);
}

async function goTo(row) { // the way from wayFrom to here
  const from = state.wayFrom;
  state.wayFrom = -1;
  if (row < 0 || row === from) { drawPanel(); return; }
  const ids = await json(`/way/${tracks.ids[from]}/${tracks.ids[row]}?n=12`);
  const way = ids.map((id) => tracks.rowOf.get(id)).filter((step) => step !== undefined);
  select(way);
  state.near = [];
  state.way = way;
  stage.mark({ way, near: [] });
  stage.show(way);
}

function step(by) { // through the selection, or the neighbours, or the search's hits
  let rows = state.selection.length ? state.selection : state.near.map(([row]) => row);
  if (!rows.length && state.hits) rows = Array.from(state.hits.keys()).filter(visible);
  if (!rows.length) return say("Select or search tracks first; N and P go through them.");
  const at = rows.indexOf(state.current), row = rows[at < 0 ? 0 : (at + by + rows.length) % rows.length];
  focus(row, state.sound);
  stage.show([row]);
}

// Hearing.

function playSlice(row, details, slice) {
  const id = tracks.ids[row], start = details.starts[slice];
  state.playing = row;
  state.slice = slice;
  audio.volume = details.gain_db ? Math.min(1, 10 ** (details.gain_db / 20)) : 1;
  const decoded = () => { // what the browser cannot play, decoded for it
    audio.onerror = () => say("This file cannot be played.");
    audio.src = `/clip/${id}?start=${start}&seconds=30`;
    audio.play().catch(() => {});
  };
  if (!details.playable) { decoded(); return; }
  audio.onerror = decoded;
  const source = `/audio/${id}`;
  const begin = () => { audio.currentTime = start; audio.play().catch(() => {}); };
  if (audio.getAttribute("src") === source && audio.readyState > 0) begin();
  else {
    audio.onloadedmetadata = () => { audio.onloadedmetadata = null; begin(); };
    audio.preload = "auto";
    audio.src = source;
    audio.load();
  }
}

function toggle() {
  if (offline) return say("The offline page holds no sound.");
  if (!audio.paused) { state.queue = null; audio.pause(); return; }
  if (state.current >= 0 && state.details && (state.playing !== state.current || !audio.src)) playSlice(state.current, state.details, state.slice);
  else if (audio.src) audio.play().catch(() => {});
  else if (state.selection.length) audition();
  else say("Click a track to hear the slice that decided its genre.");
}

async function audition() { // the deciding slices of the selection, one after the other
  const queue = { rows: [...state.selection], seconds: Math.max(6, Math.min(20, tracks.data.clip_seconds)) };
  state.queue = queue;
  for (const row of queue.rows) {
    if (state.queue !== queue) return;
    await focus(row, true);
    if (state.current !== row) break;
    await new Promise((done) => setTimeout(done, 1000 * queue.seconds));
  }
  if (state.queue === queue) { state.queue = null; audio.pause(); }
}

// The panel.

function drawPanel() {
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

function startWay() {
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

async function save(kind) {
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
  fillGenres();
  setColour(state.colour);
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

function failuresTable(failures) {
  return el("table", {}, ...failures.slice(0, 2000).map(([path, reason]) => el("tr", {}, el("td", { text: path }), el("td", { class: "bad", text: reason }))));
}

function showFailures() {
  const all = tracks.data.failures;
  openDialog(`${all.length.toLocaleString()} files could not be used`, all.length ? failuresTable(all) : el("p", { text: "Every file could be read." }));
}

const KEYS = [
  ["/", "search as you type: titles, artists, albums, folders, genres, a year"], ["V  L  B", "move, lasso, box; Shift adds to the selection"],
  ["F  +  −  arrows", "whole map, zoom, move"], ["click", "show a track and play its deciding slice"], ["Space", "play or pause"],
  ["N  P", "next and previous of the selection, the nearest or the hits"], ["A", "select all that is shown in colour"], ["S", "save the selection as a playlist"],
  ["G", "correct the genre"], ["R", "retrain on the corrections"], ["W", "path: then click the other song"], ["H", "what decided the genre"],
  ["C", "next colouring"], ["M", "a click plays or not"], ["D", "dark or light"], ["X", "files that could not be used"], ["Esc", "close, clear"], ["?", "this"],
];

function showHelp() {
  openDialog("Keys", el("table", {}, ...KEYS.map(([keys, what]) => el("tr", {}, el("td", {}, ...keys.split("  ").flatMap((key) => [el("kbd", { text: key }), " "])), el("td", { text: what })))),
    el("p", { class: "soft", text: "On a touch screen: two fingers move and zoom. A click on the legend hides a colour, a double click shows it alone. ▼ marks the slice that decided." }));
}

// Links.

function link() {
  const parts = [];
  if (state.selection.length && state.selection.length <= LINKED) parts.push(`sel=${state.selection.map((row) => tracks.ids[row].toString(36)).join(".")}`);
  if (state.current >= 0) parts.push(`track=${tracks.ids[state.current].toString(36)}`);
  if ($("search").value) parts.push(`q=${encodeURIComponent($("search").value)}`);
  if (state.colour !== "prediction") parts.push(`colour=${state.colour}`);
  history.replaceState(null, "", parts.length ? `#${parts.join("&")}` : location.pathname + location.search);
}

function follow() {
  const given = new URLSearchParams(location.hash.slice(1)), row = (text) => tracks.rowOf.get(parseInt(text, 36));
  const colour = given.get("colour"), sel = (given.get("sel") || "").split(".").filter(Boolean).map(row).filter((r) => r !== undefined);
  $("search").value = given.get("q") || "";
  if (colour in COLOURS) state.colour = $("colour").value = colour;
  state.hits = tracks.search($("search").value);
  const current = row(given.get("track") || "");
  recolour();
  if ($("search").value) search();
  if (sel.length) select(sel);
  if (current !== undefined) focus(current); else drawPanel();
}

function copyLink() {
  if (state.selection.length > LINKED) return say(`A link holds at most ${LINKED} tracks.`);
  navigator.clipboard.writeText(location.href).then(() => say("Link copied."), () => say("The address bar has the link."));
}

// Starting.

const ACTIONS = {
  "/": () => $("search").focus(), v: () => stage.setTool("pan"), l: () => stage.setTool("lasso"), b: () => stage.setTool("box"),
  f: () => stage.points.fit(), "+": () => zoom(1.4), "=": () => zoom(1.4), "-": () => zoom(1 / 1.4), " ": toggle,
  arrowleft: () => stage.points.pan(80, 0), arrowright: () => stage.points.pan(-80, 0), arrowup: () => stage.points.pan(0, 80), arrowdown: () => stage.points.pan(0, -80),
  n: () => step(1), p: () => step(-1), a: () => select(Array.from({ length: tracks.n }, (_, i) => i).filter(visible)), s: () => tell(save(offline ? "csv" : "m3u8")),
  g: () => $("genre")?.focus(), r: () => $("retrain")?.click(), w: startWay, h: () => $("why")?.click(), m: () => $("sound").click(),
  c: () => { const all = Object.keys(COLOURS); setColour(all[(all.indexOf(state.colour) + 1) % all.length]); },
  d: () => setDark(!isDark()), x: showFailures, "?": showHelp, escape: back,
};

function zoom(factor) { stage.points.zoom(factor, stage.points.width / 2, stage.points.height / 2); }

function back() {
  if (state.wayFrom >= 0) { state.wayFrom = -1; drawPanel(); }
  else if (state.selection.length) { select([]); state.way = []; stage.mark({ way: [] }); }
  else if ($("search").value) { $("search").value = ""; search(); }
  else focus(-1);
}

function key(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || $("dialog").open) return;
  if (event.target.matches("input, select, textarea")) { if (event.key === "Escape") event.target.blur(); return; }
  if (event.target.matches("button") && [" ", "Enter"].includes(event.key)) return;
  const action = ACTIONS[event.key.toLowerCase()];
  if (!action) return;
  event.preventDefault();
  action();
}

function card(row, px, py) {
  const box = $("card");
  box.hidden = row < 0;
  if (row < 0) return;
  box.replaceChildren(heading(tracks, row), ...genreBars(tracks, row));
  const left = px + 18 + 270 > stage.points.width ? px - 288 : px + 18;
  box.style.left = `${Math.max(4, left)}px`;
  box.style.top = `${Math.max(4, Math.min(py + 14, stage.points.height - box.offsetHeight - 8))}px`;
}

function fillGenres() {
  const all = new Set([...tracks.labels, ...tracks.corrections.values()]);
  $("genres").replaceChildren(...[...all].map((name) => el("option", { value: name })));
}

function wire() {
  $("colour").append(...Object.entries(COLOURS).map(([value, [text]]) => el("option", { value, text })));
  const folders = tracks.folder.names.map((text, code) => [text, code]).sort((a, b) => (a[0] < b[0] ? -1 : 1));
  $("folder").append(el("option", { value: -1, text: "all" }), ...folders.slice(0, 5000).map(([text, value]) => el("option", { value, text: text || "." })));
  const failed = tracks.data.failures.length;
  $("failures").textContent = failed ? `⚠ ${failed.toLocaleString()} failed` : "✓ none failed";
  $("search").addEventListener("input", search);
  $("colour").addEventListener("change", () => setColour($("colour").value));
  $("folder").addEventListener("change", () => { state.folder = Number($("folder").value); repaint(); });
  for (const tool of ["pan", "lasso", "box"]) $(`tool-${tool}`).addEventListener("click", () => stage.setTool(tool));
  $("fit").addEventListener("click", () => stage.points.fit());
  $("failures").addEventListener("click", showFailures);
  $("help").addEventListener("click", showHelp);
  $("dark").addEventListener("click", () => setDark(!isDark()));
  $("sound").addEventListener("click", () => { state.sound = !state.sound; $("sound").setAttribute("aria-pressed", String(state.sound)); });
  document.addEventListener("keydown", key);
  window.addEventListener("hashchange", follow);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", restyle);
  for (const kind of ["play", "pause"]) audio.addEventListener(kind, () => { const play = $("play"); if (play) play.textContent = audio.paused ? "▶ Play" : "❚❚ Pause"; });
}

function foot() {
  const q = tracks.data.quality, parts = [`${tracks.n.toLocaleString()} tracks`, `model ${tracks.data.model}`];
  if (q && q.trustworthiness !== null) parts.push(`trustworthiness ${q.trustworthiness.toFixed(3)}`, `neighbours kept ${Math.round(100 * q.preservation)} %`);
  if (offline) parts.push("offline page: no sound, covers, playlists or retraining");
  $("foot").textContent = parts.join(" · ");
  $("foot").title = "Trustworthiness: whether tracks that are near on the map are alike. Neighbours kept: share of the 10 nearest that are still the nearest on the map.";
}

async function start() {
  const inlined = document.getElementById("data");
  tracks = new Tracks(inlined ? JSON.parse(inlined.textContent) : await json("/data"));
  offline = tracks.data.offline;
  document.title = `${tracks.data.name} · kgenre`;
  if (kept("theme")) document.documentElement.dataset.theme = kept("theme");
  const tool = (name) => { for (const one of ["pan", "lasso", "box"]) $(`tool-${one}`).setAttribute("aria-checked", String(one === name)); };
  const click = (row, add) => {
    if (state.wayFrom >= 0) return tell(goTo(row));
    state.queue = null;
    if (add && row >= 0) return select(state.chosen?.[row] ? state.selection.filter((one) => one !== row) : [...state.selection, row]);
    return tell(focus(row, state.sound));
  };
  legend = COLOURS.prediction[1](tracks);
  stage = new Stage($("stage"), tracks, { hover: card, click, select: (rows, add) => select(rows, add), tool }, visible);
  if (offline) for (const id of ["sound", "failures"]) $(id).hidden = true;
  wire();
  fillGenres();
  foot();
  follow();
  setTimeout(() => tracks.index(), 300); // so that the first letter typed is answered as quickly as the second
  window.kgenre = { state, tracks, stage }; // for those who like to look inside
  document.documentElement.dataset.ready = String(Math.round(performance.now()));
}

start().catch((error) => { document.getElementById("panel").textContent = `The page could not start: ${error.message}`; });
