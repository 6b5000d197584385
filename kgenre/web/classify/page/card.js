// What is shown of one song: its way through the server, then its answer, or why there is none.

/** @import { Card, CardPage, Song } from "page/types" */
import { answered } from "page/answer.js";
import { button, el } from "shared/dom.js";
import { percent } from "shared/text.js";

const STAGES = { waiting: "Waits", uploading: "Uploading", analysing: "Analysing", done: "", failed: "" };
const WAITS_FOR_SERVER = "Waits, and tries again by itself";

/** @param {Song} song @param {CardPage} page @returns {Card} */
export function songCard(song, page) {
  const { name } = song.file, content = el("div");
  const remover = button("Remove", `Remove ${name}`, () => page.remove(song), { class: "remove", "aria-label": `Remove ${name}` });
  const bar = el("progress", { max: 1, "aria-label": `Progress of ${name}` }), stage = el("span", { class: "soft small" });
  const reason = el("p", { class: "small" }), way = el("div", {}, stage, bar, reason);
  const node = el("li", { class: "song" }, el("div", { class: "head" }, el("h2", { text: name }), remover), way, content);
  /** @type {ReturnType<typeof answered> | null} */
  let shown = null;
  const again = () => {
    remover.focus(); // its own button goes
    page.again(song);
  };
  const update = () => {
    node.dataset.stage = song.stage;
    way.hidden = song.stage === "done" || song.stage === "failed";
    stage.textContent = song.stage === "waiting" && song.reason ? WAITS_FOR_SERVER
      : STAGES[song.stage] + (song.share ? ` ${percent(song.share)}` : "");
    reason.textContent = song.reason;
    if (song.stage === "analysing" && !song.share) bar.removeAttribute("value"); // it moves, for how far it is nobody knows
    else bar.value = song.share;
    if (song.stage === "failed") content.replaceChildren(failure(song, again));
    else if (song.stage !== "done") content.replaceChildren();
    else if (!shown && song.answer) {
      shown = answered(song, song.answer, page);
      content.replaceChildren(shown.node);
      shown.redraw();
    }
  };
  update();
  return { node, remover, update, redraw: () => shown?.redraw(), showPlaying: (playing) => shown?.showPlaying(playing),
    showUnplayable: () => shown?.showUnplayable() };
}

/** @param {Song} song @param {() => void} again */
function failure({ file, reason, canRetry }, again) {
  const retry = canRetry ? button("Try again", `Upload ${file.name} again`, again) : null;
  return el("div", {}, el("p", { class: "bad", text: reason }), retry);
}
