// A slice's spectrogram in grey, and over it in colour the cells without which the genre loses probability.

/** @import { HeatMap } from "page/core/types" */
import { css, rampColour } from "shared/colours.js";
import { percent } from "shared/text.js";
import { context2d, sharpContext } from "shared/canvas.js";
import { el } from "shared/dom.js";

const LOWEST_HZ = 50;
const TICKS_HZ = [100, 400, 1600, 6400];
const MIN_LOSS = 0.02; // of a cell that is worth naming

/** @param {HeatMap} answer */
export function heatMap(answer) {
  const canvas = el("canvas", { class: "heat", role: "img", "aria-label": description(answer) }), largest = Math.max(...answer.probability_loss.flat());
  requestAnimationFrame(() => draw(canvas, answer, largest));
  const text = largest < MIN_LOSS
    ? `No single cell decides: without any one of them the genre stays ${answer.genre}.`
    : `Without the brightest cell the probability of ${answer.genre} falls from ${percent(answer.probability)} to ${percent(answer.probability - largest)}.`;
  return el("section", {}, canvas, el("div", { class: "small soft", text }));
}

/** Which cell matters most. @param {HeatMap} answer */
function description({ genre, probability_loss: losses, band_edges_hz: edges }) {
  const largest = Math.max(...losses.flat()), band = losses.findIndex((row) => row.includes(largest)), part = losses[band].indexOf(largest);
  const [low, high] = [edges[band], edges[band + 1]].map((hz) => Math.round(hz));
  return "Spectrogram of the slice with the cells that matter: " + (largest < MIN_LOSS ? "none stands out"
    : `most for ${genre} from ${low} to ${high} Hz, in part ${part + 1} of ${losses[band].length} of its time`);
}

/** @param {HTMLCanvasElement} canvas @param {HeatMap} answer @param {number} largest loss */
function draw(canvas, answer, largest) {
  const { context, width, height } = sharpContext(canvas), edges = answer.band_edges_hz;
  const highest = edges[edges.length - 1], span = Math.log(highest) - Math.log(LOWEST_HZ);
  const y = (/** @type {number} */ hz) => height * (1 - (Math.log(Math.max(hz, LOWEST_HZ)) - Math.log(LOWEST_HZ)) / span);
  context.drawImage(spectrogram(answer), 0, 0, width, height);
  answer.probability_loss.forEach((losses, band) => losses.forEach((loss, part) => {
    if (loss <= 0) return;
    const share = loss / largest, top = y(edges[band + 1]);
    context.globalAlpha = 0.75 * share;
    context.fillStyle = css(rampColour(0.35 + 0.65 * share, true));
    context.fillRect((part * width) / losses.length, top, width / losses.length, y(edges[band]) - top);
  }));
  context.globalAlpha = 1;
  context.font = "11px system-ui";
  for (const hz of TICKS_HZ.filter((tick) => tick <= highest)) {
    context.fillStyle = "#000a";
    context.fillRect(0, y(hz) - 7, 42, 14);
    context.fillStyle = "#fff";
    context.fillText(hz < 1000 ? `${hz} Hz` : `${hz / 1000} kHz`, 3, y(hz) + 4);
  }
}

/** @param {HeatMap} answer */
function spectrogram({ spectrogram: base64, spectrogram_shape: [bands, frames] }) {
  const values = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const canvas = el("canvas", { width: frames, height: bands }), context = context2d(canvas);
  const image = context.createImageData(frames, bands);
  for (let i = 0; i < bands * frames; i++) {
    const at = 4 * ((bands - 1 - Math.floor(i / frames)) * frames + (i % frames)); // the lowest band is the last line
    image.data.fill(values[i] * 0.75, at, at + 3);
    image.data[at + 3] = 255;
  }
  context.putImageData(image, 0, 0);
  return canvas;
}
