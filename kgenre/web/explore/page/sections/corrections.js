// The corrections as a whole: what retraining from them would change, its application, and the way back.

/** @import { Binding, Page, RetrainPlan, State } from "page/core/types" */
import { applyRetraining, cancelRetraining, headBefore, planRetraining, undoRetraining } from "page/actions/corrections.js";
import { attempt, say } from "page/actions/notices.js";
import { pickAndReveal } from "page/actions/tracks.js";
import { count } from "shared/text.js";
import { focusCorrection } from "page/ui/correction_form.js";
import { closeDialog, moreRow, openDialog } from "page/ui/dialog.js";
import { button, byId, el, redraw } from "shared/dom.js";

const MAX_ROWS = 500;

/** @param {Page} page @returns {Binding[]} */
export function correctionsSection(page) {
  const section = byId("corrections", HTMLElement), genres = byId("genres", HTMLDataListElement);
  const available = Boolean(page.source.corrections);
  page.store.subscribe(["corrections", "heads", "retraining", "useTags"], (state) => {
    section.hidden = !available || (!state.corrections.size && !state.heads.length);
    redraw(section, section.hidden ? [] : [content(page, state), state.retraining ? pending(page, state.retraining) : null]);
  });
  page.store.subscribe(["corrections", "genres"], ({ corrections }) => { // what a correction may name
    const names = new Set([...page.tracks.labels, ...corrections.values()]);
    genres.replaceChildren(...[...names].map((value) => el("option", { value })));
  });
  return [
    { label: "G", text: "correct the genre", keys: ["g"], available,
      run: () => { if (!focusCorrection()) say(page, "Choose a recording first, or select some."); } },
    { label: "R", text: "what retraining on the corrections would change", keys: ["r"], available, run: () => start(page) },
  ];
}

/** @param {Page} page @param {State} state */
function content(page, { corrections, heads, useTags }) {
  const { size } = corrections, text = heads.length ? `retrained · ${count(size, "correction")}` : count(size, "correction");
  const tags = el("input", { type: "checkbox", id: "use-tags", checked: useTags,
    on: { change: () => page.store.set({ useTags: tags.checked, retraining: null }) } });
  return el("div", { class: "row small" }, el("span", { class: "soft", text }),
    size ? button("Retrain…", "Fit the last layer to your corrections, and see what would change (R)", () => start(page), { id: "retrain" }) : null,
    size ? el("label", { title: "Also learn from recordings whose genre tag names one of the genres" }, tags, " use tags too") : null,
    heads.length ? button("Undo retraining", `Back to ${headBefore(heads)}`, () => attempt(page, undoRetraining(page)),
      { id: "undo-retraining" }) : null);
}

/** A retraining that was looked at and neither applied nor cancelled. @param {Page} page @param {RetrainPlan} plan */
function pending(page, plan) {
  return el("div", { class: "row small" }, el("span", { text: wouldChange(plan) }),
    button("List", "Show these recordings again (R)", () => start(page), { id: "list-retraining" }), ...decision(page, ""));
}

/** @param {Page} page */
function start(page) {
  const { retraining } = page.store.state;
  if (retraining) showPlan(page, retraining);
  else attempt(page, planRetraining(page).then((plan) => { if (plan) showPlan(page, plan); }));
}

/** @param {Page} page @param {RetrainPlan} plan */
function showPlan(page, plan) {
  openDialog("Retraining: nothing is changed yet", el("p", { id: "would-change", text: wouldChange(plan) }),
    ...accuracy(plan), el("p", { class: "row" }, ...decision(page, "-in-dialog")), changeTable(page, plan));
}

/** @param {RetrainPlan} plan */
function wouldChange({ changes: { length } }) {
  return length ? `${count(length, "recording")} would have another genre.` : "No recording would have another genre.";
}

/** Apply and Cancel, which end what is pending. @param {Page} page @param {"" | "-in-dialog"} place */
function decision(page, place) {
  return [
    button("Apply", "Use the retrained head; Undo retraining goes back", () => { closeDialog(); attempt(page, applyRetraining(page)); },
      { class: "main", id: `apply-retraining${place}` }),
    button("Cancel", "Leave the genres as they are", () => { closeDialog(); cancelRetraining(page); }, { id: `cancel-retraining${place}` }),
  ];
}

/** @param {Page} page @param {RetrainPlan} plan */
function changeTable(page, { changes }) {
  const { rowOf, titles } = page.tracks, { corrections } = page.store.state;
  const rows = changes.slice(0, MAX_ROWS).map(([id, before, after]) => {
    const row = rowOf.get(id);
    if (row === undefined) return null; // it has left the library since
    const show = button(titles[row], "Show the recording on the map; R comes back here", () => { closeDialog(); pickAndReveal(page, row); }, { class: "plain" });
    return el("tr", {}, el("td", {}, show), el("td", { class: "soft word", text: corrections.has(row) ? "corrected" : "" }),
      el("td", { class: "word", text: `${before} → ${after}` }));
  });
  return el("table", { id: "changed-genres" }, ...rows, moreRow(changes.length - MAX_ROWS));
}

/** @param {RetrainPlan} plan */
function accuracy({ labelled_tracks: labelled, evaluated_tracks: evaluated, accuracy_before: before, accuracy_after: after }) {
  const share = (/** @type {number} */ value) => `${(100 * value).toFixed(1)} %`;
  if (before === null || after === null) {
    return [el("p", { id: "accuracy", text: `Learned from ${count(labelled, "recording")}, each genre from one album: ` +
      "too few to measure the accuracy. Correct recordings of other albums too." })];
  }
  return [
    el("p", { id: "accuracy", text: `Of ${count(evaluated, "recording")} with a known genre ${share(before)} are right before, ${share(after)} after.` }),
    el("p", { class: "soft", text: "Accuracy after retraining is cross-validated: each album is predicted by a head that has not learned from it." }),
    evaluated === labelled ? null : el("p", { class: "soft", text: `${count(labelled - evaluated, "more recording")} of genres known from one album only cannot be evaluated.` }),
  ];
}
