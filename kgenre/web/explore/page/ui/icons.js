// Small pictures of buttons: few fonts have these characters.

const SVG = "http://www.w3.org/2000/svg";
const SPEAKER = "M2 6h3l4-3v10l-4-3H2z";
/** Outlines in a square of 16, filled. */
const SHAPES = {
  play: "M4 2l10 6-10 6z",
  pause: "M3 2h4v12H3zM9 2h4v12H9z",
  previous: "M2 2h2v12H2zM14 2v12L5 8z",
  up: "M2 11l6-6 6 6-1.5 1.5L8 8l-4.5 4.5z",
  down: "M2 5l6 6 6-6-1.5-1.5L8 8 3.5 3.5z",
  next: "M12 2h2v12h-2zM2 2v12l9-6z",
  sound: `${SPEAKER}M11 4.5c2 1 2 6 0 7v-1.4c.8-1 .8-3.2 0-4.2z`,
  mute: `${SPEAKER}M10.6 6l1-1 4 5-1 1z`,
};

/** @param {keyof typeof SHAPES} name */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg"), path = document.createElementNS(SVG, "path");
  for (const [key, value] of [["viewBox", "0 0 16 16"], ["class", "icon"], ["aria-hidden", "true"]]) svg.setAttribute(key, value);
  path.setAttribute("d", SHAPES[name]);
  svg.append(path);
  return svg;
}
