// The shapes that travel between the page's modules. Checked by TypeScript (tests/page), never sent to the browser.

import type { Store } from "page/core/store.js";
import type { Tracks } from "page/core/tracks.js";
import type { Colour, Shades, SliceGenres } from "shared/types";

export type Failure = [path: string, reason: string];
export type Neighbour = [row: number, distance: number | null]; // null: nearest on the map, without a distance

/** A column of texts: each name once, and for each row the number of its name. */
export interface CodedColumn<Codes> {
  names: string[];
  codes: Codes;
}

/** Genres of the tracks `ids`: `top` and `probabilities` hold `genres_per_track` values for each, `unsure` one, base64. */
export interface GenreData {
  ids: string;
  labels: string[];
  genres_per_track: number;
  several: boolean;
  unsure: string;
  top: string;
  chosen: string;
  probabilities: string;
  heads?: number[]; // of the retrained heads, the last in use: how many tracks each learned from; none for the model's own
  version?: number; // of two answers of the server, the one with the higher version is newer
}

/**
 * What a source gives the page at the start: a row for each recording, columns of numbers as base64. Titles, years and
 * coded columns are of files: of the one that stands for each row, then of the copies.
 */
export interface LibraryData extends GenreData {
  name: string;
  model: string;
  slice_seconds: number;
  quality: { trustworthiness: number | null; preservation: number | null } | null;
  copy_ids: string; // of the other files of recordings
  copy_of: string; // their rows
  files?: string[]; // their names, of an offline page
  x: string;
  y: string;
  titles: string[];
  year: string;
  seconds: string;
  artist: CodedColumn<string>;
  album: CodedColumn<string>;
  folder: CodedColumn<string>;
  tag: CodedColumn<string>;
  corrections: Record<string, string>;
  tag_names: string[];
  tag_table?: TagTableData; // of an offline page
  failures: Failure[];
  heat_map?: boolean;
  refines?: boolean; // whether tracks are still being analysed whole
  changes?: number;
}

/** How far the analysis in the background is, in tracks. */
export interface RefinementStatus {
  done: number;
  total: number;
  seconds_left: number | null;
  paused: boolean;
  running: boolean;
  error: string; // why it ended early
}

/** What has changed since the page asked last; `changes` is what it asks with next. */
export interface Changes {
  changes: number;
  refinement: RefinementStatus | null;
  failures: Failure[];
  gone: string; // ids of all files that can no longer be used, base64
  genres: GenreData | null; // of the tracks whose analysis has changed, or of all
  tags: TagTableData | null; // of the tracks whose analysis has changed
}

/** What became of a selection: recordings that are no longer in the library were `skipped`. */
export interface Corrected {
  genre: string | null;
  skipped: number;
}

export interface Exported {
  file: Blob;
  skipped: number;
}

/** Probabilities of the model's tags in the tracks `ids`, as shares of 255, base64: `tag_names` of a track, then of the next. */
export interface TagTableData {
  ids: string;
  values: string;
}

/** One recording: its files, its genres as a whole and slice by slice. */
export interface TrackDetails extends SliceGenres {
  path: string; // of the file that stands for it
  copies: [path: string, folder: string][]; // its other files
  labels: string[];
  probabilities: number[];
  playable: boolean;
  gain_db: number | null;
}

/** Loss of the genre's probability where a cell of the spectrogram is silenced, [band][part of the time]. */
export interface HeatMap {
  genre: string;
  probability: number;
  probability_loss: number[][];
  band_edges_hz: number[];
  spectrogram: string;
  spectrogram_shape: [bands: number, frames: number];
}

/** A head that was fitted to the corrections and is not in use yet: the tracks whose genre it would change. */
export interface RetrainPlan {
  plan: number;
  changes: [id: number, before: string, after: string][]; // corrected tracks first
  labelled_tracks: number;
  evaluated_tracks: number;
  accuracy_before: number | null;
  accuracy_after: number | null;
}

export interface TagPreview {
  changes: [path: string, field: "genre" | "mood", before: string, after: string][];
  failures: Failure[];
  undo: boolean;
  plan: string;
  files: number; // that would change
  recordings: number;
  skipped: number; // recordings that are no longer in the library
}

/**
 * What is to be written into all files of recordings: genres, corrected ones and those of files without a genre tag, and
 * moods of files without one; all of them with `overwrite`. Only if it is still the `plan` that was shown.
 */
export interface WantedTags {
  ids: number[];
  several: boolean;
  moods: boolean;
  overwrite: boolean;
  plan?: string;
}

export interface TagsWritten {
  files: number;
  recordings: number;
  tags: [id: number, genre: string][];
  failures: Failure[];
  undo: boolean;
}

/**
 * Where the page gets its data. Optional members are abilities: what needs a missing one is hidden or disabled,
 * and no caller asks which source it is.
 */
export interface DataSource {
  readonly data: LibraryData;
  /** What this source cannot do, in words for the user; "" if it can do everything. */
  readonly limits: string;
  csv(ids: number[]): Promise<Exported>;
  /** The model's tags of all tracks: large, so that it is asked for when it is first needed. */
  tagTable(): Promise<TagTableData>;
  playlist?(ids: number[]): Promise<Exported>;
  track?(id: number): Promise<TrackDetails>;
  /** The nearest but those of `exclude`, and those that are nearer to one of `avoid` than to this one. */
  neighbours?(id: number, count: number, maxDistance: number, exclude?: number[], avoid?: number[]):
    Promise<[id: number, distance: number][]>;
  path?(first: number, last: number, count: number): Promise<number[]>;
  heatMap?(id: number, slice: number, start: number): Promise<HeatMap>;
  coverUrl?(id: number): string;
  readonly audio?: {
    fileUrl(id: number): string;
    /** PART_SECONDS of the file, from `start` on, as WAV of PART_RATE. */
    excerpt(id: number, start: number): Promise<ArrayBuffer>;
  };
  readonly corrections?: {
    /** The genre as it was stored, in the spelling that the library already uses; null removes the correction. */
    correct(ids: number[], genre: string | null): Promise<Corrected>;
    /** Fits a head, which is not used before `retrain` is called with its plan. */
    preview(useTags: boolean): Promise<RetrainPlan>;
    retrain(plan: number): Promise<GenreData>;
    /** Back to the head that was in use before the last retraining. */
    undo(): Promise<GenreData>;
  };
  readonly tags?: {
    preview(wanted: WantedTags): Promise<TagPreview>;
    write(wanted: WantedTags): Promise<TagsWritten>;
    undo(): Promise<TagsWritten>;
  };
  readonly refinement?: {
    changes(since: number): Promise<Changes>;
    pause(paused: boolean): Promise<RefinementStatus>;
  };
  readonly failures?: Failure[];
}

/** Legend of named colours: `entryOf[row]` is the number of the row's entry; `others` has further ones of rows with several. */
export interface CategoryLegend {
  kind: "categories";
  entries: { name: string; count: number; colour: Shades }[];
  entryOf: Int32Array;
  others: ReadonlyMap<number, readonly number[]>;
}

/** Legend of a number, from low to high. */
export interface RampLegend {
  kind: "ramp";
  low: string;
  middle: string;
  high: string;
  most: number; // the value that `high` is the text of
  colourOf(row: number, dark: boolean): Colour;
}

export type Legend = CategoryLegend | RampLegend;
export type Tool = "pan" | "lasso" | "box";
/** How much of a narrow screen the sheet with the player and the panel takes. */
export type SheetSize = "peek" | "half" | "full";

/** What is played one after the other. A provisional one was made by N or P: other hits or another selection replace it. */
export interface Queue {
  kind: "path" | "selection" | "hits" | "nearest" | "drift";
  title: string;
  rows: readonly number[];
  at: number; // place in `rows`; -1 before the first
  provisional: boolean;
}

/** On to the nearest that was not chosen yet, and that is not nearer to one of `avoided`. */
export interface Drift {
  chosen: readonly number[];
  avoided: readonly number[];
}

/** A track that sounds, or is to sound next, from `seconds` on. */
export interface Playing {
  row: number;
  details: TrackDetails;
  seconds: number;
}

/** What the page shows at the moment. Rows are positions in the columns of Tracks; -1 is none. */
export interface State {
  // colours and filters
  colouring: string;
  legend: Legend;
  hidden: ReadonlySet<number>;
  tag: string; // of the model: the one that colours and orders are of; "" if none was chosen
  tagFilter: { tag: string; least: number } | null;
  tagHits: Uint8Array | null;
  sortByTag: boolean;
  tagTables: number; // counts the changes of Tracks.tags
  query: string;
  hits: Uint8Array | null;
  folder: string;
  folderHits: Uint8Array | null;
  dark: boolean;
  // tracks
  current: number;
  details: TrackDetails | null;
  slice: number;
  selection: readonly number[];
  selected: Uint8Array | null;
  addsToSelection: boolean; // whether the map adds to the selection, as with Shift
  near: readonly Neighbour[]; // nearest first, as many as may be listed
  neighbours: readonly Neighbour[]; // those that are listed
  neighboursOf: number;
  excluded: ReadonlySet<number>;
  maxDistance: number | null; // null until one is chosen
  path: readonly number[];
  pathFrom: number;
  heatMap: { row: number; slice: number; answer: HeatMap } | null;
  heatMapPending: { row: number; slice: number } | null;
  // genres
  genres: number; // counts the changes of genres and tags in Tracks
  corrections: ReadonlyMap<number, string>;
  heads: readonly number[];
  retraining: RetrainPlan | null; // shown, and not applied yet
  useTags: boolean;
  refinement: RefinementStatus | null;
  failures: readonly Failure[];
  gone: number; // files that have left the library since the page was loaded
  // sound
  placeNames: boolean; // whether the map's places have names
  clickPlays: boolean;
  playback: (Playing & { paused: boolean; serial: number }) | null; // another serial: it is to be played from `seconds`
  wanted: number; // is to be played as soon as its details are there
  upcoming: Playing | null; // is loaded already
  clock: { seconds: number; end: number }; // of what is played
  queue: Queue | null;
  queueShown: boolean;
  wholeTracks: boolean; // of a queue; else the parts that decided
  drift: Drift | null;
  jump: number; // of Drift: how many tracks away the next one is
  volume: number; // 0 to 1
  muted: boolean;
  // requests to a section, each a new object
  tool: Tool;
  sheet: SheetSize;
  hover: { row: number; x: number; y: number } | null;
  reveal: { rows: readonly number[] | null } | null; // rows to bring into view; null for the whole map
  message: { text: string } | null;
  tagDialog: { rows: readonly number[] } | null;
}

/** What every section and action gets. */
export interface Page {
  store: Store<State>;
  source: DataSource;
  tracks: Tracks;
}

/** A key, or several, of a section. `label` and `text` are the row in the help; without `run` it is only a row there. */
export interface Binding {
  label: string;
  text: string;
  keys?: string[];
  available?: boolean; // false: the source lacks what it needs
  run?(key: string): void;
}
