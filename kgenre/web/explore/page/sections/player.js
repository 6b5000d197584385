// The bar at the foot of the page: what is played, where it is, and how to go on.

/** @import { Binding, Page, State } from "page/core/types" */
import { FILTERS } from "page/actions/colouring.js";
import { toggleDrift } from "page/actions/drift.js";
import { firstToPlay, togglePlayback } from "page/actions/listening.js";
import { attempt } from "page/actions/notices.js";
import { isPlaying, seek, setVolume, toggleMuted } from "page/actions/playback.js";
import { showPlayed, skip } from "page/actions/queue.js";
import { revealTrack } from "page/actions/tracks.js";
import { button, byId, el } from "shared/dom.js";
import { loadSetting, saveSetting } from "shared/setting.js";
import { duration } from "shared/text.js";
import { icon } from "page/ui/icons.js";
import { scrubber } from "page/ui/scrubber.js";

const KEY = "kgenre volume";

/** @param {Page} page @returns {Binding[]} */
export function playerSection(page) {
  const { store, source } = page, bar = byId("player", HTMLElement), available = Boolean(source.audio);
  bar.hidden = !available; // the line at the foot of the map says why
  const bindings = [
    { label: "Q", text: "what comes next: the queue", keys: ["q"], available, run: () => toggleQueue(page) },
    { label: "J", text: "drift: on to the nearest recording, again and again", keys: ["j"], available, run: () => drift(page) },
  ];
  if (!available) return bindings;
  store.set(loadVolume());
  bar.append(now(page), buttons(page), strip(page), sound(page), extras(page));
  return bindings;
}

/** Cover, title, artist; a click shows the track. @param {Page} page */
function now(page) {
  const { store, tracks, source } = page, cover = el("img", { alt: "", hidden: true, on: {
    load: () => { cover.hidden = false; }, error: () => { cover.hidden = true; } } });
  const title = el("div", { class: "name" }), artist = el("div", { class: "soft small" });
  const node = el("button", { id: "now", title: "Show this recording, on the map too", on: { click: () => showWhatPlays(page) } },
    cover, el("div", {}, title, artist));
  let covered = -1; // the row whose cover is shown
  store.subscribe(["playback", "wanted", "current", "selection", "queue", "path", "neighbours", "query", "tag", "sortByTag",
    "tagTables", "legend", "hidden", ...FILTERS], (state) => {
    const first = state.playback || state.wanted >= 0 ? null : firstToPlay(page);
    const row = state.wanted >= 0 ? state.wanted : state.playback?.row ?? first?.row ?? -1;
    title.textContent = row >= 0 ? tracks.title(row) : first?.text ?? "";
    artist.textContent = row >= 0 ? tracks.credits(row).slice(0, 1).join("") || tracks.text("folder", row) : "Nothing is played yet";
    node.disabled = row < 0;
    if (row === covered || (!state.playback && state.wanted < 0)) return; // a cover is asked for where a track is played
    covered = row;
    cover.hidden = true;
    if (source.coverUrl) cover.src = source.coverUrl(tracks.ids[row]);
  });
  return node;
}

/** @param {Page} page */
function showWhatPlays(page) {
  if (page.store.state.playback) return showPlayed(page);
  const { row } = firstToPlay(page);
  if (row >= 0) revealTrack(page, row);
}

/** @param {Page} page */
function buttons(page) {
  const go = (/** @type {1 | -1} */ by) => () => { attempt(page, skip(page, by)); };
  const toggle = button("", "", () => attempt(page, Promise.resolve(togglePlayback(page))), { id: "toggle", class: "main" });
  page.store.subscribe(["playback"], (state) => {
    const playing = isPlaying(state);
    toggle.replaceChildren(icon(playing ? "pause" : "play"));
    toggle.title = playing ? "Pause (Space)" : "Play (Space)";
    toggle.setAttribute("aria-label", playing ? "Pause" : "Play");
  });
  return el("div", { class: "controls transport" },
    el("button", { id: "previous", title: "Previous (P)", "aria-label": "Previous", on: { click: go(-1) } }, icon("previous")), toggle,
    el("button", { id: "next", title: "Next (N)", "aria-label": "Next", on: { click: go(1) } }, icon("next")));
}

/** @param {Page} page */
function strip(page) {
  const { store, tracks } = page, slider = scrubber(tracks.sliceSeconds, (seconds) => seek(page, seconds));
  const elapsed = el("span", { id: "elapsed" }), total = el("span", { id: "total" });
  let details = store.state.playback?.details;
  store.subscribe(["playback"], ({ playback, clock }) => {
    if (playback && playback.details === details) return;
    details = playback?.details;
    slider.show(playback && { details: playback.details, end: clock.end });
  });
  store.subscribe(["clock", "playback"], ({ clock, playback }) => {
    slider.move(clock.seconds);
    elapsed.textContent = playback ? duration(Math.floor(clock.seconds)) : "–:––";
    total.textContent = playback ? duration(clock.end) : "–:––";
  });
  store.subscribe(["dark"], () => slider.draw());
  return el("div", { class: "place" }, elapsed, slider.node, total);
}

/** @param {Page} page */
function sound(page) {
  const { store } = page;
  const mute = button("", "", () => toggleMuted(page), { id: "mute" });
  const range = el("input", { id: "volume", type: "range", min: 0, max: 1, step: 0.05, "aria-label": "Volume", title: "Volume",
    on: { input: () => setVolume(page, Number(range.value)) } });
  store.subscribe(["volume", "muted"], ({ volume, muted }) => {
    const silent = muted || volume === 0;
    mute.replaceChildren(icon(silent ? "mute" : "sound"));
    mute.title = silent ? "Sound on" : "Mute";
    mute.setAttribute("aria-label", "Mute");
    mute.setAttribute("aria-pressed", String(silent));
    range.value = String(muted ? 0 : volume);
    saveSetting(KEY, JSON.stringify({ volume, muted }));
  });
  return el("div", { class: "volume" }, mute, range);
}

/** @param {Page} page */
function extras(page) {
  const { store } = page;
  const queue = button("Queue", "What comes next (Q)", () => toggleQueue(page), { id: "queue-button", "aria-controls": "queue" });
  const toggle = button("Drift", "On to the nearest recording, again and again (J)", () => drift(page), { id: "drift" });
  store.subscribe(["queueShown"], ({ queueShown }) => queue.setAttribute("aria-expanded", String(queueShown)));
  store.subscribe(["queue"], ({ queue: given }) => { queue.textContent = place(given); });
  store.subscribe(["drift"], (state) => toggle.setAttribute("aria-pressed", String(state.drift !== null)));
  return el("div", { class: "controls extras" }, queue, toggle);
}

/** @param {State["queue"]} queue */
function place(queue) { return queue && queue.at >= 0 ? `Queue ${queue.at + 1}/${queue.rows.length}` : "Queue"; }

/** @param {Page} page */
function toggleQueue({ store }) { store.set({ queueShown: !store.state.queueShown }); }

/** @param {Page} page */
function drift(page) { attempt(page, Promise.resolve(toggleDrift(page))); }

/** What was chosen last. @returns {Partial<State>} */
function loadVolume() {
  try {
    const { volume, muted } = JSON.parse(loadSetting(KEY) ?? "{}");
    return volume >= 0 && volume <= 1 ? { volume, muted: Boolean(muted) } : {};
  } catch { return {}; }
}
