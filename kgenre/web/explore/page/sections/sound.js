// The browser's own player, and whether a click plays.

/** @import { Binding, Page, State } from "page/core/types" */
import { togglePlayback } from "page/actions/listening.js";
import { attempt, say } from "page/actions/notices.js";
import { byId, isTyping } from "shared/dom.js";
import { playClip, playFrom, startPlaying } from "shared/player.js";

/** @param {Page} page @returns {Binding[]} */
export function soundSection(page) {
  const { store, source } = page, available = Boolean(source.audio);
  const audio = byId("audio", HTMLAudioElement), clickPlays = byId("sound", HTMLButtonElement);
  const toggleClickPlays = () => store.set({ clickPlays: !store.state.clickPlays });
  clickPlays.hidden = !available;
  clickPlays.addEventListener("click", toggleClickPlays);
  store.subscribe(["clickPlays"], (state) => clickPlays.setAttribute("aria-pressed", String(state.clickPlays)));
  for (const kind of ["play", "pause"]) audio.addEventListener(kind, () => store.set({ sounding: !audio.paused }));
  let serial = 0; // of what was loaded
  store.subscribe(["playback"], ({ playback }) => {
    if (!playback) return;
    if (playback.serial !== serial) load(page, audio, playback);
    else if (playback.paused) audio.pause();
    else startPlaying(audio);
    serial = playback.serial;
  });
  return [
    { label: "Space", text: "play or pause", keys: [" "], available,
      run: () => { attempt(page, Promise.resolve(togglePlayback(page, isTyping))); } },
    { label: "M", text: "whether a click plays", keys: ["m"], available, run: toggleClickPlays },
  ];
}

/** Plays from the start of a slice. @param {Page} page @param {HTMLAudioElement} audio @param {NonNullable<State["playback"]>} playback */
function load(page, audio, { row, slice, details }) {
  const urls = page.source.audio, id = page.tracks.ids[row], seconds = details.slice_starts[slice];
  if (!urls) return;
  audio.volume = details.gain_db ? Math.min(1, 10 ** (details.gain_db / 20)) : 1;
  const playExcerpt = () => { // what the browser cannot play is decoded for it; the excerpt begins with the slice
    playClip(audio, urls.excerptUrl(id, seconds), () => say(page, "This file cannot be played."));
  };
  if (!details.playable) return playExcerpt();
  playFrom(audio, urls.fileUrl(id), seconds, playExcerpt);
}
