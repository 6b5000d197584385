// A track that the browser itself can play.

/** @import { Voice, VoiceEvents } from "page/sound/voices" */

/** @implements {Voice} */
export class FileVoice {
  #audio = new Audio();
  #from;
  #playing = false;
  #isReady = false; // for readyState tells of the metadata before the place is set
  #closing = new AbortController();

  /** @param {AudioContext} context @param {string} url @param {number} seconds where to begin @param {VoiceEvents} on */
  constructor(context, url, seconds, on) {
    const audio = this.#audio, { signal } = this.#closing;
    this.#from = seconds;
    this.on = on;
    this.output = context.createMediaElementSource(audio);
    audio.addEventListener("loadedmetadata", () => {
      this.#isReady = true;
      audio.currentTime = this.#from;
      if (this.#playing) this.play();
    }, { signal });
    audio.addEventListener("playing", on.started, { signal });
    audio.addEventListener("ended", on.ended, { signal });
    audio.addEventListener("error", () => on.failed(new Error("This file cannot be played.")), { signal });
    audio.preload = "auto";
    audio.src = url;
  }

  get seconds() { return this.#isReady ? this.#audio.currentTime : this.#from; }

  play() {
    this.#playing = true;
    if (!this.#isReady) return;
    this.#audio.play().catch((error) => { if (error.name === "NotAllowedError") this.on.refused(); }); // else it was paused meanwhile
  }

  pause() {
    this.#playing = false;
    this.#audio.pause();
  }

  /** @param {number} seconds */
  seek(seconds) {
    this.#from = seconds;
    if (this.#isReady) this.#audio.currentTime = seconds;
  }

  close() {
    this.#closing.abort();
    this.pause();
    this.output.disconnect();
    this.#audio.removeAttribute("src");
    this.#audio.load();
  }
}
