// The shapes that the modules shared by the pages take. Checked by TypeScript (tests/page), never sent to the browser.

export type Colour = number[]; // red, green, blue, 0 to 255

/** One colour as it is on light pages and on dark ones. */
export interface Shades {
  light: Colour;
  dark: Colour;
}

/** The genres of a track slice by slice. */
export interface SliceGenres {
  slice_starts: number[]; // seconds
  slice_probabilities: number[][];
  deciding_slice: number;
}
