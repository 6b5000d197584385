// The map: its points take their colours from the state, and what is done to it by hand goes there.

/** @import { Binding, Page, State } from "page/core/types" */
import { isShown } from "page/actions/colouring.js";
import { isPlaying } from "page/actions/playback.js";
import { select, toggleSelected } from "page/actions/selection.js";
import { pick } from "page/actions/tracks.js";
import { MapView } from "page/map/map_view.js";
import { rowColour } from "page/core/colourings.js";
import { byId } from "shared/dom.js";

// Of points that are filtered out: fainter than others on purpose, for they tell only that something is there.
const GREY = { light: [188, 193, 198, 140], dark: [88, 95, 103, 150] };
const OPACITY = 255; // of the points in colour: less would cost contrast
const PAN = 80; // pixels
const ZOOM = 1.4;
const TRAIL = 12; // tracks of Drift that are drawn

/** @param {Page} page @returns {{ map: MapView, bindings: Binding[] }} */
export function mapSection(page) {
  const element = byId("map", HTMLElement), { store, tracks } = page;
  const map = new MapView(element, tracks, page.source.coverUrl, {
    isShown: (row) => isShown(page, row),
    hover: (row, x = 0, y = 0) => store.set({ hover: row < 0 ? null : { row, x, y } }),
    select: (rows, add) => select(page, rows, add || store.state.addsToSelection),
    click: (row, add) => { if ((add || store.state.addsToSelection) && row >= 0 && store.state.pathFrom < 0) toggleSelected(page, row); else pick(page, row); },
  });
  store.subscribe(["tool"], ({ tool }) => { map.setTool(tool); element.dataset.tool = tool; });
  store.subscribe(["legend", "hidden", "folderHits", "hits", "tagHits", "selected", "dark"], (state) => paint(page, map, state));
  store.subscribe(["current", "neighbours", "path", "dark"], ({ current, neighbours, path }) => (
    map.mark({ current, path, neighbours: neighbours.map(([row]) => row) })));
  store.subscribe(["queue", "drift"], ({ queue, drift }) => (
    map.mark({ trail: queue && drift ? queue.rows.slice(Math.max(0, queue.at + 1 - TRAIL), queue.at + 1) : [] })));
  store.subscribe(["playback"], (state) => map.pulse(state.playback?.row ?? -1, isPlaying(state)));
  store.subscribe(["reveal"], ({ reveal }) => { if (reveal?.rows) map.show(reveal.rows); else if (reveal) map.fit(); });
  return { map, bindings: bindings(map) };
}

/** @param {Page} page @param {MapView} map @param {State} state */
function paint(page, map, { legend, hidden, selected, dark }) {
  const { n } = page.tracks, grey = dark ? GREY.dark : GREY.light;
  const colours = new Uint8Array(4 * n), front = new Uint8Array(n);
  for (let i = 0; i < n; i++) {
    front[i] = isShown(page, i) && (!selected || selected[i]) ? 1 : 0;
    const colour = front[i] ? rowColour(legend, hidden, dark, i) : grey;
    colours[4 * i] = colour[0];
    colours[4 * i + 1] = colour[1];
    colours[4 * i + 2] = colour[2];
    colours[4 * i + 3] = page.tracks.gone[i] ? 0 : front[i] ? OPACITY : grey[3];
  }
  map.points.paint(colours, front);
}

/** @param {MapView} map @returns {Binding[]} */
function bindings(map) {
  const zoom = (/** @type {number} */ by) => () => map.move(() => map.view.zoom(by));
  const pan = (/** @type {number} */ x, /** @type {number} */ y) => () => map.move(() => map.view.pan(x, y));
  /** @type {Record<string, () => void>} */
  const moves = {
    f: () => map.fit(), "+": zoom(ZOOM), "=": zoom(ZOOM), "-": zoom(1 / ZOOM),
    arrowleft: pan(PAN, 0), arrowright: pan(-PAN, 0), arrowup: pan(0, PAN), arrowdown: pan(0, -PAN),
  };
  return [{ label: "F  +  −  arrows", text: "whole map, zoom, move", keys: Object.keys(moves), run: (key) => moves[key]() }];
}
