// What plays one track. Checked by TypeScript (tests/page), never sent to the browser.

/** What a voice reports. */
export interface VoiceEvents {
  started(): void; // it sounds, for the first time or again
  ended(): void;
  failed(error: Error): void;
  refused(): void; // the browser plays nothing before a click or key
}

export interface Voice {
  readonly output: AudioNode;
  readonly seconds: number; // place in the track
  play(): void;
  pause(): void;
  seek(seconds: number): void;
  close(): void;
}

export interface Track {
  id: number;
  seconds: number; // from where on
  length: number; // seconds
  level: number; // 0 to 1
  playable: boolean; // whether the browser may be able to play the file
}
