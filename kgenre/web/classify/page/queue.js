// The songs on their way: some at once, the others wait; a busy server is asked again.

/** @import { Song } from "page/types" */
import { Busy, classify } from "page/api.js";

const AT_ONCE = 2;

export class Queue {
  /** @type {Song[]} */ #waiting = [];
  #running = 0;
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
    while (!song.stop.signal.aborted) {
      try {
        const answer = await classify(song.file, (stage, share) => this.#set(song, { stage, share }), song.stop.signal);
        return this.#set(song, { stage: "done", answer });
      } catch (error) {
        if (!(error instanceof Busy)) return this.#set(song, { stage: "failed", error: /** @type {Error} */ (error).message });
        this.#set(song, { stage: "waiting", share: 0 });
        await new Promise((resolve) => { setTimeout(resolve, 1000 * error.seconds); });
      }
    }
  }

  /** @param {Song} song @param {Partial<Song>} changes */
  #set(song, changes) {
    Object.assign(song, changes);
    this.#changed(song);
  }
}
