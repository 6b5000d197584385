// Hearing: the slice that decided, in the browser's own player.

import { drawPanel } from "./parts.js";
import { focus } from "./select.js";
import { audio, offline, say, state, tracks } from "./state.js";

export function playSlice(row, details, slice) {
  const id = tracks.ids[row], start = details.starts[slice];
  state.playing = row;
  state.slice = slice;
  audio.volume = details.gain_db ? Math.min(1, 10 ** (details.gain_db / 20)) : 1;
  const decoded = () => { // what the browser cannot play, decoded for it; the clip begins where it shall
    audio.onloadedmetadata = null;
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

export function toggle() {
  if (offline) return say("The offline page holds no sound.");
  if (!audio.paused) { audio.pause(); if (state.queue) { state.queue = null; drawPanel(); } return; }
  if (state.current >= 0 && state.details && (state.playing !== state.current || !audio.src)) playSlice(state.current, state.details, state.slice);
  else if (audio.src) audio.play().catch(() => {});
  else if (state.selection.length) audition();
  else say("Click a track to hear the slice that decided its genre.");
}

export async function audition() { // the deciding slices of the selection, one after the other
  const queue = { rows: [...state.selection], seconds: Math.max(6, Math.min(20, tracks.data.clip_seconds)) };
  state.queue = queue;
  for (const row of queue.rows) {
    if (state.queue !== queue) return;
    await focus(row, true);
    if (state.current !== row) break;
    do await new Promise((done) => setTimeout(done, 1000 * queue.seconds));
    while (state.queue === queue && document.activeElement?.id === "genre"); // a genre is being typed for this one
  }
  if (state.queue === queue) { state.queue = null; audio.pause(); drawPanel(); }
}
