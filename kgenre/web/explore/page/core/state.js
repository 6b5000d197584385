// The state that the page begins with.

/** @import { DataSource, State } from "page/core/types" */
import { COLOURINGS } from "page/core/colourings.js";
import { Tracks } from "page/core/tracks.js";

export const DEFAULT_COLOURING = "prediction";

/** @param {DataSource} source @param {Tracks} tracks @returns {State} */
export function initialState(source, tracks) {
  return {
    colouring: DEFAULT_COLOURING, legend: COLOURINGS[DEFAULT_COLOURING].legend(tracks, ""), hidden: new Set(),
    tag: "", tagFilter: null, tagHits: null, sortByTag: false, tagTables: 0,
    query: "", hits: null, folder: "", folderHits: null, dark: false,
    current: -1, details: null, slice: -1, selection: [], selected: null, addsToSelection: false,
    near: [], neighbours: [], neighboursOf: -1, excluded: new Set(), maxDistance: null,
    path: [], pathFrom: -1, heatMap: null, heatMapPending: null,
    genres: 0, heads: source.data.heads ?? [], retraining: null, useTags: false,
    refinement: null, failures: source.failures ?? [], gone: 0,
    corrections: new Map(Object.entries(source.data.corrections).map(([row, genre]) => [Number(row), genre])),
    placeNames: true, clickPlays: true, playback: null, wanted: -1, upcoming: null, clock: { seconds: 0, end: 0 }, queue: null, queueShown: false,
    wholeTracks: false, drift: null, jump: 1, volume: 1, muted: false,
    tool: "pan", sheet: "half", hover: null, reveal: null, message: null, tagDialog: null,
  };
}
