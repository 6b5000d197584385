// The legend of a narrow screen, which a chip opens; elsewhere it is always shown.

import { byId } from "shared/dom.js";

/** @param {boolean} shown */
export function openLegend(shown) {
  byId("legend", HTMLElement).classList.toggle("open", shown);
  byId("legend-button", HTMLButtonElement).setAttribute("aria-expanded", String(shown));
}
