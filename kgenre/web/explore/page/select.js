// Which track is meant and which are selected; neighbours, and the way from one song to another.

import { drawPanel } from "./parts.js";
import { link, repaint, visible } from "./app.js";
import { playSlice } from "./sound.js";
import { json, offline, say, stage, state, tell, tracks } from "./state.js";

const NEIGHBOURS = 20;

export function select(rows, add = false) {
  state.selection = add ? [...new Set([...state.selection, ...rows])] : rows;
  state.walk = null;
  state.chosen = new Uint8Array(tracks.n);
  for (const row of state.selection) state.chosen[row] = 1;
  repaint();
  drawPanel();
  link();
}

export function pick(row) { // a click on a track, on the map or in a list
  if (state.wayFrom >= 0) return tell(goTo(row));
  state.queue = state.walk = null;
  return tell(focus(row, state.sound));
}

export async function focus(row, play = false) {
  state.current = row;
  state.nearOf = -1;
  state.near = state.way = [];
  state.out = new Set();
  state.details = null;
  state.slice = -1;
  stage.mark({ current: row, near: [], way: [] });
  drawPanel();
  link();
  if (row < 0 || offline) { if (row >= 0) setNear(nearOnMap(row)); return; }
  const id = tracks.ids[row];
  try {
    const details = await json(`/track/${id}`);
    if (state.current !== row) return;
    state.details = details;
    state.slice = details.deciding;
    if (play) playSlice(row, details, details.deciding);
    drawPanel();
    await fetchNear();
  } catch (error) { say(error.message); }
}

export async function fetchNear() {
  const row = state.current, within = state.within;
  const found = await json(`/neighbours/${tracks.ids[row]}?n=${NEIGHBOURS}&within=${within}`);
  if (state.current === row && state.within === within) setNear(found.map(([id, far]) => [tracks.rowOf.get(id), far]).filter(([other]) => other !== undefined));
}

function setNear(near) {
  state.near = near;
  state.nearOf = state.current;
  stage.mark({ near: near.map(([row]) => row) });
  drawPanel();
}

function nearOnMap(row) { // of the offline page, which has no vectors
  const far = (i) => Math.hypot(tracks.x[i] - tracks.x[row], tracks.y[i] - tracks.y[row]);
  return Array.from({ length: tracks.n }, (_, i) => i).filter((i) => i !== row).sort((a, b) => far(a) - far(b))
    .slice(0, NEIGHBOURS).map((i) => [i, null]);
}

export async function goTo(row) { // the way from wayFrom to here
  const from = state.wayFrom;
  state.wayFrom = -1;
  if (row < 0 || row === from) { drawPanel(); return; }
  const ids = await json(`/way/${tracks.ids[from]}/${tracks.ids[row]}?n=12`);
  const way = ids.map((id) => tracks.rowOf.get(id)).filter((step) => step !== undefined);
  select(way);
  state.near = [];
  state.nearOf = -1;
  state.way = way;
  stage.mark({ way, near: [] });
  stage.show(way);
}

export function step(by) { // through the selection, the search's hits, or a track and its nearest
  if (!state.walk) { // kept while it is walked: each track on the way has other neighbours
    if (state.selection.length) state.walk = state.selection;
    else if (state.hits) state.walk = Array.from(state.hits.keys()).filter(visible);
    else state.walk = state.near.length ? [state.current, ...state.near.map(([row]) => row)] : [];
  }
  const rows = state.walk, at = rows.indexOf(state.current);
  if (!rows.length) { state.walk = null; return say("Select or search tracks first; N and P go through them."); }
  const row = rows[at < 0 ? (by > 0 ? 0 : rows.length - 1) : (at + by + rows.length) % rows.length];
  state.queue = null;
  tell(focus(row, state.sound));
  stage.show([row]);
}
