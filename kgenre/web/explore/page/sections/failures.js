// The button, in the menu, that shows the files that could not be used.

/** @import { Binding, Page } from "page/core/types" */
import { failuresText, showFailures } from "page/ui/failures.js";
import { byId } from "shared/dom.js";

/** @param {Page} page @returns {Binding[]} */
export function failuresSection({ source, store }) {
  const button = byId("failures", HTMLButtonElement), available = Boolean(source.failures);
  const show = () => showFailures(store.state.failures);
  button.hidden = !available;
  store.subscribe(["failures"], ({ failures }) => { button.textContent = failuresText(failures); });
  button.addEventListener("click", show);
  return [{ label: "X", text: "files that could not be used", keys: ["x"], available, run: show }];
}
