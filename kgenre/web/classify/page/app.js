// Puts the page together: files dropped or chosen, the queue, the cards, the player, the table.

/** @import { Card, ModelAnswer, Song } from "page/types" */
import { fetchModel } from "page/api.js";
import { songCard } from "page/card.js";
import { takeFiles } from "page/files.js";
import { Player } from "page/player.js";
import { Queue } from "page/queue.js";
import { tell, warn } from "page/status.js";
import { table } from "page/table.js";
import { byId } from "shared/dom.js";
import { download } from "shared/download.js";
import { count, percent } from "shared/text.js";
import { followTheme } from "shared/theme.js";

/** @type {Map<Song, Card>} */
const cards = new Map();

/** @param {ModelAnswer} model */
function start(model) {
  const player = new Player(model.slice_seconds, (song, playing) => cards.get(song)?.showPlaying(playing),
    (song) => cards.get(song)?.showUnplayable());
  const queue = new Queue((song) => {
    cards.get(song)?.update();
    const text = result(song);
    if (text) say(text);
  });
  const send = (/** @type {Song} */ song) => {
    Object.assign(song, { stage: "waiting", share: 0, reason: "" });
    cards.get(song)?.update();
    queue.add(song);
  };
  const again = (/** @type {Song} */ song) => {
    send(song);
    say(`${song.file.name} is tried again.`);
  };
  const page = { model, play: player.play, toggle: player.toggle, again, remove: (/** @type {Song} */ song) => remove(song, player) };
  takeFiles((files) => {
    for (const file of files) {
      /** @type {Song} */
      const song = { file, stage: "waiting", share: 0, answer: null, reason: "", canRetry: false, stop: new AbortController() };
      const card = songCard(song, page);
      cards.set(song, card);
      byId("songs", HTMLElement).append(card.node);
      send(song);
    }
    say(files.length ? `${count(files.length, "song")} added.` : "No file was dropped.");
  });
  const redraw = () => { for (const card of cards.values()) card.redraw(); };
  tools(model, player);
  byId("theme", HTMLButtonElement).addEventListener("click", followTheme(redraw));
  window.addEventListener("resize", redraw);
}

/** What is told of a song that has ended. @param {Song} song */
function result({ file, stage, answer }) {
  if (stage === "failed") return `${file.name} could not be classified.`;
  if (stage !== "done" || !answer) return "";
  return `${file.name}: ${answer.genres.join(", ") || answer.genre} ${percent(answer.probabilities[answer.genre])}.`;
}

/** @param {string} news */
function say(news) {
  tell(cards.keys(), news);
  byId("tools", HTMLElement).hidden = !cards.size;
  byId("csv", HTMLButtonElement).disabled = !answers().length;
}

function answers() { return [...cards.keys()].flatMap(({ answer }) => answer ?? []); }

/** The focus goes to the next card, or the one before. @param {Song} song @param {Player} player */
function remove(song, player) {
  const order = [...cards.keys()], at = order.indexOf(song), next = order[at + 1] ?? order[at - 1];
  drop([song], player);
  say(`${song.file.name} removed.`);
  (cards.get(next)?.remover ?? byId("files", HTMLInputElement)).focus();
}

/** @param {Song[]} songs @param {Player} player */
function drop(songs, player) {
  for (const song of songs) {
    player.forget(song);
    song.stop.abort();
    cards.get(song)?.node.remove();
    cards.delete(song);
  }
}

/** @param {ModelAnswer} model @param {Player} player */
function tools({ labels }, player) {
  byId("csv", HTMLButtonElement).addEventListener("click", () => {
    download(new Blob([table(answers(), labels)], { type: "text/csv" }), "genres.csv");
  });
  byId("clear", HTMLButtonElement).addEventListener("click", () => {
    drop([...cards.keys()], player);
    say("All songs removed.");
    byId("files", HTMLInputElement).focus();
  });
}

/** @param {ModelAnswer} model */
function describe({ name, labels, limits }) {
  byId("model", HTMLElement).textContent = `Model: ${shortName(name)}, ${count(labels.length, "genre")}`;
  byId("limits", HTMLElement).textContent += ` · up to ${Math.floor(limits.max_upload_bytes / 2 ** 20)} MiB and ${limits.max_minutes} minutes`;
}

/** Of a model on a server behind this one or in a folder, without where that is. @param {string} name */
function shortName(name) {
  const [path] = name.split(/\/(?:versions|labels)\//);
  return path.split("/").filter(Boolean).pop() ?? name;
}

try {
  const model = await fetchModel();
  describe(model);
  start(model);
  document.documentElement.dataset.ready = "true";
} catch (error) {
  warn(`The page could not start. ${/** @type {Error} */ (error).message}`);
}
