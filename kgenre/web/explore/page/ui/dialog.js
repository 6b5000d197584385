// The page's one dialog, and the table of files with reasons that several of them show.

/** @import { Failure } from "page/core/types" */
/** @import { Child } from "shared/dom.js" */
import { button, byId, el, redraw } from "shared/dom.js";

const MAX_ROWS = 2000;

/**
 * Shows the dialog, or other content in it where it is open. What had the focus has it again, or else the heading; when
 * the dialog is closed, what had it before.
 *
 * @param {string} title @param {Child[]} content
 */
export function openDialog(title, ...content) {
  const dialog = byId("dialog", HTMLDialogElement), heading = el("h2", { id: "dialog-title", tabIndex: -1, text: title });
  const close = button("Close", "Close (Esc)", () => dialog.close(), { id: "close-dialog" }), opener = document.activeElement;
  dialog.setAttribute("aria-labelledby", heading.id);
  redraw(dialog, [el("div", { class: "row title-row" }, heading, close), ...content]);
  if (dialog.open) {
    if (!dialog.contains(document.activeElement)) heading.focus();
    return;
  }
  dialog.showModal();
  heading.focus();
  dialog.addEventListener("close", () => returnFocus(opener), { once: true });
}

export function isDialogOpen() { return byId("dialog", HTMLDialogElement).open; }

/** What can be pressed and ticked now, beside Close. */
export function dialogControls() {
  const found = byId("dialog", HTMLDialogElement).querySelectorAll("input:enabled, button:enabled:not(#close-dialog)");
  return /** @type {(HTMLInputElement | HTMLButtonElement)[]} */ ([...found]);
}

/** To a button that may have been drawn again. @param {Element | null} opener */
function returnFocus(opener) {
  const again = opener?.isConnected || !opener?.id ? opener : document.getElementById(opener.id);
  if (again instanceof HTMLElement) again.focus();
}

export function closeDialog() { byId("dialog", HTMLDialogElement).close(); }

/** @param {readonly Failure[]} failures */
export function failureTable(failures) {
  const rows = failures.slice(0, MAX_ROWS).map(([path, reason]) => (
    el("tr", {}, el("td", { text: path }), el("td", { class: "bad", text: reason }))));
  return el("table", {}, ...rows, moreRow(failures.length - MAX_ROWS));
}

/** A table's last row where not all are shown. @param {number} hidden */
export function moreRow(hidden) {
  return hidden > 0 ? el("tr", {}, el("td", { class: "soft", text: `and ${hidden.toLocaleString()} more` })) : null;
}
