import { el } from "shared/dom.js";

/** Saves a file as the browser does. @param {Blob} blob @param {string} name */
export function download(blob, name) {
  const anchor = el("a", { href: URL.createObjectURL(blob), download: name });
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(anchor.href), 10000);
}
