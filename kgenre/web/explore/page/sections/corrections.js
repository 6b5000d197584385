// The corrections as a whole: retraining from them, and the way back to the original model.

/** @import { Binding, Page, RetrainReport, State } from "page/core/types" */
import { resetHead, retrain } from "page/actions/corrections.js";
import { attempt, say } from "page/actions/notices.js";
import { count } from "shared/text.js";
import { focusCorrection } from "page/ui/correction_form.js";
import { openDialog } from "page/ui/dialog.js";
import { button, byId, el, redraw } from "shared/dom.js";

/** @param {Page} page @returns {Binding[]} */
export function correctionsSection(page) {
  const section = byId("corrections", HTMLElement), genres = byId("genres", HTMLDataListElement);
  const available = Boolean(page.source.corrections);
  page.store.subscribe(["corrections", "retrained", "useTags"], (state) => {
    section.hidden = !available || (!state.corrections.size && !state.retrained);
    redraw(section, section.hidden ? [] : [content(page, state)]);
  });
  page.store.subscribe(["corrections", "genres"], ({ corrections }) => { // what a correction may name
    const names = new Set([...page.tracks.labels, ...corrections.values()]);
    genres.replaceChildren(...[...names].map((value) => el("option", { value })));
  });
  return [
    { label: "G", text: "correct the genre", keys: ["g"], available,
      run: () => { if (!focusCorrection()) say(page, "Choose a track first, or select some."); } },
    { label: "R", text: "retrain on the corrections", keys: ["r"], available, run: () => start(page) },
  ];
}

/** @param {Page} page @param {State} state */
function content(page, { corrections, retrained, useTags }) {
  const { size } = corrections, text = retrained ? `retrained · ${count(size, "correction")}` : count(size, "correction");
  const tags = el("input", { type: "checkbox", id: "use-tags", checked: useTags,
    on: { change: () => page.store.set({ useTags: tags.checked }) } });
  return el("div", { class: "row small" }, el("span", { class: "soft", text }),
    size ? button("Retrain", "Fit the last layer to your corrections, in seconds (R)", () => start(page), { id: "retrain" }) : null,
    size ? el("label", { title: "Also learn from tracks whose genre tag names one of the genres" }, tags, " use tags too") : null,
    retrained ? button("Undo retraining", "Back to the genres of the original model", () => attempt(page, resetHead(page)),
      { id: "reset-head" }) : null);
}

/** @param {Page} page */
function start(page) { attempt(page, retrain(page).then(showReport)); }

/** @param {RetrainReport} report */
function showReport({ labelled_tracks: labelled, evaluated_tracks: evaluated, accuracy_before: before, accuracy_after: after }) {
  const share = (/** @type {number} */ value) => `${(100 * value).toFixed(1)} %`;
  if (before === null || after === null) {
    return openDialog("Retrained", el("p", { id: "accuracy", text: `Learned from ${count(labelled, "track")}, each genre from ` +
      "one album: too few to measure the accuracy. Correct tracks of other albums too." }));
  }
  openDialog("Retrained",
    el("p", { id: "accuracy", text: `Of ${count(evaluated, "track")} with a known genre ${share(before)} were right before, ${share(after)} are right after.` }),
    el("p", { class: "soft", text: "Accuracy after retraining is cross-validated: each album is predicted by a head that has not learned from it." }),
    evaluated === labelled ? null : el("p", { class: "soft", text: `${count(labelled - evaluated, "more track")} of genres known from one album only cannot be evaluated.` }));
}
