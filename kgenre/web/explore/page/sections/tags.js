// The dialog that writes genres and moods into files: first what would change, then the writing, then its undoing.

/** @import { TagChoices } from "page/actions/tags.js" */
/** @import { Binding, Failure, Page, TagPreview, TagsWritten } from "page/core/types" */
import { attempt, leftOut, reasonOf, say } from "page/actions/notices.js";
import { takeTags, wantedTags } from "page/actions/tags.js";
import { count } from "shared/text.js";
import { dialogControls, failureTable, isDialogOpen, moreRow, openDialog } from "page/ui/dialog.js";
import { button, byId, el } from "shared/dom.js";

const MAX_ROWS = 500;
/** @type {TagChoices} */
const AT_FIRST = { overwrite: false, several: false, moods: false };
let asked = 0; // the number of the last question: what comes after it answers no older one

/** @param {Page} page @returns {Binding[]} */
export function tagsSection(page) {
  page.store.subscribe(["tagDialog"], ({ tagDialog }) => { if (tagDialog) attempt(page, preview(page, tagDialog.rows, { ...AT_FIRST })); });
  return [];
}

/** @param {Page} page @param {readonly number[]} rows @param {TagChoices} choices what the boxes of the dialog change @param {boolean} again for the dialog that is open */
async function preview(page, rows, choices, again = false) {
  const { tags } = page.source, wanted = wantedTags(page, rows, choices), mine = ++asked;
  if (!tags) return;
  /** @type {TagPreview} */
  const plan = await tags.preview(wanted);
  if (again && !isDialogOpen()) return; // it was closed meanwhile
  if (mine !== asked) return; // another answer is on its way, or tags are being written
  const write = button(`Write ${count(plan.changes.length, "tag")}`, "Change the files; the old tags are kept for Undo",
    () => change(page, write, () => tags.write({ ...wanted, plan: plan.plan }), "Tags written", "Changed"),
    { class: "main", id: "write-tags", disabled: !plan.changes.length });
  const moods = choices.moods ? ", and the moods among the tags that the model finds likely," : "";
  openDialog("Tags of files: nothing is written yet",
    el("p", { class: "soft", text: `The corrected genre, or else the predicted one${moods} would be written into ${filesOf(plan)}:` }),
    changeTable(plan.changes, choices.moods), ...boxes(page, rows, choices),
    el("p", { class: "row" }, write, plan.undo ? undoButton(page) : null), failed(plan.failures),
    plan.skipped ? el("p", { class: "bad", text: leftOut(plan.skipped) }) : null);
}

/** @param {Page} page @param {readonly number[]} rows @param {TagChoices} choices */
function boxes(page, rows, choices) {
  const { several, tagNames } = page.tracks;
  const box = (/** @type {string} */ id, /** @type {keyof TagChoices} */ name, /** @type {string} */ text) => {
    const input = el("input", { type: "checkbox", id, checked: choices[name],
      on: { change: () => { choices[name] = input.checked; again(page, rows, choices, input); } } });
    return el("p", {}, el("label", {}, input, ` ${text}`));
  };
  return [several ? null : box("several-genres", "several", "several genres, where further ones have at least 20\u00a0%"),
    tagNames.length ? box("write-moods", "moods", "also moods") : null,
    box("overwrite-tags", "overwrite", "also overwrite genre tags of recordings that you did not correct, and moods")];
}

/** What would change after a box was ticked; until it is shown, nothing can be written. @param {Page} page @param {readonly number[]} rows @param {TagChoices} choices @param {HTMLInputElement} box */
async function again(page, rows, choices, box) {
  byId("write-tags", HTMLButtonElement).disabled = true;
  forgetError();
  try { await preview(page, rows, choices, true); } catch (error) { tell(page, box, reasonOf(error)); }
}

/** @param {TagPreview["changes"]} changes @param {boolean} named whether the fields are named: there are moods too */
function changeTable(changes, named) {
  const rows = changes.slice(0, MAX_ROWS).map(([path, field, before, after]) => el("tr", {}, el("td", { text: path }),
    named ? el("td", { class: "soft word", text: field }) : null,
    el("td", { class: "soft word", text: before || `no ${field === "mood" ? "mood" : "tag"}` }), el("td", { class: "word", text: after })));
  return el("table", {}, ...rows, moreRow(changes.length - MAX_ROWS));
}

/** @param {{ files: number, recordings: number }} counts */
function filesOf({ files, recordings }) { return `${count(files, "file")} of ${count(recordings, "recording")}`; }

/** @param {Page} page */
function undoButton(page) {
  const undo = button("Undo", "Restore the old tags of the files that were written last",
    () => change(page, undo, async () => page.source.tags?.undo(), "Undone", "With their old tags again"),
    { id: "undo-tags" });
  return undo;
}

/** @param {Page} page @param {HTMLButtonElement} pressed @param {() => Promise<TagsWritten | undefined>} write @param {string} title @param {string} text */
async function change(page, pressed, write, title, text) {
  const used = dialogControls(); // once is enough, and what is written now is what the boxes say
  asked++;
  for (const control of used) control.disabled = true;
  forgetError();
  try {
    const written = await write();
    if (!written) return;
    takeTags(page, written);
    openDialog(title, el("p", { text: `${text}: ${filesOf(written)}.` }), failed(written.failures),
      written.undo ? undoButton(page) : null);
  } catch (error) {
    for (const control of used) control.disabled = false;
    tell(page, pressed, reasonOf(error));
  }
}

function forgetError() { document.getElementById("tags-error")?.remove(); }

/** Below what was used in the dialog, where a notice would lie behind it. @param {Page} page @param {HTMLElement} used @param {string} text */
function tell(page, used, text) {
  if (!isDialogOpen() || !used.isConnected) return say(page, text);
  forgetError(); // of an answer before this one
  (used.closest("p") ?? used).after(el("p", { id: "tags-error", class: "bad", role: "alert", text }));
}

/** @param {Failure[]} failures */
function failed(failures) {
  return failures.length ? el("section", {}, el("p", { class: "bad", text: `${count(failures.length, "file")} cannot be written:` }),
    failureTable(failures)) : null;
}
