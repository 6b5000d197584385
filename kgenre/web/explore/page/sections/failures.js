// Files that could not be used, each with its reason.

/** @import { Binding, Page } from "page/core/types" */
import { count } from "shared/text.js";
import { failureTable, openDialog } from "page/ui/dialog.js";
import { byId, el } from "shared/dom.js";

/** @param {Page} page @returns {Binding[]} */
export function failuresSection({ source, store }) {
  const button = byId("failures", HTMLButtonElement), available = Boolean(source.failures);
  const show = () => {
    const { failures } = store.state;
    openDialog(`${count(failures.length, "file")} could not be used`,
      failures.length ? failureTable([...failures]) : el("p", { text: "Every file could be read." }));
  };
  button.hidden = !available;
  store.subscribe(["failures"], ({ failures: { length } }) => {
    button.textContent = length ? `⚠ ${length.toLocaleString()} failed` : "✓ none failed";
  });
  button.addEventListener("click", show);
  return [{ label: "X", text: "files that could not be used", keys: ["x"], available, run: show }];
}
