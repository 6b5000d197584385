// The data source of a page that `kgenre explore` serves: everything is asked from the server.

/** @import { DataSource, LibraryData } from "page/core/types" */
import { NoAnswer } from "page/core/no_answer.js";
import { PART_SECONDS } from "page/core/parts.js";

/** @param {string} token that only our own page knows; the server changes nothing without it */
export async function openServerSource(token) {
  const get = async (/** @type {string} */ path) => (await request(path)).json();
  const post = (/** @type {string} */ path, /** @type {object} */ body) => request(path, {
    method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json", "X-Kgenre-Token": token },
  });
  const postJson = async (/** @type {string} */ path, /** @type {object} */ body = {}) => (await post(path, body)).json();
  return serverSource(await get("/data"), get, post, postJson);
}

/**
 * @param {LibraryData} data
 * @param {(path: string) => Promise<any>} get
 * @param {(path: string, body: object) => Promise<Response>} post
 * @param {(path: string, body?: object) => Promise<any>} postJson
 * @returns {DataSource}
 */
function serverSource(data, get, post, postJson) {
  const exported = async (/** @type {string} */ kind, /** @type {number[]} */ ids) => {
    const answer = await post("/playlist", { ids, kind });
    return { file: await answer.blob(), skipped: Number(answer.headers.get("X-Kgenre-Skipped")) };
  };
  return {
    data,
    limits: "",
    csv: (ids) => exported("csv", ids),
    playlist: (ids) => exported("m3u8", ids),
    tagTable: () => get("/tag-table"),
    track: (id) => get(`/track/${id}`),
    neighbours: (id, count, maxDistance, exclude = [], avoid = []) => (
      get(`/neighbours/${id}?${new URLSearchParams([["n", String(count)], ["max_distance", String(maxDistance)],
        ...exclude.map((one) => ["exclude", String(one)]), ...avoid.map((one) => ["avoid", String(one)])])}`)),
    path: (first, last, count) => get(`/path/${first}/${last}?n=${count}`),
    heatMap: data.heat_map ? (id, slice, start) => get(`/heat-map/${id}/${slice}?start=${start}`) : undefined,
    coverUrl: (id) => `/cover/${id}`,
    audio: {
      fileUrl: (id) => `/audio/${id}`,
      excerpt: async (id, start) => (await request(`/excerpt/${id}?start=${start}&seconds=${PART_SECONDS}`)).arrayBuffer(),
    },
    corrections: {
      correct: (ids, genre) => postJson("/corrections", { ids, genre }),
      preview: (useTags) => postJson("/head/preview", { use_tags: useTags }),
      retrain: (plan) => postJson("/head/retrain", { plan }),
      undo: () => postJson("/head/undo"),
    },
    tags: {
      preview: (wanted) => postJson("/tags/preview", wanted),
      write: (wanted) => postJson("/tags/write", wanted),
      undo: () => postJson("/tags/undo"),
    },
    refinement: data.refines ? {
      changes: (since) => get(`/changes?since=${since}`),
      pause: (paused) => postJson("/refinement", { paused }),
    } : undefined,
    failures: data.failures,
  };
}

/** @param {string} path @param {RequestInit} [options] */
async function request(path, options) {
  let response;
  try { response = await fetch(path, options); } catch {
    throw new NoAnswer("kgenre does not respond. Is it still running in the terminal?");
  }
  if (!response.ok) throw new Error((await response.json().catch(() => ({}))).error || `error ${response.status}`);
  return response;
}
