// Puts the page together: the source, the tracks, the state, and the sections.

/** @import { Page } from "page/core/types" */
import { initialState } from "page/core/state.js";
import { Store } from "page/core/store.js";
import { Tracks } from "page/core/tracks.js";
import { colouringSection } from "page/sections/colouring.js";
import { correctionsSection } from "page/sections/corrections.js";
import { failuresSection } from "page/sections/failures.js";
import { folderSection } from "page/sections/folder.js";
import { footerSection } from "page/sections/footer.js";
import { hoverCardSection } from "page/sections/hover_card.js";
import { keyboardSection } from "page/sections/keyboard.js";
import { legendSection } from "page/sections/legend.js";
import { linkSection } from "page/sections/link.js";
import { mapSection } from "page/sections/map.js";
import { mapKeysSection } from "page/sections/map_keys.js";
import { messageSection } from "page/sections/message.js";
import { mediaSessionSection } from "page/sections/media_session.js";
import { moreSection } from "page/sections/more.js";
import { namesSection } from "page/sections/names.js";
import { neighboursSection } from "page/sections/neighbours.js";
import { outsideSection } from "page/sections/outside.js";
import { playerSection } from "page/sections/player.js";
import { pointedSection } from "page/sections/pointed.js";
import { queueSection } from "page/sections/queue.js";
import { refinementSection } from "page/sections/refinement.js";
import { searchSection } from "page/sections/search.js";
import { selectionSection } from "page/sections/selection.js";
import { sheetSection } from "page/sections/sheet.js";
import { soundSection } from "page/sections/sound.js";
import { startSection } from "page/sections/start.js";
import { tagsSection } from "page/sections/tags.js";
import { themeSection } from "page/sections/theme.js";
import { toolsSection } from "page/sections/tools.js";
import { trackSection } from "page/sections/track.js";
import { openSource } from "page/sources/open.js";
import { byId } from "shared/dom.js";

/** Folders without those that they are in. @param {string} name of the library */
function shortName(name) { return name.split(" + ").map((folder) => folder.split("/").pop() || folder).join(" + "); }

async function start() {
  const source = await openSource(), tracks = new Tracks(source.data);
  /** @type {Page} */
  const page = { source, tracks, store: new Store(initialState(source, tracks)) };
  Object.assign(byId("library-name", HTMLElement), { textContent: shortName(tracks.name), title: tracks.name });
  document.title = `${tracks.name} · kgenre`;
  const theme = themeSection(page), { map, bindings } = mapSection(page); // colours first, for all that is drawn
  const others = [searchSection, toolsSection].flatMap((section) => section(page));
  const { sound, bindings: listening } = soundSection(page);
  const rest = [playerSection, queueSection, mediaSessionSection, startSection, neighboursSection, selectionSection,
    correctionsSection, trackSection, colouringSection, failuresSection, folderSection, legendSection, hoverCardSection,
    footerSection, messageSection, refinementSection, tagsSection, linkSection, moreSection, sheetSection].flatMap((section) => section(page));
  const ofMap = [mapKeysSection, namesSection, outsideSection, pointedSection].flatMap((section) => section(page, map));
  keyboardSection(page, [...others, ...bindings, ...ofMap, ...listening, ...rest, ...theme]);
  Object.assign(window, { kgenre: { ...page, map, sound, get state() { return page.store.state; } } }); // to look inside
  map.resize(); // to what is left beside all that was shown meanwhile
  document.documentElement.dataset.ready = String(Math.round(performance.now()));
}

start().catch((error) => {
  const panel = /** @type {HTMLElement} */ (document.getElementById("panel"));
  panel.textContent = `The page could not start: ${error.message}`;
});
