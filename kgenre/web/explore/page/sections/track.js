// The current track: what it is, its genres slice by slice, why, and the correction of its genre.

/** @import { Binding, Page, State, TrackDetails } from "page/core/types" */
import { correct } from "page/actions/corrections.js";
import { explainGenre } from "page/actions/heat_map.js";
import { toggleCurrent } from "page/actions/listening.js";
import { colourByTag } from "page/actions/model_tags.js";
import { attempt } from "page/actions/notices.js";
import { startPath } from "page/actions/path.js";
import { isPlaying, playSlice } from "page/actions/playback.js";
import { chooseSlice } from "page/actions/tracks.js";
import { count, duration } from "shared/text.js";
import { correctionForm } from "page/ui/correction_form.js";
import { button, byId, el, redraw } from "shared/dom.js";
import { heatMap } from "page/ui/heat_map.js";
import { trackTimeline } from "page/ui/track_timeline.js";
import { genreBars, tagChips, trackHeading } from "page/ui/track_parts.js";

/** @type {(keyof State)[]} */
const SHOWN = ["current", "details", "slice", "corrections", "playback", "pathFrom", "heatMap", "heatMapPending", "genres", "dark",
  "tag", "tagTables"];

/** @param {Page} page @returns {Binding[]} */
export function trackSection(page) {
  const { source } = page, section = byId("track", HTMLElement);
  let heading = { id: -1, node: el("div") }; // kept, so that the cover is loaded once
  page.store.subscribe(SHOWN, (state) => {
    section.hidden = state.current < 0;
    if (state.current < 0) return redraw(section, []);
    const id = page.tracks.ids[state.current];
    if (heading.id !== id) heading = { id, node: trackHeading(page, state.current) };
    redraw(section, [heading.node, ...content(page, state)]);
  });
  return [
    { label: "W", text: "path: then choose the other recording", keys: ["w"], available: Boolean(source.path),
      run: () => startPath(page) },
    { label: "H", text: "why this genre: what in the slice decided", keys: ["h"], available: Boolean(source.heatMap),
      run: () => explain(page) },
  ];
}

/** @param {Page} page @param {State} state */
function content(page, state) {
  const { source, tracks } = page, { current: row, details, corrections } = state;
  const paths = details ? [details.path, ...details.copies.map(([path]) => path)] : tracks.files(row).map((file) => tracks.path(file));
  const form = source.corrections ? correctionForm({ id: "genre", of: `track ${row}`, rows: [row], corrections,
    correct: (rows, genre) => { attempt(page, correct(page, rows, genre)); } }) : null;
  const chips = tagChips(page, row, (tag) => { attempt(page, colourByTag(page, tag)); });
  return [...genreBars(page, row), chips, files(paths, duration(tracks.seconds[row])),
    ...(details ? analysis(page, state, details) : []), form];
}

/** The one file, or all files of the recording. @param {string[]} paths @param {string} length */
function files(paths, length) {
  if (paths.length === 1) return el("div", { class: "soft small", text: `${paths[0]} · ${length}` });
  return el("div", { class: "soft small", id: "files", title: "Copies of the same audio: playlists name the first one" },
    el("div", { text: `${count(paths.length, "file")} · ${length}` }), ...paths.map((text) => el("div", { text })));
}

/** @param {Page} page @param {State} state @param {TrackDetails} details */
function analysis(page, { current: row, slice, heatMap: heat, heatMapPending }, details) {
  const { tracks } = page, isThis = heat && heat.row === row && heat.slice === slice;
  const line = trackTimeline(tracks, row, details, slice,
    { choose: (chosen) => chooseSlice(page, chosen), play: (chosen) => playSlice(page, row, details, chosen) });
  return [line, el("div", { class: "row" }, ...buttons(page, heatMapPending?.row === row && heatMapPending.slice === slice)),
    isThis ? heatMap(heat.answer) : null];
}

/** @param {Page} page @param {boolean} pending whether the model is asked about this slice */
function buttons(page, pending) {
  const { source, store } = page, { current, playback, pathFrom, heatMapPending } = store.state;
  const sounds = isPlaying(store.state) && playback?.row === current;
  const play = source.audio && button(sounds ? "❚❚ Pause" : "▶ Play", "Play or pause this recording",
    () => attempt(page, Promise.resolve(toggleCurrent(page))), { class: "main", id: "play" });
  const path = source.path && button(pathFrom >= 0 ? "Now choose the other recording…" : "Path to…",
    "Recordings that lead from this one to the next one that you choose (W)", () => startPath(page), { id: "path" });
  const why = source.heatMap && button(pending ? "Analysing…" : "Why this genre?",
    "Silence parts of the slice and see how much probability the genre loses (H)", () => explain(page),
    { id: "why", disabled: Boolean(heatMapPending) });
  return [play, path, why];
}

/** @param {Page} page */
function explain(page) { attempt(page, Promise.resolve(explainGenre(page))); }
