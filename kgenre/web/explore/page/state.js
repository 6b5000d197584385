// What the page knows at the moment, and how it talks to the server. The other scripts share it.

export const $ = (id) => document.getElementById(id);
export const audio = $("audio");
export const state = {
  selection: [], chosen: null, current: -1, hits: null, colour: "prediction", folder: "", hidden: new Set(),
  near: [], nearOf: -1, out: new Set(), way: [], wayFrom: -1, walk: null, within: 1, details: null, slice: -1, heat: null, asking: null,
  playing: -1, queue: null, sound: true, learnTags: false,
};
export let tracks, stage, offline;

export function begin(library) {
  tracks = library;
  offline = tracks.data.offline;
}

export function setStage(map) { stage = map; }

export async function ask(path, body) {
  const token = document.querySelector('meta[name="kgenre-token"]').content;
  const options = body === undefined ? {} : {
    method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json", "X-Kgenre-Token": token } };
  let answer;
  try { answer = await fetch(path, options); } catch { throw new Error("kgenre does not answer. Is it still running in the terminal?"); }
  if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).error || `error ${answer.status}`);
  return answer;
}

export const json = async (path, body) => (await ask(path, body)).json();

export function say(text) {
  $("message").textContent = text;
  $("message").classList.add("shown");
  clearTimeout(say.timer);
  say.timer = setTimeout(() => $("message").classList.remove("shown"), 3500);
}

export function tell(promise) { return promise.catch((error) => say(error.message)); }
