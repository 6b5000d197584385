// The shapes that travel between the page's modules. Checked by TypeScript (tests/page), never sent to the browser.

import type { SliceGenres } from "shared/types";

/** Of /api/model. */
export interface ModelAnswer {
  name: string;
  task: "single" | "multi";
  labels: string[];
  slice_seconds: number;
  has_tags: boolean;
  limits: { max_upload_bytes: number; max_minutes: number; max_requests: number };
}

/** Of /api/predict. */
export interface Answer {
  file: string;
  task: "single" | "multi";
  genre: string;
  genres: string[]; // none where the model is unsure; genre is then "unsure"
  seconds: number;
  slices: number;
  note: string;
  probabilities: Record<string, number>;
  by_slice: { start: number; genre: string; genres: string[]; probabilities: Record<string, number> }[];
  tags?: Record<string, number>;
}

export type Stage = "waiting" | "uploading" | "analysing" | "done" | "failed";

/** A song on the page. */
export interface Song {
  file: File;
  stage: Stage;
  share: number; // of the stage that is done, 0 to 1
  answer: Answer | null;
  reason: string; // why it waits or has failed; empty where there is nothing to say
  canRetry: boolean; // of a song that has failed: whether another try may succeed
  stop: AbortController;
}

/** What the player does with a song: the slice and second that are heard; seconds is null where another song took its place. */
export interface Playing {
  slice: number;
  seconds: number | null;
  sounding: boolean;
}

/** A song's part of the page. */
export interface Card {
  node: HTMLElement;
  remover: HTMLButtonElement;
  update(): void;
  redraw(): void; // after a change of colours or width
  showPlaying(playing: Playing): void;
  showUnplayable(): void;
}

/** What a card needs of the page. */
export interface CardPage {
  model: ModelAnswer;
  play(song: Song, slice: number): void;
  toggle(song: Song, slice: number): void;
  again(song: Song): void;
  remove(song: Song): void;
}

export type { SliceGenres };
