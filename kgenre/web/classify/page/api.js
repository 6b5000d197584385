// Requests to the server. Uploads by XMLHttpRequest, which alone tells how far they are.

/** @import { Answer, ModelAnswer } from "page/types" */

const GONE = "The server does not answer. Is it still running?";

/** The server has too much to do, or is not ready yet. */
export class Busy extends Error {
  /** @param {number} seconds to wait */
  constructor(seconds) {
    super("busy");
    this.seconds = seconds;
  }
}

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
  const line = text.slice(0, text.lastIndexOf("\n")).split("\n").pop();
  return line ? JSON.parse(line).progress ?? 1 : 0;
}

/** @param {XMLHttpRequest} request that has ended @returns {Answer} */
function result(request) {
  const { status, responseText } = request;
  if (status === 429 || status === 503) throw new Busy(Number(request.getResponseHeader("Retry-After")) || 2);
  const last = parsed(responseText.trim().split("\n").pop() ?? "");
  if (status !== 200 || !last.result) throw new Error(last.error ?? "The answer broke off.");
  return last.result;
}

/** @param {string} line */
function parsed(line) { try { return JSON.parse(line); } catch { return {}; } }
