// Dark or light.

/** @import { Binding, Page } from "page/core/types" */
import { byId } from "shared/dom.js";
import { followTheme } from "shared/theme.js";

/** @param {Page} page @returns {Binding[]} */
export function themeSection({ store }) {
  const toggle = followTheme((dark) => store.set({ dark }));
  byId("theme", HTMLButtonElement).addEventListener("click", toggle);
  return [{ label: "D", text: "dark or light", keys: ["d"], run: toggle }];
}
