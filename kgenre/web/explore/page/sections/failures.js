// Files that could not be used, each with its reason.

/** @import { Binding, Page } from "page/core/types" */
import { count } from "shared/text.js";
import { failureTable, openDialog } from "page/ui/dialog.js";
import { byId, el } from "shared/dom.js";

/** @param {Page} page @returns {Binding[]} */
export function failuresSection({ source: { failures } }) {
  const button = byId("failures", HTMLButtonElement), number = failures?.length ?? 0;
  const show = () => openDialog(`${count(number, "file")} could not be used`,
    number ? failureTable(failures ?? []) : el("p", { text: "Every file could be read." }));
  button.hidden = !failures;
  button.textContent = number ? `⚠ ${number.toLocaleString()} failed` : "✓ none failed";
  button.addEventListener("click", show);
  return [{ label: "X", text: "files that could not be used", keys: ["x"], available: Boolean(failures), run: show }];
}
