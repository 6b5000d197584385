// A track that the browser cannot play: parts of it are decoded on the server and scheduled one after the other, to the sample.

/** @import { Voice, VoiceEvents } from "page/sound/voices" */
import { PART_SECONDS } from "page/core/parts.js";

const AHEAD = 10; // seconds before a part is due in which it is asked for
const LEAD = 0.03; // seconds between scheduling and sound
const ROUNDING = 0.05; // seconds: what is left of a track is not worth a part

/** @typedef {{ start: number, buffer: AudioBuffer }} Part */

/** @implements {Voice} */
export class PartVoice {
  #from;
  #run = 0; // a new number where what was scheduled is void
  #playing = false;
  #begun = { time: 0, seconds: 0 }; // of the sound, on the context's clock
  #until = 0; // second to which parts are scheduled: where the next one comes late, nothing sounds from there on
  /** @type {Part[]} */ #parts = [];
  /** @type {{ start: number, answer: Promise<Part> } | null} */ #asked = null;
  /** @type {AudioBufferSourceNode[]} */ #sources = [];

  /**
   * @param {AudioContext} context
   * @param {(seconds: number) => Promise<ArrayBuffer>} fetchPart
   * @param {number} length of the track in seconds
   * @param {number} seconds where to begin
   * @param {VoiceEvents} on
   */
  constructor(context, fetchPart, length, seconds, on) {
    this.context = context;
    this.fetchPart = fetchPart;
    this.length = length;
    this.on = on;
    this.#from = seconds;
    this.output = context.createGain();
    this.#part(seconds, 0).catch(() => {}); // play() asks again, and tells
  }

  get seconds() {
    const { time, seconds } = this.#begun;
    return this.#playing ? Math.max(this.#from, Math.min(this.#until, seconds + this.context.currentTime - time)) : this.#from;
  }

  play() {
    if (this.#playing) return;
    this.#playing = true;
    if (this.#from > this.length - ROUNDING) this.#from = 0; // once more
    this.#begun = { time: Infinity, seconds: this.#until = this.#from }; // nothing sounds yet
    const run = ++this.#run;
    this.#schedule(run).catch((error) => { if (run === this.#run) this.on.failed(error); });
  }

  pause() {
    this.#from = this.seconds;
    this.#playing = false;
    this.#run++;
    for (const source of this.#sources.splice(0)) { source.onended = null; source.stop(); source.disconnect(); }
  }

  /** @param {number} seconds */
  seek(seconds) {
    const playing = this.#playing;
    this.pause();
    this.#from = seconds;
    if (playing) this.play();
  }

  close() {
    this.pause();
    this.output.disconnect();
    this.#parts = [];
  }

  /** @param {number} run */
  async #schedule(run) {
    let at = this.#from, when = 0;
    for (let first = true; ; first = false) {
      const part = await this.#part(at, first ? 0 : 1);
      if (run !== this.#run) return;
      const soon = this.context.currentTime + LEAD;
      if (first || when < soon) this.#begun = { time: when = soon, seconds: at }; // late: there was no sound meanwhile
      const isLast = this.#sound(part, at, when);
      this.#until = part.start + part.buffer.duration;
      if (first) this.on.started();
      if (isLast) return;
      when += this.#until - at;
      at = this.#until;
      await new Promise((resolve) => setTimeout(resolve, 1000 * (when - this.context.currentTime - AHEAD)));
      if (run !== this.#run) return;
    }
  }

  /** Schedules a part. @param {Part} part @param {number} at second of the track that it is heard from on @param {number} when on the context's clock @returns whether it is the last one */
  #sound({ start, buffer }, at, when) {
    const source = this.context.createBufferSource(), end = start + buffer.duration;
    const isLast = buffer.duration < PART_SECONDS - ROUNDING || end > this.length - ROUNDING;
    source.buffer = buffer;
    source.connect(this.output);
    source.start(when, at - start);
    source.onended = () => {
      this.#sources = this.#sources.filter((one) => one !== source);
      if (isLast) this.#end();
    };
    this.#sources.push(source);
    return isLast;
  }

  #end() {
    this.pause();
    this.#from = this.length;
    this.on.ended();
  }

  /** The part in which a second lies, if it is at hand, or one that begins there. @param {number} seconds @param {number} kept parts beside it that are still of use @returns {Promise<Part>} */
  async #part(seconds, kept) {
    const known = this.#parts.find(({ start, buffer }) => seconds >= start && seconds < start + buffer.duration - ROUNDING);
    if (known) return known;
    const asked = this.#asked = this.#asked?.start === seconds ? this.#asked : { start: seconds, answer: this.#decoded(seconds) };
    try {
      const part = await asked.answer;
      this.#parts = [...kept ? this.#parts.slice(-kept) : [], part];
      return part;
    } finally {
      if (this.#asked === asked) this.#asked = null;
    }
  }

  /** @param {number} start @returns {Promise<Part>} */
  async #decoded(start) {
    return { start, buffer: await this.context.decodeAudioData(await this.fetchPart(start)) };
  }
}
