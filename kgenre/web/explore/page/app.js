// The page: colours, search, links, keys, and how it begins. The map is in stage.js, the side panel in parts.js.

import { COLOURS, Tracks, css, rampColour } from "./data.js";
import { el, genreBars, heading, openDialog, redraw } from "./panel.js";
import { LINKED, drawPanel, failuresTable, save, startWay } from "./parts.js";
import { focus, pick, select, step } from "./select.js";
import { toggle } from "./sound.js";
import { Stage } from "./stage.js";
import { $, audio, begin, json, offline, say, setStage, stage, state, tell, tracks } from "./state.js";

let legend;

export function visible(row) { // by legend, folder and search; the rest is grey and cannot be meant
  if (legend.of && state.hidden.has(legend.of[row])) return false;
  if (state.folder && !state.folder.has(tracks.folder.codes[row])) return false;
  return !state.hits || state.hits[row] === 1;
}

export function recolour() {
  legend = COLOURS[state.colour][1](tracks);
  drawLegend();
  repaint();
}

export function repaint() {
  const dark = isDark(), grey = dark ? [88, 95, 103, 150] : [188, 193, 198, 140];
  const colours = new Uint8Array(4 * tracks.n), front = new Uint8Array(tracks.n);
  const chosen = state.selection.length ? state.chosen : null;
  const shades = legend.of && legend.entries.map((entry) => entry.colour);
  for (let i = 0; i < tracks.n; i++) {
    front[i] = visible(i) && (!chosen || chosen[i]) ? 1 : 0;
    const colour = !front[i] ? grey : legend.of ? shades[legend.of[i]] : legend.colour(i, dark);
    colours[4 * i] = colour[0]; colours[4 * i + 1] = colour[1]; colours[4 * i + 2] = colour[2];
    colours[4 * i + 3] = front[i] ? 225 : grey[3];
  }
  stage.points.paint(colours, front);
}

function drawLegend() {
  const box = $("legend");
  if (!legend.of) {
    const strip = el("canvas", { width: 120, height: 1 }), c = strip.getContext("2d");
    for (let i = 0; i < 120; i++) { c.fillStyle = css(rampColour(i / 119, isDark())); c.fillRect(i, 0, 1, 1); }
    box.replaceChildren(strip, el("div", { class: "ends" }, el("span", { text: legend.low }), el("span", { text: legend.high })));
    return;
  }
  redraw(box, legend.entries.map((entry, i) => {
    const dot = el("span", { class: "dot" });
    dot.style.background = css(entry.colour);
    return el("button", { title: `${entry.name}\nClick: hide or show. Double click: only this`, "aria-pressed": String(!state.hidden.has(i)), on: {
      click: (event) => toggleLegend(i, event.detail > 1) } },
    dot, el("span", { class: "name", text: state.colour === "folder" && entry.name.length > 24 ? `…${entry.name.slice(-23)}` : entry.name }), el("span", { class: "count", text: entry.count.toLocaleString() }));
  }));
}

function toggleLegend(i, only) {
  if (only) { // what the first click of the two did is taken back
    const alone = legend.entries.every((_, k) => toggleLegend.before.has(k) === (k !== i));
    state.hidden = new Set(alone ? [] : legend.entries.keys());
    state.hidden.delete(i);
  } else {
    toggleLegend.before = new Set(state.hidden);
    if (!state.hidden.delete(i)) state.hidden.add(i);
  }
  drawLegend();
  repaint();
}

function setColour(name) {
  state.colour = $("colour").value = name;
  state.hidden = new Set();
  recolour();
  link();
}

export function search() {
  const begun = performance.now(), query = $("search").value;
  state.walk = null;
  state.hits = tracks.search(query);
  state.searchMs = performance.now() - begun;
  $("hits").textContent = state.hits ? state.hits.reduce((sum, hit) => sum + hit, 0).toLocaleString() : "";
  repaint();
  link();
}

function setFolder(name) { // with what lies below it
  const within = (other) => other === name || other.startsWith(`${name}/`);
  state.folder = name && new Set([...tracks.folder.names.keys()].filter((code) => within(tracks.folder.names[code])));
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
  drawLegend();
  repaint();
  stage.drawOverlay();
  drawPanel();
}

function keep(name, value) { try { localStorage.setItem(`kgenre ${name}`, value); } catch { /* private window */ } }
function kept(name) { try { return localStorage.getItem(`kgenre ${name}`); } catch { return null; } }

function showFailures() {
  const all = tracks.data.failures;
  openDialog(`${all.length.toLocaleString()} files could not be used`, all.length ? failuresTable(all) : el("p", { text: "Every file could be read." }));
}

const KEYS = [
  ["/", "search as you type: titles, artists, albums, folders, genres, a year"], ["V  L  B", "move, lasso, box; Shift adds to the selection"],
  ["F  +  −  arrows", "whole map, zoom, move"], ["click", "show a track and play its deciding slice"], ["Space", "play or pause"],
  ["N  P", "next and previous of the selection, the hits or the nearest"], ["A", "select all that is shown in colour"], ["S", "save the selection as a playlist"],
  ["G", "correct the genre"], ["R", "retrain on the corrections"], ["W", "path: then click the other song"], ["H", "what decided the genre"],
  ["C", "next colouring"], ["M", "a click plays or not"], ["D", "dark or light"], ["X", "files that could not be used"], ["Esc", "close, clear"], ["?", "this"],
];

const ONLINE = ["Space", "G", "R", "W", "H", "M", "X"]; // keys for which a server is needed

function showHelp() {
  const keys = KEYS.filter(([names]) => !offline || !ONLINE.includes(names)).map(([names, what]) => [names, offline && names === "S" ? "save the selection as a table" : offline && names === "click" ? "show a track" : what]);
  openDialog("Keys", el("table", {}, ...keys.map(([keys, what]) => el("tr", {}, el("td", {}, ...keys.split("  ").flatMap((key) => [el("kbd", { text: key }), " "])), el("td", { text: what })))),
    el("p", { class: "soft", text: "On a touch screen: two fingers move and zoom. A click on the legend hides a colour, a double click shows it alone. ▼ marks the slice that decided." }));
}

// Links.

export function link() {
  const parts = [];
  if (state.selection.length && state.selection.length <= LINKED) parts.push(`sel=${state.selection.map((row) => tracks.ids[row].toString(36)).join(".")}`);
  if (state.current >= 0) parts.push(`track=${tracks.ids[state.current].toString(36)}`);
  if ($("search").value) parts.push(`q=${encodeURIComponent($("search").value)}`);
  if (state.colour !== "prediction") parts.push(`colour=${state.colour}`);
  history.replaceState(null, "", parts.length ? `#${parts.join("&")}` : location.pathname + location.search);
}

function follow() {
  const given = new URLSearchParams(location.hash.slice(1)), row = (text) => tracks.rowOf.get(parseInt(text, 36));
  const colour = given.get("colour") || "prediction", sel = (given.get("sel") || "").split(".").filter(Boolean).map(row).filter((r) => r !== undefined);
  $("search").value = given.get("q") || "";
  if (Object.hasOwn(COLOURS, colour)) state.colour = $("colour").value = colour;
  state.hidden = new Set();
  const current = row(given.get("track") || "");
  recolour();
  search();
  select(sel);
  focus(current ?? -1);
}

// Starting.

const ACTIONS = {
  "/": () => $("search").focus(), v: () => stage.setTool("pan"), l: () => stage.setTool("lasso"), b: () => stage.setTool("box"),
  f: () => stage.points.fit(), "+": () => zoom(1.4), "=": () => zoom(1.4), "-": () => zoom(1 / 1.4), " ": toggle,
  arrowleft: () => stage.points.pan(80, 0), arrowright: () => stage.points.pan(-80, 0), arrowup: () => stage.points.pan(0, 80), arrowdown: () => stage.points.pan(0, -80),
  n: () => step(1), p: () => step(-1), a: () => select(Array.from({ length: tracks.n }, (_, i) => i).filter(visible)), s: () => tell(save(offline ? "csv" : "m3u8")),
  g: () => ($("genre") || $("genre-all") || say("Choose a track first, or select some."))?.focus?.(),
  r: () => ($("retrain") ? $("retrain").click() : say("Correct some tracks first: Retrain learns from that.")),
  w: startWay, h: () => ($("why") ? $("why").click() : say("Click a track first.")), m: () => $("sound").click(),
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

function leave(event) { // the search stays; some browsers would empty the field and say nothing of it
  event.preventDefault();
  event.target.blur();
}

function key(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || $("dialog").open) return;
  if (event.target.matches("input[type=range], input[type=checkbox]")) { if (event.key.length > 1 || event.key === " ") return; } // letters are keys of the page
  else if (event.target.matches("input, select, textarea")) { if (event.key === "Escape") leave(event); return; }
  if (event.target.matches("button") && [" ", "Enter"].includes(event.key)) return;
  const name = event.key.toLowerCase(), action = ACTIONS[name];
  if (!action) return;
  if (offline && ONLINE.some((one) => one.toLowerCase() === (name === " " ? "space" : name))) return say("The offline page cannot do that: it has no server behind it.");
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

export function fillGenres() {
  const all = new Set([...tracks.labels, ...tracks.corrections.values()]);
  $("genres").replaceChildren(...[...all].map((name) => el("option", { value: name })));
}

function wire() {
  $("colour").append(...Object.entries(COLOURS).map(([value, [text]]) => el("option", { value, text })));
  const folders = new Set(); // and those above them
  for (const name of tracks.folder.names) for (let part = name; part; part = part.slice(0, Math.max(0, part.lastIndexOf("/")))) folders.add(part);
  $("folder").append(el("option", { value: "", text: "all" }), ...[...folders].sort().slice(0, 5000).map((text) => el("option", { value: text, text })));
  const failed = tracks.data.failures.length;
  $("failures").textContent = failed ? `⚠ ${failed.toLocaleString()} failed` : "✓ none failed";
  $("search").addEventListener("input", search);
  $("colour").addEventListener("change", () => setColour($("colour").value));
  $("folder").addEventListener("change", () => { setFolder($("folder").value); repaint(); });
  for (const tool of ["pan", "lasso", "box"]) $(`tool-${tool}`).addEventListener("click", () => stage.setTool(tool));
  $("fit").addEventListener("click", () => stage.points.fit());
  $("failures").addEventListener("click", showFailures);
  $("help").addEventListener("click", showHelp);
  $("dark").addEventListener("click", () => setDark(!isDark()));
  $("sound").addEventListener("click", () => { state.sound = !state.sound; $("sound").setAttribute("aria-pressed", String(state.sound)); });
  document.addEventListener("keydown", key);
  let pointed = false; // a list that was used with the mouse gives the keys back to the page
  document.addEventListener("pointerdown", () => { pointed = true; }, true);
  document.addEventListener("keydown", () => { pointed = false; }, true);
  document.addEventListener("change", (event) => { if (pointed && event.target.matches("select, input[type=range]")) event.target.blur(); });
  window.addEventListener("hashchange", follow);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", restyle);
  for (const kind of ["play", "pause"]) audio.addEventListener(kind, () => { const play = $("play"); if (play) play.textContent = audio.paused ? "▶ Play" : "❚❚ Pause"; });
}

function foot() {
  const q = tracks.data.quality, parts = [`${tracks.n.toLocaleString()} tracks`, `model ${tracks.data.model}`];
  if (q && q.trustworthiness !== null) parts.push(`trustworthiness ${q.trustworthiness.toFixed(3)}`, `neighbours kept ${Math.round(100 * q.preservation)} %`);
  if (offline) parts.push("offline page: no sound, covers, paths, playlists or retraining");
  $("foot").textContent = parts.join(" · ");
  $("foot").title = "Trustworthiness: whether tracks that are near on the map are alike. Neighbours kept: share of the 10 nearest that are still the nearest on the map.";
}

async function start() {
  const inlined = document.getElementById("data");
  begin(new Tracks(inlined ? JSON.parse(inlined.textContent) : await json("/data")));
  document.title = `${tracks.data.name} · kgenre`;
  if (kept("theme")) document.documentElement.dataset.theme = kept("theme");
  const tool = (name) => { for (const one of ["pan", "lasso", "box"]) $(`tool-${one}`).setAttribute("aria-checked", String(one === name)); };
  const click = (row, add) => {
    if (add && row >= 0 && state.wayFrom < 0) return select(state.chosen?.[row] ? state.selection.filter((one) => one !== row) : [...state.selection, row]);
    return pick(row);
  };
  legend = COLOURS.prediction[1](tracks);
  setStage(new Stage($("stage"), tracks, { hover: card, click, select: (rows, add) => select(rows, add), tool }, visible));
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
