// A quiet line while tracks are analysed whole in the background: how many are done, how long it takes, pause.

/** @import { Binding, Page, RefinementStatus } from "page/core/types" */
import { attempt } from "page/actions/notices.js";
import { followRefinement, pauseRefinement } from "page/actions/refinement.js";
import { timeLeft } from "shared/text.js";
import { button, byId, el, redraw } from "shared/dom.js";

const TITLE = "The map shows a first pass of a few slices a recording. All slices are analysed now; genres, nearest and timelines become exact.";

/** @param {Page} page @returns {Binding[]} */
export function refinementSection(page) {
  const box = byId("refinement", HTMLElement);
  page.store.subscribe(["refinement"], ({ refinement: status }) => {
    box.hidden = !status || (!status.running && !status.error);
    redraw(box, status && !box.hidden ? content(page, status) : []);
  });
  followRefinement(page);
  return [];
}

/** @param {Page} page @param {RefinementStatus} status */
function content(page, status) {
  if (!status.running) return [el("span", { class: "bad", text: `Refining ended early: ${status.error}` })];
  const text = description(status), { done, total, paused } = status;
  const bar = el("span", { id: "refining", role: "progressbar", "aria-label": "Recordings analysed whole", "aria-valuemin": 0,
    "aria-valuemax": total, "aria-valuenow": done, "aria-valuetext": text, title: TITLE, text });
  return [bar, button(paused ? "Resume" : "Pause", paused ? "Go on with the analysis" : "Stop the analysis for now",
    () => attempt(page, pauseRefinement(page, !paused)), { id: "pause-refinement" })];
}

/** @param {RefinementStatus} status */
function description({ done, total, seconds_left: left, paused }) {
  const parts = [`refining ${done.toLocaleString()} of ${total.toLocaleString()}`];
  if (paused) parts.push("paused");
  else if (left !== null) parts.push(`${timeLeft(left)} left`);
  return parts.join(", ");
}
