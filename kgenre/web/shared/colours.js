// Colours of genres and of numbers.

/** @import { Colour, Shades } from "shared/types" */

// Twelve colours that stay apart; further ones are the same, nearer to the text's colour. On the page, and on the
// densest shading of the map, all have at least three to one.
const PALETTE = {
  light: ["#4e79d8", "#c96800", "#1a954d", "#e0454f", "#9a6cd6", "#a9744f", "#c55ca6", "#7b8a12", "#008fa0",
    "#a57b00", "#6d8299", "#c2562f"].map(rgb),
  dark: ["#4e79d8", "#f28e2b", "#2fa35a", "#e0454f", "#9b6dd7", "#a9744f", "#e377c2", "#8a9a2b", "#17b1c2",
    "#d4a90a", "#6d8299", "#c2562f"].map(rgb),
};
const DARKER = [0, 0.38, 0.2], LIGHTER = [0, 0.3, 0.55]; // shares of black on light pages, of white on dark ones
// From low to high, at least three to one against the page behind it.
const RAMPS = {
  light: ["#3b0f70", "#8c2981", "#de4968", "#cf5f24", "#a57b00"].map(rgb),
  dark: ["#8a60d4", "#c44f9f", "#f0605d", "#fe9f6d", "#f6e98f"].map(rgb),
};

/** @type {Shades} */
export const NEUTRAL = { light: [124, 124, 124], dark: [140, 140, 140] };

/** @param {string} hex @returns {Colour} */
export function rgb(hex) { return [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)); }

/** A colour in CSS; of shades the one of the page's theme. @param {Colour | Shades} colour @returns {string} */
export function css(colour) {
  return "light" in colour ? `light-dark(${css(colour.light)}, ${css(colour.dark)})` : `rgb(${colour.map(Math.round).join(" ")})`;
}

/** @param {Shades} shades @param {boolean} dark whether the page is */
export function shadeOf({ light, dark: onDark }, dark) { return dark ? onDark : light; }

/** @param {number} i number of the label @returns {Shades} */
export function labelColour(i) {
  const n = PALETTE.light.length, again = Math.floor(i / n) % DARKER.length;
  const mixed = (/** @type {Colour} */ colour, /** @type {number} */ share, /** @type {number} */ end) => (
    colour.map((value) => value + share * (end - value)));
  return { light: mixed(PALETTE.light[i % n], DARKER[again], 0), dark: mixed(PALETTE.dark[i % n], LIGHTER[again], 255) };
}

/** @param {number} share 0 to 1 @param {boolean} dark @returns {Colour} */
export function rampColour(share, dark) {
  const ramp = dark ? RAMPS.dark : RAMPS.light, at = Math.max(0, Math.min(1, share)) * (ramp.length - 1);
  const i = Math.min(ramp.length - 2, Math.floor(at));
  return ramp[i].map((value, k) => value + (at - i) * (ramp[i + 1][k] - value));
}
