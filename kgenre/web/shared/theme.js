// Dark or light: as the system, or as it was chosen last, on any of the pages.

import { loadSetting, saveSetting } from "shared/setting.js";

const KEY = "kgenre theme";

/**
 * Applies the theme. Returns the function that changes between dark and light.
 *
 * @param {(dark: boolean) => void} show is called now and at every change
 */
export function followTheme(show) {
  const system = matchMedia("(prefers-color-scheme: dark)"), { dataset } = document.documentElement;
  const saved = loadSetting(KEY);
  let dark = saved ? saved === "dark" : system.matches;
  const change = (/** @type {boolean} */ to) => {
    dark = to;
    show(dark);
  };
  if (saved) dataset.theme = saved;
  show(dark);
  system.addEventListener("change", () => { if (!dataset.theme) change(system.matches); });
  return () => {
    dataset.theme = dark ? "light" : "dark";
    saveSetting(KEY, dataset.theme);
    change(!dark);
  };
}

/** Whether what is drawn in this element is on a dark page. @param {Element} element */
export function isOnDark(element) { return getComputedStyle(element).colorScheme === "dark"; }
