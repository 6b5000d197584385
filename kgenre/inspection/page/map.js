"use strict";
// The map of tracks: what a point is, shown beside it; a genre chosen in the legend stands out.
const map = document.getElementById("map");
if (map) {
  const picture = map.querySelector("svg"), tip = document.getElementById("tip");
  const points = [...picture.querySelectorAll(".point")], chosen = new Set();
  // A native tooltip beside ours would tell the same twice.
  const texts = new Map(points.map((point) => { const title = point.querySelector("title"); title.remove(); return [point, title.textContent]; }));
  let current = null;

  const show = (point) => {
    current?.classList.remove("at");
    current = point;
    tip.hidden = !point;
    if (!point) return;
    point.classList.add("at");
    tip.textContent = texts.get(point);
    const frame = map.getBoundingClientRect(), at = point.getBoundingClientRect();
    const left = at.right - frame.left + 6, top = at.top - frame.top - tip.offsetHeight / 2;
    tip.style.left = `${left + tip.offsetWidth > frame.width ? Math.max(0, at.left - frame.left - tip.offsetWidth - 6) : left}px`;
    tip.style.top = `${Math.min(Math.max(0, top), Math.max(0, frame.height - tip.offsetHeight))}px`;
  };
  const nearest = (event) => {
    let best = null, least = 14; // pixels around the pointer, for fingers are wide
    for (const point of points) {
      if (chosen.size && !point.classList.contains("on")) continue;
      const box = point.getBoundingClientRect();
      const away = Math.hypot(box.x + box.width / 2 - event.clientX, box.y + box.height / 2 - event.clientY);
      if (away < least) [best, least] = [point, away];
    }
    return best;
  };
  for (const kind of ["pointermove", "pointerdown"]) picture.addEventListener(kind, (event) => show(nearest(event)));
  picture.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") show(null); });
  // Of a report, a click on a point, or near it, opens its track.
  const press = (point) => point?.dispatchEvent(new MouseEvent("click", { bubbles: true }));
  picture.addEventListener("click", (event) => { if (!texts.has(event.target)) press(nearest(event)); });
  picture.addEventListener("blur", () => show(null));
  picture.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape") show(null);
    if (!step && event.key !== "Enter") return;
    event.preventDefault(); // Enter would press what then has the focus, too
    if (event.key === "Enter") return press(current);
    const shown = points.filter((point) => !chosen.size || point.classList.contains("on"));
    show(shown[(shown.indexOf(current) + step + shown.length) % shown.length] ?? null);
  });
  for (const button of document.querySelectorAll("#legend button")) {
    button.addEventListener("click", () => {
      const name = button.dataset.colour, pressed = !chosen.has(name);
      if (pressed) chosen.add(name); else chosen.delete(name);
      button.setAttribute("aria-pressed", pressed);
      map.classList.toggle("chosen", chosen.size > 0);
      for (const point of points) point.classList.toggle("on", chosen.has(point.dataset.colour));
      show(null);
    });
  }
}
