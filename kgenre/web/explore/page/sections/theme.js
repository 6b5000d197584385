// Dark or light: as the system, or as it was chosen last.

/** @import { Binding, Page } from "page/core/types" */
import { byId } from "page/ui/dom.js";

const KEY = "kgenre theme";

/** @param {Page} page @returns {Binding[]} */
export function themeSection({ store }) {
  const system = matchMedia("(prefers-color-scheme: dark)"), { dataset } = document.documentElement;
  const saved = load();
  if (saved) dataset.theme = saved;
  store.set({ dark: saved ? saved === "dark" : system.matches });
  const toggle = () => {
    const dark = !store.state.dark;
    dataset.theme = dark ? "dark" : "light";
    save(dataset.theme);
    store.set({ dark });
  };
  system.addEventListener("change", () => { if (!dataset.theme) store.set({ dark: system.matches }); });
  byId("theme", HTMLButtonElement).addEventListener("click", toggle);
  return [{ label: "D", text: "dark or light", keys: ["d"], run: toggle }];
}

/** @param {string} theme */
function save(theme) { try { localStorage.setItem(KEY, theme); } catch { /* a private window */ } }
function load() { try { return localStorage.getItem(KEY); } catch { return null; } }
