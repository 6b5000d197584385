// Whether there is a mouse or the like: then there are keys too, which the page may name.

export const hasMouse = matchMedia("(pointer: fine)").matches;
