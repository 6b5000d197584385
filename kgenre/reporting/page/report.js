"use strict";
// The page of a report: the list of tracks that buttons open. theme.js stands before it.
const data = JSON.parse(byId("data").textContent);
const SHOWN = 200; // tracks of a list

const make = (name, text, ...children) => {
  const element = document.createElement(name);
  if (text) element.textContent = text;
  element.append(...children);
  return element;
};

// The list of tracks.
const percent = (p) => `${Math.round(100 * p)} %`;
const trackRow = (number) => {
  const track = data.tracks[number], row = make("div");
  row.className = "track";
  const top = track.top.map(([label, p]) => [p, data.labels[label]]);
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
    const from = make("div", `from ${Math.floor(track.from / 60)}:${String(track.from % 60).padStart(2, "0")}`);
    from.className = "soft";
    row.append(from, audio);
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
byId("tracks").addEventListener("close", () => { if (!byId("tracks").open) byId("tracks-list").replaceChildren(); }); // and its sound ends
// Tracks or shares in the confusion matrix.
for (const button of document.querySelectorAll("[data-show]:is(button)")) {
  button.addEventListener("click", () => {
    byId("confusion").dataset.show = button.dataset.show;
    for (const other of button.parentElement.children) other.setAttribute("aria-pressed", other === button);
  });
}
