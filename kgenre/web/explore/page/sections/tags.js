// The dialog that writes genre tags: first what would change, then the writing, then its undoing.

/** @import { Binding, Failure, Page, TagPreview, TagsWritten } from "page/core/types" */
import { attempt } from "page/actions/notices.js";
import { taggableIds, takeTags } from "page/actions/tags.js";
import { count } from "shared/text.js";
import { failureTable, moreRow, openDialog } from "page/ui/dialog.js";
import { button, el } from "shared/dom.js";

const MAX_ROWS = 500;

/** @param {Page} page @returns {Binding[]} */
export function tagsSection(page) {
  page.store.subscribe(["tagDialog"], ({ tagDialog }) => { if (tagDialog) attempt(page, preview(page, tagDialog.rows, false)); });
  return [];
}

/** @param {Page} page @param {readonly number[]} rows @param {boolean} overwrite tags of tracks that were not corrected too */
async function preview(page, rows, overwrite) {
  const { tags } = page.source, ids = taggableIds(page, rows, overwrite);
  if (!tags) return;
  /** @type {TagPreview} */
  const plan = ids.length ? await tags.preview(ids) : { changes: [], failures: [], undo: false };
  const box = el("input", { type: "checkbox", id: "overwrite-tags", checked: overwrite,
    on: { change: () => attempt(page, preview(page, rows, box.checked)) } });
  const write = button(`Write ${count(plan.changes.length, "tag")}`, "Change the files; the old tags are kept for Undo",
    () => change(page, write, () => tags.write(ids), "Tags written", "Files changed"),
    { class: "main", id: "write-tags", disabled: !plan.changes.length });
  openDialog("Genre tags: nothing is written yet",
    el("p", { class: "soft", text: "The corrected genre, or else the predicted one, would be written into these files:" }),
    changeTable(plan.changes),
    el("p", {}, el("label", {}, box, " also overwrite genre tags of tracks that you did not correct")),
    el("p", { class: "row" }, write, plan.undo ? undoButton(page) : null), failed(plan.failures));
}

/** @param {TagPreview["changes"]} changes */
function changeTable(changes) {
  const rows = changes.slice(0, MAX_ROWS).map(([path, before, after]) => el("tr", {}, el("td", { text: path }),
    el("td", { class: "soft word", text: before || "no tag" }), el("td", { class: "word", text: after })));
  return el("table", {}, ...rows, moreRow(changes.length - MAX_ROWS));
}

/** @param {Page} page */
function undoButton(page) {
  const undo = button("Undo", "Restore the old genre tags of the files that were written last",
    () => change(page, undo, async () => page.source.tags?.undo(), "Undone", "Files with their old genre tag again"),
    { id: "undo-tags" });
  return undo;
}

/** @param {Page} page @param {HTMLButtonElement} pressed @param {() => Promise<TagsWritten | undefined>} write @param {string} title @param {string} text */
function change(page, pressed, write, title, text) {
  pressed.disabled = true; // once is enough
  return attempt(page, write().then((written) => {
    if (!written) return;
    takeTags(page, written);
    openDialog(title, el("p", { text: `${text}: ${written.written.toLocaleString()}.` }), failed(written.failures),
      written.undo ? undoButton(page) : null);
  }));
}

/** @param {Failure[]} failures */
function failed(failures) {
  return failures.length ? el("section", {}, el("p", { class: "bad", text: `${count(failures.length, "file")} cannot be written:` }),
    failureTable(failures)) : null;
}
