// The legend of a narrow screen, which a chip opens; elsewhere it is always shown.

import { byId } from "shared/dom.js";

/** @param {boolean} shown */
export function openLegend(shown) {
  byId("legend", HTMLElement).classList.toggle("open", shown);
  byId("legend-button", HTMLButtonElement).setAttribute("aria-expanded", String(shown));
}

/** The chip, which opens and closes; so do Esc and a press elsewhere close. */
export function legendChipButton() {
  const chip = byId("legend-button", HTMLButtonElement), legend = byId("legend", HTMLElement);
  const isOpen = () => legend.classList.contains("open");
  chip.addEventListener("click", () => openLegend(!isOpen()));
  document.addEventListener("pointerdown", ({ target }) => {
    if (target instanceof Node && !chip.contains(target) && !legend.contains(target)) openLegend(false);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.defaultPrevented || !isOpen() || !chip.checkVisibility() || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    openLegend(false);
    if (legend.contains(document.activeElement)) chip.focus();
  });
  return chip;
}
