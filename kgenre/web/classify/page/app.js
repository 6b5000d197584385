// Puts the page together: files dropped or chosen, the queue, the cards, the player, the table.

/** @import { Card, ModelAnswer, Song } from "page/types" */
import { fetchModel } from "page/api.js";
import { songCard } from "page/card.js";
import { takeFiles } from "page/files.js";
import { Player } from "page/player.js";
import { Queue } from "page/queue.js";
import { table } from "page/table.js";
import { byId } from "shared/dom.js";
import { download } from "shared/download.js";
import { count, percent } from "shared/text.js";
import { followTheme } from "shared/theme.js";

/** @type {Map<Song, Card>} */
const cards = new Map();
const status = byId("status", HTMLElement);

/** @param {ModelAnswer} model */
function start(model) {
  const player = new Player((song, slice, sounding) => cards.get(song)?.showSlice(slice, sounding),
    () => { status.textContent = "This browser does not play that format."; });
  const queue = new Queue((song) => {
    cards.get(song)?.update();
    if (song.answer && song.stage === "done") say(`${song.file.name}: ${song.answer.genres.join(", ") || song.answer.genre} ${percent(song.answer.probabilities[song.answer.genre])}`);
    if (song.stage === "failed") say(`${song.file.name} could not be classified.`);
  });
  const send = (/** @type {Song} */ song) => {
    Object.assign(song, { stage: "waiting", share: 0, error: "" });
    cards.get(song)?.update();
    queue.add(song);
  };
  const page = { model, play: player.play, pause: player.pause, isSounding: player.isSounding, again: send };
  const take = (/** @type {File[]} */ files) => {
    for (const file of files) {
      /** @type {Song} */
      const song = { file, stage: "waiting", share: 0, answer: null, error: "", stop: new AbortController() };
      const card = songCard(song, page);
      cards.set(song, card);
      byId("songs", HTMLElement).append(card.node);
      send(song);
    }
    say(files.length ? `${count(files.length, "song")} added.` : "No file was dropped.");
  };
  const redraw = () => { for (const card of cards.values()) card.redraw(); };
  takeFiles(take);
  tools(model, player);
  byId("theme", HTMLButtonElement).addEventListener("click", followTheme(redraw));
  window.addEventListener("resize", redraw);
}

/** @param {string} text */
function say(text) {
  status.textContent = text;
  const done = answers().length, failed = [...cards.keys()].filter((song) => song.stage === "failed").length;
  byId("tools", HTMLElement).hidden = !cards.size;
  byId("csv", HTMLButtonElement).disabled = !done;
  byId("counts", HTMLElement).textContent = `${done} of ${count(cards.size, "song")}${failed ? `, ${failed} failed` : ""}`;
}

function answers() { return [...cards.keys()].flatMap(({ answer }) => answer ?? []); }

/** @param {ModelAnswer} model @param {Player} player */
function tools({ labels }, player) {
  byId("csv", HTMLButtonElement).addEventListener("click", () => {
    download(new Blob([table(answers(), labels)], { type: "text/csv" }), "genres.csv");
  });
  byId("clear", HTMLButtonElement).addEventListener("click", () => {
    player.forget();
    for (const [song, { node }] of cards) {
      song.stop.abort();
      node.remove();
    }
    cards.clear();
    say("");
    byId("files", HTMLInputElement).focus();
  });
}

/** @param {ModelAnswer} model */
function describe({ name, labels, limits }) {
  byId("model", HTMLElement).textContent = `Model: ${name}, ${count(labels.length, "genre")}`;
  byId("limits", HTMLElement).textContent += ` · up to ${Math.floor(limits.max_upload_bytes / 2 ** 20)} MiB and ${limits.max_minutes} minutes`;
}

try {
  const model = await fetchModel();
  describe(model);
  start(model);
  document.documentElement.dataset.ready = "true";
} catch (error) {
  status.textContent = `The page could not start. ${/** @type {Error} */ (error).message}`;
}
