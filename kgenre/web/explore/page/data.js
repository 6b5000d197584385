// The library as columns, one row a track; search and colours. Nothing here touches the page.

export function unpack(text, Type) {
  const bytes = atob(text), array = new Uint8Array(bytes.length);
  for (let i = 0; i < bytes.length; i++) array[i] = bytes.charCodeAt(i);
  return new Type(array.buffer);
}

export class Tracks {
  constructor(data) {
    this.data = data;
    this.ids = unpack(data.ids, Int32Array);
    this.n = this.ids.length;
    this.x = unpack(data.x, Float32Array);
    this.y = unpack(data.y, Float32Array);
    this.year = unpack(data.year, Int16Array);
    this.seconds = unpack(data.seconds, Float32Array);
    this.titles = data.titles;
    for (const name of ["artist", "album", "folder", "tag"]) {
      this[name] = { names: data[name].names, codes: unpack(data[name].codes, Int32Array) };
    }
    this.corrections = new Map(Object.entries(data.corrections).map(([row, genre]) => [Number(row), genre]));
    this.rowOf = new Map();
    for (let i = 0; i < this.n; i++) this.rowOf.set(this.ids[i], i);
    this.setGenres(data);
  }

  setGenres(data) { // of the model, or of a retrained head
    const rows = Array.from(unpack(data.ids, Int32Array), (id) => this.rowOf.get(id)); // the library may have changed since
    const top = unpack(data.top, Uint16Array), strength = unpack(data.strength, Uint8Array);
    this.labels = data.labels;
    this.columns = data.columns;
    this.top = new Uint16Array(this.n * this.columns);
    this.strength = new Uint8Array(this.n * this.columns);
    rows.forEach((row, i) => {
      if (row === undefined) return;
      for (let k = 0; k < this.columns; k++) {
        this.top[row * this.columns + k] = top[i * this.columns + k];
        this.strength[row * this.columns + k] = strength[i * this.columns + k];
      }
    });
    this.retrained = Boolean(data.retrained);
  }

  setTag(row, text) {
    let code = this.tag.names.indexOf(text);
    if (code < 0) {
      code = this.tag.names.push(text) - 1;
      if (this.folded) this.folded.tag.push(fold(text));
    }
    this.tag.codes[row] = code;
  }

  text(name, row) { return this[name].names[this[name].codes[row]] || ""; }
  genre(row) { return this.labels[this.top[row * this.columns]]; }
  confidence(row) { return this.strength[row * this.columns] / 255; }
  genres(row) {
    return Array.from({ length: this.columns }, (_, k) => [
      this.labels[this.top[row * this.columns + k]], this.strength[row * this.columns + k] / 255]);
  }

  // 0 no tag, 1 the tag is none of the labels, 2 both agree, 3 they disagree.
  agreement(row) {
    const tag = plain(this.text("tag", row));
    if (!tag) return 0;
    this.plainLabels = this.plainLabels && this.plainFor === this.labels ? this.plainLabels : new Set(this.labels.map(plain));
    this.plainFor = this.labels;
    if (!this.plainLabels.has(tag)) return 1;
    return tag === plain(this.genre(row)) ? 2 : 3;
  }

  // Rows whose texts hold every word, as a Uint8Array mask, or null of an empty query.
  search(query) {
    const words = fold(query).split(/\s+/).filter(Boolean);
    if (!words.length) return null;
    this.index();
    const mask = new Uint8Array(this.n).fill(1);
    for (const word of words) {
      const named = ["artist", "album", "folder", "tag"].map((name) => this.folded[name].map((text) => text.includes(word)));
      const labels = this.labels.map((label) => fold(label).includes(word));
      const [artist, album, folder, tag] = named;
      for (let i = 0; i < this.n; i++) {
        if (!mask[i]) continue;
        mask[i] = artist[this.artist.codes[i]] || album[this.album.codes[i]] || folder[this.folder.codes[i]] ||
          tag[this.tag.codes[i]] || labels[this.top[i * this.columns]] || this.folded.titles[i].includes(word) ||
          String(this.year[i]) === word ? 1 : 0;
      }
    }
    return mask;
  }

  index() { // each name once: 100 000 tracks have some thousands of artists
    if (this.folded) return;
    this.folded = { titles: this.titles.map(fold) };
    for (const name of ["artist", "album", "folder", "tag"]) this.folded[name] = this[name].names.map(fold);
  }
}

export function fold(text) { // lower case without accents
  return /^[\x00-\x7f]*$/.test(text) ? text.toLowerCase() : text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
}

export function plain(name) { return fold(name).replace(/[^\p{L}\p{N}]/gu, ""); }

// Twelve colours that stay apart on black and on white; further ones are the same, darker or lighter.
const PALETTE = ["#4e79d8", "#f28e2b", "#2fa35a", "#e0454f", "#9b6dd7", "#a9744f", "#e377c2", "#8a9a2b", "#17b1c2",
  "#d4a90a", "#6d8299", "#c2562f"].map(rgb);
const SHADES = [1, 0.68, 1.28];
const MOST = 24; // entries of a legend; what is rarer is "other"
const NEUTRAL = [140, 140, 140];
// From low to high, at least three to one against the page behind it.
const RAMPS = { light: ["#3b0f70", "#8c2981", "#de4968", "#d9662b", "#b8860b"].map(rgb), dark: ["#7b4fc9", "#c44f9f", "#f0605d", "#fe9f6d", "#f6e98f"].map(rgb) };
const AGREEMENT = [["no genre tag", NEUTRAL], ["tag is none of the labels", rgb("#8fa3b8")], ["tag and model agree", rgb("#2fa35a")],
  ["tag and model disagree", rgb("#e0454f")]];

function rgb(hex) { return [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)); }
export function css(colour) { return `rgb(${colour.map(Math.round).join(" ")})`; }
export function labelColour(i) {
  const shade = SHADES[Math.floor(i / PALETTE.length) % SHADES.length];
  return PALETTE[i % PALETTE.length].map((c) => Math.min(255, c * shade));
}
export function rampColour(share, dark) {
  const ramp = RAMPS[dark ? "dark" : "light"], at = Math.max(0, Math.min(1, share)) * (ramp.length - 1), i = Math.min(ramp.length - 2, Math.floor(at));
  return ramp[i].map((c, k) => c + (at - i) * (ramp[i + 1][k] - c));
}

function categories(codes, names, colourOf) {
  const counts = new Map();
  for (const code of codes) counts.set(code, (counts.get(code) || 0) + 1);
  const kept = [...counts.keys()].sort((a, b) => counts.get(b) - counts.get(a)).slice(0, MOST);
  const place = new Map(kept.map((code, i) => [code, i]));
  const entries = kept.map((code, i) => ({ name: names(code), count: counts.get(code), colour: colourOf(code, i) }));
  if (counts.size > MOST) {
    const rest = codes.length - entries.reduce((sum, entry) => sum + entry.count, 0);
    entries.push({ name: `${counts.size - MOST} others`, count: rest, colour: NEUTRAL });
  }
  return { entries, of: Int32Array.from(codes, (code) => (place.has(code) ? place.get(code) : MOST)) };
}

function ramp(values, known, text) { // NaN-free values; unknown rows are neutral
  let low = Infinity, high = -Infinity;
  values.forEach((value, i) => { if (known(i)) { low = Math.min(low, value); high = Math.max(high, value); } });
  if (low > high) { low = 0; high = 1; }
  return {
    low: text(low), high: text(high),
    colour: (i, dark) => (known(i) ? rampColour((values[i] - low) / (high - low || 1), dark) : NEUTRAL),
  };
}

function alike(column) { // Rock and rock are one
  const first = new Map(), codes = column.names.map((name, code) => { const key = plain(name) || name; if (!first.has(key)) first.set(key, code); return first.get(key); });
  return Int32Array.from(column.codes, (code) => codes[code]);
}

// What the colours may mean: name shown -> tracks to { entries, of } of categories, or a { colour, low, high } ramp.
export const COLOURS = {
  prediction: ["Genre heard", (t) => categories(Array.from({ length: t.n }, (_, i) => t.top[i * t.columns]), (c) => t.labels[c], (c) => labelColour(c))],
  tag: ["Genre tagged", (t) => categories(alike(t.tag), (c) => t.tag.names[c] || "no tag", (c, i) => {
    const label = t.labels.findIndex((name) => plain(name) === plain(t.tag.names[c]));
    return !t.tag.names[c] ? NEUTRAL : label >= 0 ? labelColour(label) : labelColour(t.labels.length + i);
  })],
  disagreement: ["Disagreement", (t) => categories(Array.from({ length: t.n }, (_, i) => t.agreement(i)), (c) => AGREEMENT[c][0], (c) => AGREEMENT[c][1])],
  year: ["Year", (t) => ramp(t.year, (i) => t.year[i] > 0, String)],
  folder: ["Folder", (t) => categories(t.folder.codes, (c) => t.folder.names[c] || ".", (c, i) => labelColour(i))],
  confidence: ["Confidence", (t) => ramp(Float32Array.from({ length: t.n }, (_, i) => t.confidence(i)), () => true, (v) => `${Math.round(100 * v)} %`)],
};
