// The songs on their way: some at once, the others wait; a busy server is asked again.

/** @import { Song } from "page/types" */
import { Busy, Refused, classify } from "page/api.js";

const AT_ONCE = 2;
const MOST_TRIES = 12; // at a server that is not ready: a minute for a model to load, longer where its backend is away

export class Queue {
  /** @type {Song[]} */ #waiting = [];
  #running = 0;
  #away = false; // a song was given up; the next ones are tried once until there is another answer
  #changed;

  /** @param {(song: Song) => void} changed is called after every change of a song */
  constructor(changed) { this.#changed = changed; }

  /** @param {Song} song */
  add(song) {
    this.#waiting.push(song);
    this.#next();
  }

  #next() {
    while (this.#running < AT_ONCE && this.#waiting.length) {
      const song = /** @type {Song} */ (this.#waiting.shift());
      if (song.stop.signal.aborted) continue;
      this.#running += 1;
      this.#run(song).finally(() => {
        this.#running -= 1;
        this.#next();
      });
    }
  }

  /** @param {Song} song */
  async #run(song) {
    let tries = 0;
    while (!song.stop.signal.aborted) {
      try {
        const answer = await classify(song.file, (stage, share) => this.#progress(song, stage, share), song.stop.signal);
        this.#away = false;
        return this.#set(song, { stage: "done", answer, reason: "" });
      } catch (error) {
        if (!(error instanceof Busy)) return this.#fail(song, /** @type {Error} */ (error));
        tries = error.isQueue ? 0 : tries + 1;
        this.#away &&= !error.isQueue;
        if (tries >= (this.#away ? 1 : MOST_TRIES)) {
          this.#away = true;
          return this.#fail(song, error);
        }
        this.#set(song, { stage: "waiting", share: 0, reason: error.message });
        await pause(error.seconds, song.stop.signal);
      }
    }
  }

  /** @param {Song} song @param {"uploading" | "analysing"} stage @param {number} share */
  #progress(song, stage, share) {
    const isAnswering = stage === "analysing" && share > 0; // until then it may have to wait again for the same reason
    this.#set(song, { stage, share, ...(isAnswering ? { reason: "" } : {}) });
  }

  /** @param {Song} song @param {Error} error */
  #fail(song, error) {
    this.#set(song, { stage: "failed", reason: error.message, canRetry: !(error instanceof Refused) });
  }

  /** A removed song changes no more. @param {Song} song @param {Partial<Song>} changes */
  #set(song, changes) {
    if (song.stop.signal.aborted) return;
    Object.assign(song, changes);
    this.#changed(song);
  }
}

/** @param {number} seconds @param {AbortSignal} signal ends it at once */
function pause(seconds, signal) {
  return new Promise((resolve) => {
    setTimeout(resolve, 1000 * seconds);
    signal.addEventListener("abort", resolve);
  });
}
