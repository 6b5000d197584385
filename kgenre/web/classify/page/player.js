// Plays the chosen files themselves, which need not come back from the server.

/** @import { Answer, Playing, Song } from "page/types" */
import { sliceAt } from "page/slices.js";
import { byId } from "shared/dom.js";
import { playFrom, startPlaying } from "shared/player.js";

export class Player {
  #audio = byId("audio", HTMLAudioElement);
  #sliceSeconds;
  #show;
  #failed;
  #url = "";
  #asked = 0; // the slice that was played from
  /** @type {Song | null} */ #song = null;

  /**
   * @param {number} sliceSeconds
   * @param {(song: Song, playing: Playing) => void} show what is heard
   * @param {(song: Song) => void} failed the browser cannot play the file
   */
  constructor(sliceSeconds, show, failed) {
    this.#sliceSeconds = sliceSeconds;
    this.#show = show;
    this.#failed = failed;
    for (const kind of ["play", "pause", "timeupdate"]) this.#audio.addEventListener(kind, () => this.#tell());
  }

  play = (/** @type {Song} */ song, /** @type {number} */ slice) => {
    const { start } = /** @type {Answer} */ (song.answer).by_slice[slice];
    if (song !== this.#song) {
      this.forget();
      this.#song = song;
      this.#url = URL.createObjectURL(song.file);
    }
    this.#asked = slice;
    playFrom(this.#audio, this.#url, start, () => this.#failed(song));
  };

  /** Pauses; goes on where it paused, unless another slice was chosen meanwhile. */
  toggle = (/** @type {Song} */ song, /** @type {number} */ slice) => {
    const { paused, ended } = this.#audio, isThis = song === this.#song;
    if (isThis && !paused) this.#audio.pause();
    else if (isThis && !ended && this.#audio.readyState > 0 && slice === this.#slice(song)) startPlaying(this.#audio);
    else this.play(song, slice);
  };

  /** Stops, and lets the file go. @param {Song | null} song or whichever it is */
  forget(song = this.#song) {
    if (!song || song !== this.#song) return;
    this.#audio.pause();
    this.#show(song, { slice: this.#slice(song), seconds: null, sounding: false });
    this.#song = null;
    URL.revokeObjectURL(this.#url);
  }

  /** @param {Song} song */
  #slice(song) { return sliceAt(/** @type {Answer} */ (song.answer), this.#sliceSeconds, this.#audio.currentTime, this.#asked); }

  #tell() {
    const song = this.#song, { currentTime, paused, readyState } = this.#audio;
    if (song && readyState > 0) this.#show(song, { slice: this.#slice(song), seconds: currentTime, sounding: !paused });
  }
}
