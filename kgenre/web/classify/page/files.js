// Files that are dropped anywhere on the page, or chosen.

import { byId } from "shared/dom.js";

/** @param {(files: File[]) => void} take */
export function takeFiles(take) {
  const input = byId("files", HTMLInputElement), { classList } = document.body;
  let depth = 0; // of the elements that are entered
  const over = (/** @type {number} */ by) => {
    depth = Math.max(0, depth + by);
    classList.toggle("over", depth > 0);
  };
  input.addEventListener("change", () => {
    take([...input.files ?? []]);
    input.value = ""; // so that the same file can be chosen again
  });
  document.addEventListener("dragenter", () => over(1));
  document.addEventListener("dragleave", () => over(-1));
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    over(-Infinity);
    take([...event.dataTransfer?.files ?? []]);
  });
}
