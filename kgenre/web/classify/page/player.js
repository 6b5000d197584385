// Plays the chosen files themselves, which need not come back from the server.

/** @import { Answer, Song } from "page/types" */
import { sliceAt } from "page/slices.js";
import { byId } from "shared/dom.js";
import { playFrom } from "shared/player.js";

export class Player {
  #audio = byId("audio", HTMLAudioElement);
  #show;
  #failed;
  #url = "";
  /** @type {Song | null} */ #song = null;

  /**
   * @param {(song: Song, slice: number, sounding: boolean) => void} show the slice that is playing
   * @param {() => void} failed the browser cannot play the file
   */
  constructor(show, failed) {
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
    playFrom(this.#audio, this.#url, start, this.#failed);
  };

  pause = () => { this.#audio.pause(); };

  isSounding = (/** @type {Song} */ song) => song === this.#song && !this.#audio.paused;

  /** Stops, and lets the file go. */
  forget() {
    this.#audio.pause();
    this.#tell();
    this.#song = null;
    if (this.#url) URL.revokeObjectURL(this.#url);
    this.#url = "";
  }

  #tell() {
    const song = this.#song;
    if (song?.answer) this.#show(song, sliceAt(song.answer, this.#audio.currentTime), !this.#audio.paused);
  }
}
