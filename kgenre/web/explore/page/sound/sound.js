// What is heard: a track, or two while one follows the other. Everything goes through one AudioContext.

/** @import { Track, Voice } from "page/sound/voices" */
import { NoAnswer } from "page/core/no_answer.js";
import { PART_RATE } from "page/core/parts.js";
import { FileVoice } from "page/sound/file_voice.js";
import { PartVoice } from "page/sound/part_voice.js";

export const FADE_SECONDS = 0.4; // from one track to the next
const CURVE = Array.from({ length: 33 }, (_, i) => Math.sin((i / 32) * (Math.PI / 2))); // equal power with its reverse

/**
 * @typedef {object} SoundEvents
 * @property {() => void} started
 * @property {() => void} ended
 * @property {(error: Error) => void} failed
 * @property {() => void} refused the browser plays nothing before a click or key
 *
 * @typedef {{ fileUrl: (id: number) => string, excerpt: (id: number, start: number) => Promise<ArrayBuffer> }} Files
 * @typedef {{ track: Track, voice: Voice, level: GainNode, rise: GainNode, fall: GainNode, sounded: boolean }} Deck
 */

export class Sound {
  /** @type {AudioContext | null} none before something is played */ #context = null;
  /** @type {GainNode | null} */ #master = null;
  /** @type {Deck | null} */ #deck = null;
  /** @type {Deck | null} loaded, and silent */ #ready = null;
  /** @type {Deck | null} sounds until the new one does */ #old = null;
  #paused = true;
  #volume = 1;
  /** @type {Set<number>} files that the browser could not play */ #unplayable = new Set();

  /** @param {Files} files @param {SoundEvents} on */
  constructor(files, on) {
    this.files = files;
    this.on = on;
  }

  /** Where the track is. */
  get seconds() { return this.#deck?.voice.seconds ?? 0; }

  get isLoaded() { return this.#deck !== null; }

  /** How it is played: for tests and for those who look inside. */
  get inside() {
    const { context, master } = this.#graph();
    return { context, master, deck: this.#deck, ready: this.#ready, old: this.#old };
  }

  /** Loads a track that will come next. @param {Track | null} track null: none will */
  prepare(track) {
    if (this.#ready) this.#close(this.#ready);
    this.#ready = track && this.#deckOf(track);
  }

  /** Plays a track from track.seconds on; what sounds fades out when it begins. @param {Track} track @param {boolean} paused */
  load(track, paused) {
    const before = this.#deck, wasPaused = this.#paused;
    if (before?.track.id === track.id) {
      before.voice.seek(track.seconds);
      return paused ? this.pause() : this.play();
    }
    const ready = this.#ready, isReady = ready?.track.id === track.id && ready.track.seconds === track.seconds;
    this.#deck = isReady ? ready : this.#deckOf(track);
    if (isReady) this.#ready = null;
    if (before) this.#replace(before, wasPaused);
    if (paused) this.pause(); else this.play();
  }

  /** @param {Deck} deck @param {boolean} wasPaused */
  #replace(deck, wasPaused) {
    if (wasPaused || !deck.sounded) return this.#close(deck); // the one before it, if it still sounds, goes on
    if (this.#old) this.#close(this.#old);
    this.#old = deck;
  }

  play() {
    if (!this.#deck) return;
    this.#paused = false;
    this.#graph().context.resume();
    this.#deck.voice.play();
  }

  pause() {
    this.#paused = true;
    if (this.#old) this.#close(this.#old);
    this.#old = null;
    this.#deck?.voice.pause();
    this.#context?.suspend(); // it would keep the sound device awake
  }

  /** @param {number} volume 0 to 1, as it is heard */
  setVolume(volume) {
    this.#volume = volume ** 2; // loudness is no straight line
    const gain = this.#master?.gain;
    if (gain && this.#paused) gain.value = this.#volume; // no time passes that it could change in
    else if (this.#context) gain?.setTargetAtTime(this.#volume, this.#context.currentTime, 0.01);
  }

  #graph() {
    this.#context ??= new AudioContext({ sampleRate: PART_RATE });
    if (!this.#master) {
      this.#master = this.#gain(this.#context, this.#context.destination);
      this.#master.gain.value = this.#volume;
    }
    return { context: this.#context, master: this.#master };
  }

  /** @param {AudioContext} context @param {AudioNode} output */
  #gain(context, output) {
    const node = context.createGain();
    node.connect(output);
    return node;
  }

  /** @param {Track} track @returns {Deck} */
  #deckOf(track) {
    const { context, master } = this.#graph(), fall = this.#gain(context, master);
    const rise = this.#gain(context, fall), level = this.#gain(context, rise);
    level.gain.value = track.level;
    const isFile = track.playable && !this.#unplayable.has(track.id);
    /** @type {Deck} */
    const deck = { track, level, rise, fall, sounded: false, voice: isFile
      ? new FileVoice(context, this.files.fileUrl(track.id), track.seconds, this.#events(() => deck, true))
      : this.#partVoice(() => deck, track, track.seconds) };
    deck.voice.output.connect(level);
    return deck;
  }

  /** @param {() => Deck} deckOf @param {Track} track @param {number} seconds */
  #partVoice(deckOf, track, seconds) {
    return new PartVoice(this.#graph().context, (start) => this.files.excerpt(track.id, start), track.length, seconds,
      this.#events(deckOf, false));
  }

  /** @param {() => Deck} deckOf @param {boolean} isFile */
  #events(deckOf, isFile) {
    const isCurrent = () => deckOf() === this.#deck;
    return {
      started: () => this.#started(deckOf()),
      ended: () => { if (isCurrent()) this.on.ended(); },
      refused: () => { if (isCurrent()) this.on.refused(); },
      failed: (/** @type {Error} */ error) => {
        if (isFile) this.#decodeInstead(deckOf());
        else if (isCurrent()) this.#failed(error);
      },
    };
  }

  /** @param {Error} error */
  #failed(error) {
    if (this.#deck) this.#close(this.#deck);
    if (this.#deck && error instanceof NoAnswer) this.#unplayable.delete(this.#deck.track.id); // that was not the file's fault
    this.#deck = null;
    this.on.failed(error);
  }

  /** The browser cannot play the file: parts of it are decoded for it. @param {Deck} deck */
  #decodeInstead(deck) {
    const { track, voice } = deck, { seconds } = voice;
    this.#unplayable.add(track.id);
    voice.close();
    deck.voice = this.#partVoice(() => deck, track, seconds);
    deck.voice.output.connect(deck.level);
    if (deck === this.#deck && !this.#paused) deck.voice.play();
  }

  /** @param {Deck} deck */
  #started(deck) {
    if (deck !== this.#deck || this.#paused) return;
    const isFirst = !deck.sounded, old = this.#old;
    deck.sounded = true;
    if (isFirst && old) {
      const now = this.#graph().context.currentTime;
      deck.rise.gain.setValueCurveAtTime(CURVE, now, FADE_SECONDS);
      old.fall.gain.setValueCurveAtTime(CURVE.toReversed(), now, FADE_SECONDS);
      this.#old = null;
      setTimeout(() => this.#close(old), 1000 * FADE_SECONDS + 100);
    }
    this.on.started();
  }

  /** @param {Deck} deck */
  #close(deck) {
    deck.voice.close();
    deck.fall.disconnect();
  }
}
