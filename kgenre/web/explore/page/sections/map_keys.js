// The map by keyboard: arrows go from track to track, and what is reached is read out.

/** @import { Binding, Page } from "page/core/types" */
/** @import { MapView } from "page/map/map_view.js" */
import { isShown } from "page/actions/colouring.js";
import { toggleSelected } from "page/actions/selection.js";
import { pick } from "page/actions/tracks.js";
import { UNSURE } from "page/core/tracks.js";
import { byId } from "shared/dom.js";

/** @type {Record<string, [right: number, up: number]>} */
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

/** @param {Page} page @param {MapView} map @returns {Binding[]} */
export function mapKeysSection(page, map) {
  const { store } = page, glass = byId("glass", HTMLElement), said = byId("map-track", HTMLElement);
  let cursor = -1; // the track that the keys are at
  const isAllowed = (/** @type {number} */ row) => isShown(page, row);
  const say = () => { said.textContent = description(page, cursor); };
  const goTo = (/** @type {number} */ row) => {
    if (row < 0) return;
    cursor = row;
    map.mark({ cursor });
    map.show([row]);
    say();
  };
  /** @type {(key: string, shift: boolean) => boolean} whether the key was for a track */
  const act = (key, shift) => {
    if (cursor >= 0 && !isAllowed(cursor)) cursor = -1;
    const arrow = ARROWS[key];
    if (arrow && (shift || cursor < 0)) return false; // moves the map
    if (arrow) goTo(map.grid.next(cursor, arrow, isAllowed));
    else if (key !== "Enter" && key !== " ") return false;
    else if (cursor < 0) goTo(map.middle());
    else if (shift || store.state.addsToSelection) { toggleSelected(page, cursor); say(); }
    else if (key === " " && cursor === store.state.current) return false; // plays or pauses
    else pick(page, cursor);
    return true;
  };
  glass.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !act(event.key, event.shiftKey)) return;
    event.preventDefault();
    event.stopPropagation();
  });
  store.subscribe(["current"], ({ current }) => {
    cursor = current;
    map.mark({ cursor: -1 }); // it has a ring of its own
  });
  glass.addEventListener("focus", () => { if (cursor >= 0) goTo(cursor); });
  glass.addEventListener("blur", () => map.mark({ cursor: -1 }));
  return [{ label: "Tab  arrows  Enter", text: "on the map: from recording to recording, Shift moves the map; Enter as a click, Shift+Enter selects" }];
}

/** @param {Page} page @param {number} row */
function description({ store, tracks }, row) {
  const parts = [tracks.title(row), tracks.text("artist", row), tracks.unsure[row] ? UNSURE : tracks.answer(row).join(", ")];
  if (store.state.selected?.[row]) parts.push("selected");
  return parts.filter(Boolean).join(", ");
}
