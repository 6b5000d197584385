// Colours of genres and of numbers.

/** @import { Colour } from "shared/types" */

// Twelve colours that stay apart on black and on white; further ones are the same, darker or lighter.
const PALETTE = ["#4e79d8", "#f28e2b", "#2fa35a", "#e0454f", "#9b6dd7", "#a9744f", "#e377c2", "#8a9a2b", "#17b1c2",
  "#d4a90a", "#6d8299", "#c2562f"].map(rgb);
const BRIGHTNESS = [1, 0.68, 1.28];
// From low to high, at least three to one against the page behind it.
const RAMPS = {
  light: ["#3b0f70", "#8c2981", "#de4968", "#d9662b", "#b8860b"].map(rgb),
  dark: ["#7b4fc9", "#c44f9f", "#f0605d", "#fe9f6d", "#f6e98f"].map(rgb),
};

export const NEUTRAL = [140, 140, 140];

/** @param {string} hex @returns {Colour} */
export function rgb(hex) { return [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)); }

/** @param {Colour} colour */
export function css(colour) { return `rgb(${colour.map(Math.round).join(" ")})`; }

/** @param {number} i number of the label @returns {Colour} */
export function labelColour(i) {
  const brightness = BRIGHTNESS[Math.floor(i / PALETTE.length) % BRIGHTNESS.length];
  return PALETTE[i % PALETTE.length].map((value) => Math.min(255, value * brightness));
}

/** @param {number} share 0 to 1 @param {boolean} dark @returns {Colour} */
export function rampColour(share, dark) {
  const ramp = dark ? RAMPS.dark : RAMPS.light, at = Math.max(0, Math.min(1, share)) * (ramp.length - 1);
  const i = Math.min(ramp.length - 2, Math.floor(at));
  return ramp[i].map((value, k) => value + (at - i) * (ramp[i + 1][k] - value));
}
