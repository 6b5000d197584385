// What dragging on the map does, and the way back to the whole map.

/** @import { Binding, Page, Tool } from "page/core/types" */
import { byId } from "shared/dom.js";
import { rovingRadios } from "shared/roving.js";

/** @type {Record<string, Tool>} */
const KEYS = { v: "pan", l: "lasso", b: "box" };

/** @param {Page} page @returns {Binding[]} */
export function toolsSection({ store }) {
  const tools = Object.values(KEYS).map((tool) => ({ tool, button: byId(`tool-${tool}`, HTMLButtonElement) }));
  const choose = (/** @type {HTMLElement} */ chosen) => {
    for (const { tool, button } of tools) if (button === chosen) store.set({ tool });
  };
  for (const { button } of tools) button.addEventListener("click", () => choose(button));
  rovingRadios(byId("tools", HTMLElement), choose);
  byId("fit", HTMLButtonElement).addEventListener("click", () => store.set({ reveal: { rows: null } }));
  store.subscribe(["tool"], (state) => {
    for (const { tool, button } of tools) {
      button.setAttribute("aria-checked", String(tool === state.tool));
      button.tabIndex = tool === state.tool ? 0 : -1;
    }
  });
  return [{ label: "V  L  B", text: "move, lasso, box; Shift adds to the selection", keys: Object.keys(KEYS),
    run: (key) => store.set({ tool: KEYS[key] }) }];
}
