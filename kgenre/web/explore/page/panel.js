// The side panel and what it is made of. Texts go in as textContent only: tags may hold anything.

import { css, labelColour, rampColour } from "./data.js";

export function el(tag, options = {}, ...children) {
  const { on = {}, ...rest } = options, node = document.createElement(tag);
  for (const [name, value] of Object.entries(rest)) {
    if (name === "class") node.className = value;
    else if (name === "text") node.textContent = value;
    else if (name.includes("-") || name === "role" || name === "list") node.setAttribute(name, value);
    else node[name] = value;
  }
  for (const [name, listener] of Object.entries(on)) node.addEventListener(name, listener);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

export function button(text, title, click, options = {}) { return el("button", { text, title, on: { click }, ...options }); }

export function duration(seconds) {
  const s = Math.round(seconds), two = (v) => String(v).padStart(2, "0");
  return s >= 3600 ? `${Math.floor(s / 3600)}:${two(Math.floor((s % 3600) / 60))}:${two(s % 60)}` : `${Math.floor(s / 60)}:${two(s % 60)}`;
}

export function names(tracks, row) { // artist · album · year
  const year = tracks.year[row] ? String(tracks.year[row]) : "";
  return [tracks.text("artist", row), tracks.text("album", row), year].filter(Boolean);
}

// Cover, title, artist, album: the top of the hover card and of the panel.
export function heading(tracks, row) {
  const [artist, ...rest] = names(tracks, row);
  const text = el("div", {}, el("div", { class: "title", text: tracks.titles[row] }),
    el("div", { class: "soft", text: artist || tracks.text("folder", row) }), el("div", { class: "soft small", text: rest.join(" · ") }));
  const head = el("div", { class: "head" }, text);
  if (!tracks.data.offline) {
    const image = el("img", { alt: "", on: { load: () => head.prepend(image) } });
    image.src = `/cover/${tracks.ids[row]}`;
  }
  return head;
}

export function genreBars(tracks, row) {
  const list = tracks.genres(row).filter(([, share]) => share > 0.004).map(([name, share]) => bar(name, share, css(labelColour(tracks.labels.indexOf(name)))));
  const corrected = tracks.corrections.get(row), tag = tracks.text("tag", row);
  if (corrected) list.push(el("div", { class: "small", text: `You said: ${corrected}` }));
  if (tag) list.push(el("div", { class: tracks.agreement(row) === 3 ? "small bad" : "small soft", text: `Tagged: ${tag}` }));
  return list;
}

function bar(name, share, colour) {
  const inner = el("i");
  inner.style.width = `${100 * share}%`;
  inner.style.background = colour;
  return el("div", { class: "genre" }, el("span", { text: name, title: name }), el("span", { class: "meter" }, inner),
    el("span", { text: percent(share) }));
}

const FOCUSABLE = "input, button, select";

// New parts for a box; what was being typed, the place of the focus and of lists stay. A field says with data-of whose
// text it holds: another track's does not take it over.
export function redraw(box, parts) {
  const active = box.contains(document.activeElement) ? document.activeElement : null;
  const drafts = new Map([...box.querySelectorAll("input[data-of]")].map((input) => [input.id + input.dataset.of, input.value]));
  const lists = [...box.querySelectorAll("[id] > .list")].map((list) => [list.parentNode.id, list.scrollTop]);
  const range = active && active.type === "text" ? [active.selectionStart, active.selectionEnd] : null, { scrollTop } = box;
  box.replaceChildren(...parts);
  for (const input of box.querySelectorAll("input[data-of]")) input.value = drafts.get(input.id + input.dataset.of) ?? input.value;
  for (const [id, top] of lists) { const list = box.querySelector(`#${id} > .list`); if (list) list.scrollTop = top; }
  box.scrollTop = scrollTop;
  if (!active) return;
  const same = (other) => other.tagName === active.tagName && (active.id ? other.id === active.id : other.textContent === active.textContent);
  const again = [...box.querySelectorAll(FOCUSABLE)].find(same);
  again?.focus({ preventScroll: true });
  if (range && again) again.setSelectionRange(...range);
}

// A list of tracks. options: { current, far: row -> text, first: row -> node before the text, most }.
export function trackList(tracks, rows, click, options = {}) {
  const most = options.most || 200, list = el("ul", { class: "list" });
  for (const row of rows.slice(0, most)) {
    const dot = el("span", { class: "dot" });
    dot.style.background = css(labelColour(tracks.top[row * tracks.columns]));
    list.append(el("li", { class: row === options.current ? "current" : "", on: { click: () => click(row) } },
      options.first ? options.first(row) : null, dot,
      el("div", { class: "text" }, el("div", { text: tracks.titles[row] }), el("div", { class: "soft small", text: names(tracks, row).slice(0, 2).join(" · ") || tracks.text("folder", row) })),
      el("span", { class: "far", text: options.far ? options.far(row) : duration(tracks.seconds[row]) })));
  }
  if (rows.length > most) list.append(el("li", { class: "soft", text: `and ${(rows.length - most).toLocaleString()} more` }));
  return list;
}

// Genres of each slice as stacked columns; a click tells the slice.
export function timeline(track, clipSeconds, seconds, chosen, click) {
  const canvas = el("canvas", { class: "timeline", title: "Genres slice by slice; click to play from there" });
  const n = track.starts.length, end = Math.max(seconds || 0, track.starts[n - 1] + clipSeconds);
  requestAnimationFrame(() => {
    const c = sized(canvas), { width, height } = canvas.getBoundingClientRect(), top = 12;
    for (let i = 0; i < n; i++) {
      const x = (track.starts[i] / end) * width; // windows that lie far apart are drawn where they are, wide enough to be hit
      const next = Math.min(i + 1 < n ? (track.starts[i + 1] / end) * width : width, Math.max(x + 8, ((track.starts[i] + clipSeconds) / end) * width));
      let y = height;
      track.slices[i].forEach((share, k) => {
        const h = share * (height - top);
        c.fillStyle = css(labelColour(k));
        c.globalAlpha = i === chosen ? 1 : 0.72;
        c.fillRect(x, y - h, Math.max(1, next - x - (n < 100 ? 1 : 0)), h);
        y -= h;
      });
      c.globalAlpha = 1;
      c.fillStyle = getComputedStyle(canvas).color;
      c.textAlign = "center"; c.font = "11px system-ui";
      if (i === track.deciding) c.fillText("▼", (x + next) / 2, 10);
    }
  });
  canvas.addEventListener("click", (event) => {
    const box = canvas.getBoundingClientRect(), at = ((event.clientX - box.left) / box.width) * end;
    const away = track.starts.map((start) => Math.max(start - at, at - start - clipSeconds));
    click(away.indexOf(Math.min(...away)));
  });
  return canvas;
}

// The spectrogram in grey, and over it the cells that the genre lives by, in colour.
export function heatMap(answer) {
  const canvas = el("canvas", { class: "heat" }), [bands, frames] = answer.shape;
  const bytes = Uint8Array.from(atob(answer.picture), (character) => character.charCodeAt(0));
  requestAnimationFrame(() => {
    const c = sized(canvas), { width, height } = canvas.getBoundingClientRect();
    const small = el("canvas", { width: frames, height: bands }), image = small.getContext("2d").createImageData(frames, bands);
    for (let i = 0; i < bands * frames; i++) {
      const at = 4 * ((bands - 1 - Math.floor(i / frames)) * frames + (i % frames));
      image.data.fill(bytes[i] * 0.75, at, at + 3);
      image.data[at + 3] = 255;
    }
    small.getContext("2d").putImageData(image, 0, 0);
    c.drawImage(small, 0, 0, width, height);
    const low = Math.log(50), high = Math.log(answer.edges_hz.at(-1)), y = (hz) => height * (1 - Math.max(0, (Math.log(Math.max(hz, 50)) - low) / (high - low)));
    const most = Math.max(1e-6, ...answer.heat.flat());
    answer.heat.forEach((row, band) => row.forEach((loss, part) => {
      if (loss <= 0) return;
      c.globalAlpha = 0.75 * (loss / most);
      c.fillStyle = css(rampColour(0.35 + 0.65 * (loss / most), true));
      const bottom = y(answer.edges_hz[band]), up = y(answer.edges_hz[band + 1]);
      c.fillRect((part * width) / row.length, up, width / row.length, bottom - up);
    }));
    c.globalAlpha = 1;
    c.font = "11px system-ui";
    for (const hz of [100, 400, 1600, 6400]) {
      if (hz > answer.edges_hz.at(-1)) continue;
      c.fillStyle = "#000a"; c.fillRect(0, y(hz) - 7, 42, 14);
      c.fillStyle = "#fff"; c.fillText(hz < 1000 ? `${hz} Hz` : `${hz / 1000} kHz`, 3, y(hz) + 4);
    }
  });
  const most = Math.max(...answer.heat.flat());
  const words = most < 0.02
    ? `No single cell decides: without any one of them it stays ${answer.genre}.`
    : `Without the brightest cell ${answer.genre} falls from ${percent(answer.probability)} to ${percent(answer.probability - most)}.`;
  return el("section", {}, canvas, el("div", { class: "small soft", text: words }));
}

export function percent(share) { return `${Math.round(100 * share)}\u00a0%`; }

function sized(canvas) {
  const ratio = window.devicePixelRatio || 1, { width, height } = canvas.getBoundingClientRect();
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  return context;
}

export function openDialog(title, ...content) {
  const dialog = document.getElementById("dialog");
  const parts = content.filter((part) => part !== null && part !== "");
  dialog.replaceChildren(el("h2", {}, el("span", { text: title }), button("Close", "Close (Esc)", () => dialog.close())), ...parts);
  if (!dialog.open) dialog.showModal();
}
