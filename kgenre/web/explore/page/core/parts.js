// The parts in which a file is decoded for a browser that cannot play it.

export const PART_SECONDS = 30;
export const PART_RATE = 44100; // Hz, so that the samples of two parts join
