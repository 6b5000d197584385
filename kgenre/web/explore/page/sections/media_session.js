// What the system shows of the sound, and its keys for it: the buttons of a keyboard, of headphones, of a locked screen.

/** @import { Binding, Page } from "page/core/types" */
import { attempt } from "page/actions/notices.js";
import { isPlaying, seek, setPaused } from "page/actions/playback.js";
import { skip } from "page/actions/queue.js";

/** @param {Page} page @returns {Binding[]} */
export function mediaSessionSection(page) {
  const { mediaSession } = navigator;
  if (!page.source.audio || !mediaSession) return [];
  /** @type {[MediaSessionAction, MediaSessionActionHandler][]} */
  const handlers = [
    ["play", () => setPaused(page, false)], ["pause", () => setPaused(page, true)],
    ["previoustrack", () => { attempt(page, skip(page, -1)); }], ["nexttrack", () => { attempt(page, skip(page, 1)); }],
    ["seekto", ({ seekTime }) => seek(page, seekTime ?? 0)],
  ];
  for (const [action, handler] of handlers) mediaSession.setActionHandler(action, handler);
  let row = -1; // whose metadata is shown
  page.store.subscribe(["playback"], (state) => {
    const { playback, clock } = state;
    if (!playback) return;
    if (playback.row !== row) mediaSession.metadata = metadata(page, row = playback.row);
    mediaSession.playbackState = isPlaying(state) ? "playing" : "paused";
    mediaSession.setPositionState({ duration: clock.end, position: Math.min(clock.seconds, clock.end), playbackRate: 1 });
  });
  return [];
}

/** @param {Page} page @param {number} row */
function metadata({ tracks, source }, row) {
  const artwork = source.coverUrl ? [{ src: source.coverUrl(tracks.ids[row]) }] : [];
  return new MediaMetadata({ title: tracks.title(row), artist: tracks.text("artist", row), album: tracks.text("album", row), artwork });
}
