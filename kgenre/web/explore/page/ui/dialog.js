// The page's one dialog, and the table of files with reasons that several of them show.

/** @import { Failure } from "page/core/types" */
/** @import { Child } from "shared/dom.js" */
import { button, byId, el, present } from "shared/dom.js";

const MAX_ROWS = 2000;

/** @param {string} title @param {Child[]} content */
export function openDialog(title, ...content) {
  const dialog = byId("dialog", HTMLDialogElement);
  const close = button("Close", "Close (Esc)", () => dialog.close());
  dialog.replaceChildren(el("h2", {}, el("span", { text: title }), close), ...present(content));
  if (!dialog.open) dialog.showModal();
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
