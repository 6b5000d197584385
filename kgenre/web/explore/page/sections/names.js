// Names of the map's places, and covers where there is room for them.

/** @import { Binding, Page } from "page/core/types" */
/** @import { Terms } from "page/core/terms.js" */
/** @import { MapView } from "page/map/map_view.js" */
import { loadTags } from "page/actions/model_tags.js";
import { attempt } from "page/actions/notices.js";
import { rowColour } from "page/core/colourings.js";
import { findPlaces } from "page/core/places.js";
import { termLevels } from "page/core/terms.js";
import { css } from "shared/colours.js";
import { byId } from "shared/dom.js";
import { loadSetting, saveSetting } from "shared/setting.js";

const LEVELS = [2, 6]; // zooms where the names are those of parts of the map, and of a few tracks
const CELLS = 36, MAX_CELL = 20; // across the view; pixels of one: of the cells that places are made of, at least
const MARGIN = 0.25; // share of the view around it that has names too, which a move brings in
const SETTING = "kgenre names on the map"; // of this browser
const MAX_REGIONS = 12; // that the text for screen readers names

/** @param {Page} page @param {MapView} map @returns {Binding[]} */
export function namesSection(page, map) {
  const { store, tracks } = page, summary = byId("map-summary", HTMLElement);
  const others = /** @type {HTMLElement[]} */ ([...map.element.querySelectorAll(".over")]); // what else lies over the map
  /** @type {Terms[][] | null} */
  let terms = null;
  const colourOf = (/** @type {number} */ row) => css(rowColour(store.state.legend, store.state.hidden, store.state.dark, row));
  const lay = () => {
    const { view, floating, names, covers } = map, zoom = view.pixels / view.whole, level = LEVELS.filter((least) => zoom >= least).length;
    const { placeNames } = store.state;
    if (placeNames && level > 0 && !tracks.tags) attempt(page, loadTags(page));
    terms ??= termLevels(tracks, store.state.colouring, store.state.legend);
    const least = Math.min(MAX_CELL, Math.min(view.width, view.height) / CELLS);
    const side = 2 ** Math.ceil(Math.log2(least / view.pixels)); // of few sizes, so that names stay while one zooms a little
    const places = findPlaces(map.seen(MARGIN), tracks, side, terms[level]);
    names.show(placeNames ? places : [], level, [...covers.show(map.seen(0), colourOf), ...map.boxesOf(others)]);
    floating.settle();
    if (level === 0) summary.textContent = description(places);
  };
  store.subscribe(["legend", "genres", "tagTables", "gone"], () => { terms = null; });
  store.subscribe(["tagTables"], ({ tagTables }) => { if (tagTables) lay(); });
  map.whenSettled(lay);
  const button = byId("place-names", HTMLButtonElement);
  const toggle = () => {
    store.set({ placeNames: !store.state.placeNames });
    saveSetting(SETTING, store.state.placeNames ? "on" : "off");
    lay();
  };
  store.set({ placeNames: loadSetting(SETTING) !== "off" });
  store.subscribe(["placeNames"], ({ placeNames }) => button.setAttribute("aria-pressed", String(placeNames)));
  button.addEventListener("click", toggle);
  return [{ label: "E", text: "names on the map, or none", keys: ["e"], run: toggle }];
}

/** @param {readonly { name: string, count: number }[]} places */
function description(places) {
  const named = places.slice(0, MAX_REGIONS).map((place) => `${place.name} (${place.count.toLocaleString()})`);
  return named.length ? `Places of the map: ${named.join(", ")}.` : "No part of the map has a name.";
}
