// What is played, as the state has it, and whether a click plays.

/** @import { Binding, Page, Playing, State } from "page/core/types" */
import { atEnd, cannotPlay, forgetMisses, togglePlayback } from "page/actions/listening.js";
import { attempt } from "page/actions/notices.js";
import { isPlaying, isQueued, setPaused } from "page/actions/playback.js";
import { prepareNext } from "page/actions/queue.js";
import { FADE_SECONDS, Sound } from "page/sound/sound.js";
import { byId } from "shared/dom.js";
import { timelineEnd } from "shared/timeline.js";

const TICK_MS = 100;
const PREPARE_SECONDS = 10; // before a track is due in which it is loaded
const PART_SECONDS = 30; // of a track in a queue, from where it was begun

/** @param {Page} page @returns {{ sound: Sound | null, bindings: Binding[] }} */
export function soundSection(page) {
  const { store, source } = page, clickPlays = byId("sound", HTMLButtonElement);
  const toggleClickPlays = () => store.set({ clickPlays: !store.state.clickPlays });
  clickPlays.hidden = !source.audio;
  clickPlays.addEventListener("click", toggleClickPlays);
  store.subscribe(["clickPlays"], (state) => clickPlays.setAttribute("aria-pressed", String(state.clickPlays)));
  const available = Boolean(source.audio);
  return { sound: source.audio ? follow(page, source.audio) : null, bindings: [
    { label: "Space", text: "play or pause", keys: [" "], available,
      run: () => { attempt(page, Promise.resolve(togglePlayback(page))); } },
    { label: "M", text: "whether a click plays", keys: ["m"], available, run: toggleClickPlays },
  ] };
}

/** Does what the state says. @param {Page} page @param {NonNullable<Page["source"]["audio"]>} files */
function follow(page, files) {
  const { store } = page;
  const sound = new Sound(files, {
    started: () => forgetMisses(page), ended: () => atEnd(page), refused: () => setPaused(page, true),
    failed: (error) => cannotPlay(page, error, isQueued(store.state, store.state.playback?.row ?? -1)),
  });
  let serial = 0; // of what was loaded
  store.subscribe(["playback"], ({ playback }) => {
    if (!playback) return;
    if (playback.serial !== serial || (!sound.isLoaded && !playback.paused)) sound.load(trackOf(page, playback), playback.paused);
    else if (playback.paused) sound.pause();
    else sound.play();
    serial = playback.serial;
  });
  store.subscribe(["upcoming"], ({ upcoming }) => sound.prepare(upcoming && trackOf(page, upcoming)));
  store.subscribe(["volume", "muted"], ({ volume, muted }) => sound.setVolume(muted ? 0 : volume));
  watch(page, sound);
  return sound;
}

/** Tells the time, loads the next track before it is due, and goes on to it. @param {Page} page @param {Sound} sound */
function watch(page, sound) {
  const { store } = page;
  let timer = 0, prepared = 0, ended = 0; // serials of the playback for which it was done
  let preparing = false;
  const tick = () => {
    const { playback, clock, upcoming, wanted } = store.state, { seconds } = sound;
    if (!playback || wanted >= 0) return;
    if (seconds !== clock.seconds) store.set({ clock: { ...clock, seconds } });
    const left = secondsLeft(store.state, seconds), isDue = left <= (upcoming ? FADE_SECONDS : 0);
    if (left < PREPARE_SECONDS && prepared !== playback.serial && !upcoming && !preparing) {
      prepared = playback.serial;
      preparing = true;
      prepareNext(page).catch(() => {}).finally(() => { preparing = false; }); // why it failed is told when it is due
    }
    if (isDue && ended !== playback.serial && (upcoming || seconds < clock.end)) { // the end of the file tells of itself
      ended = playback.serial;
      atEnd(page);
    }
  };
  store.subscribe(["playback"], (state) => {
    clearInterval(timer);
    if (isPlaying(state)) timer = setInterval(tick, TICK_MS);
  });
  store.subscribe(["queue", "drift", "wholeTracks"], () => { prepared = 0; });
}

/** @param {State} state @param {number} seconds */
function secondsLeft(state, seconds) {
  const { playback, clock, wholeTracks } = state;
  if (!playback || wholeTracks || !isQueued(state, playback.row)) return clock.end - seconds;
  return Math.min(clock.end, playback.seconds + PART_SECONDS) - seconds;
}

/** @param {Page} page @param {Playing} playing */
function trackOf({ tracks }, { row, details, seconds }) {
  return { id: tracks.ids[row], seconds, playable: details.playable,
    length: timelineEnd(details.slice_starts, tracks.sliceSeconds, tracks.seconds[row]),
    level: details.gain_db ? Math.min(1, 10 ** (details.gain_db / 20)) : 1 };
}
