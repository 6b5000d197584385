// The dialog with the files that could not be used.

/** @import { Failure } from "page/core/types" */
import { count } from "shared/text.js";
import { failureTable, openDialog } from "page/ui/dialog.js";
import { el } from "shared/dom.js";

/** @param {readonly Failure[]} failures */
export function showFailures(failures) {
  openDialog(failuresText(failures),
    failures.length ? failureTable(failures) : el("p", { text: "Every file could be read." }));
}

/** @param {readonly Failure[]} failures */
export function failuresText({ length }) { return `${count(length, "file")} could not be used`; }
