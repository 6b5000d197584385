// The address of what is shown, to the clipboard.

/** @import { Page } from "page/core/types" */
import { say } from "page/actions/notices.js";
import { MAX_LINKED } from "page/core/link.js";
import { count } from "shared/text.js";

/** @param {Page} page */
export function copyLink(page) {
  if (page.store.state.selection.length > MAX_LINKED) return say(page, `A link holds at most ${count(MAX_LINKED, "recording")}.`);
  navigator.clipboard.writeText(location.href).then(() => say(page, "Link copied."),
    () => say(page, "Copy the link from the address bar."));
}
