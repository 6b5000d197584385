"use strict";
// The page of a report: dark or light, and the list of tracks that buttons open.
const root = document.documentElement, byId = (id) => document.getElementById(id);
const data = JSON.parse(byId("data").textContent);
const SHOWN = 200; // tracks of a list

const make = (name, text, ...children) => {
  const element = document.createElement(name);
  if (text) element.textContent = text;
  element.append(...children);
  return element;
};

// Dark or light, as the system has it until the button is pressed.
const system = matchMedia("(prefers-color-scheme: dark)");
let chosen = null;
const showTheme = () => {
  const dark = chosen ?? system.matches;
  root.dataset.theme = dark ? "dark" : "light";
  byId("theme").textContent = dark ? "light" : "dark";
};
byId("theme").addEventListener("click", () => { chosen = root.dataset.theme !== "dark"; showTheme(); });
system.addEventListener("change", showTheme);
showTheme();

// The list of tracks.
const percent = (p) => `${Math.round(100 * p)} %`;
const trackRow = (number) => {
  const track = data.tracks[number], row = make("div");
  row.className = "track";
  const top = track.probabilities.map((p, i) => [p, data.labels[i]]).sort((a, b) => b[0] - a[0]).slice(0, 3);
  row.append(
    make("div", [track.name, track.artist].filter(Boolean).join(" - ")),
    make("div", `${track.genres.join(", ")}, predicted ${track.predicted.map((i) => data.labels[i]).join(", ")}: ` +
      top.map(([p, label]) => `${label} ${percent(p)}`).join(", ")),
  );
  row.lastChild.className = "soft";
  if (track.sound) {
    const audio = make("audio");
    audio.controls = true;
    audio.preload = "none";
    audio.src = track.sound;
    row.append(audio);
  }
  return row;
};
const openTracks = (title, numbers) => {
  byId("tracks-title").textContent = title;
  const rows = numbers.slice(0, SHOWN).map(trackRow);
  if (numbers.length > SHOWN) rows.push(make("p", `and ${numbers.length - SHOWN} more`));
  byId("tracks-list").replaceChildren(...rows);
  byId("tracks").showModal();
};
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-tracks]");
  if (button) openTracks(button.dataset.title, button.dataset.tracks.split(" ").filter(Boolean).map(Number));
});
byId("close").addEventListener("click", () => byId("tracks").close());
byId("tracks").addEventListener("close", () => byId("tracks-list").replaceChildren()); // and its sound ends
root.dataset.ready = "";
