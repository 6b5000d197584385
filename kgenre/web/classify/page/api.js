// Requests to the server. Uploads by XMLHttpRequest, which alone tells how far they are.

/** @import { Answer, ModelAnswer } from "page/types" */

const GONE = "The server does not answer. Is it still running?";

// Where the cause alone would not say what it is about.
const UNUSABLE = "This file cannot be used:", UNFINISHED = "This song could not be classified:";
const REFUSED = [413, 422]; // answers that stay the same for a file
const MIN_PAUSE = 0.2, PAUSE = 2; // seconds

/** The server has too much to do (429, a queue that moves), or is not ready (503). */
export class Busy extends Error {
  /** @param {string} reason @param {number} seconds to wait @param {boolean} isQueue */
  constructor(reason, seconds, isQueue) {
    super(reason);
    this.seconds = seconds;
    this.isQueue = isQueue;
  }
}

/** The server will never take this file. */
export class Refused extends Error {}

/** @returns {Promise<ModelAnswer>} */
export async function fetchModel() {
  const response = await fetch("/api/model").catch(() => { throw new Error(GONE); });
  if (!response.ok) throw new Error(`The server answered ${response.status}.`);
  return response.json();
}

/**
 * @param {File} file
 * @param {(stage: "uploading" | "analysing", share: number) => void} progress
 * @param {AbortSignal} signal
 * @returns {Promise<Answer>}
 */
export function classify(file, progress, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest(), form = new FormData();
    form.append("file", file);
    request.upload.onprogress = ({ loaded, total }) => progress("uploading", total ? loaded / total : 0);
    request.upload.onload = () => progress("analysing", 0);
    request.onprogress = () => { if (request.status === 200) progress("analysing", lastShare(request.responseText)); };
    request.onload = () => {
      try { resolve(result(request)); } catch (error) { reject(error); }
    };
    request.onerror = () => reject(new Error(GONE));
    request.onabort = () => reject(new Error("Stopped."));
    signal.addEventListener("abort", () => request.abort());
    request.open("POST", "/api/predict/stream");
    request.send(form);
  });
}

/** @param {string} text lines of JSON, the last perhaps in parts */
function lastShare(text) {
  const line = text.slice(0, Math.max(0, text.lastIndexOf("\n"))).split("\n").pop();
  return line ? JSON.parse(line).progress ?? 1 : 0;
}

/** @param {XMLHttpRequest} request that has ended @returns {Answer} */
function result(request) {
  const { status, responseText } = request, last = parsed(responseText.trim().split("\n").pop() ?? ""), cause = last.error ?? "";
  if (status === 200 && last.result) return last.result;
  if (status === 200) throw new Error(`${UNFINISHED} ${cause || "the answer broke off."}`);
  if (status === 429 || status === 503) throw new Busy(sentence(cause || "the server is busy."), retryAfter(request), status === 429);
  if (status === 422 && cause) throw new Refused(`${UNUSABLE} ${cause}`);
  const text = sentence(cause || `the server answered ${status}.`);
  throw REFUSED.includes(status) ? new Refused(text) : new Error(text);
}

/** @param {XMLHttpRequest} request */
function retryAfter(request) {
  const seconds = Number.parseFloat(request.getResponseHeader("Retry-After") ?? "");
  return Number.isFinite(seconds) ? Math.max(MIN_PAUSE, seconds) : PAUSE;
}

/** @param {string} text */
function sentence(text) { return text.charAt(0).toUpperCase() + text.slice(1); }

/** @param {string} line */
function parsed(line) { try { return JSON.parse(line); } catch { return {}; } }
