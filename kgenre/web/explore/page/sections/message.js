// What is said in passing, for some seconds.

/** @import { Binding, Page } from "page/core/types" */
import { byId } from "shared/dom.js";

const SHOWN_MS = 3500;

/** @param {Page} page @returns {Binding[]} */
export function messageSection({ store }) {
  const box = byId("message", HTMLElement);
  let timer = 0;
  store.subscribe(["message"], ({ message }) => {
    if (!message) return;
    box.textContent = message.text;
    box.classList.add("shown");
    clearTimeout(timer);
    timer = setTimeout(() => box.classList.remove("shown"), SHOWN_MS);
  });
  return [];
}
