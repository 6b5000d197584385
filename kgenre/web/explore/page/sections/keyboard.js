// The keys, and the help that lists them and switches those of one character off.

/** @import { Binding, Page } from "page/core/types" */
import { goBack } from "page/actions/back.js";
import { say } from "page/actions/notices.js";
import { openDialog } from "page/ui/dialog.js";
import { byId, el, isPointed } from "shared/dom.js";
import { loadSetting, saveSetting } from "shared/setting.js";

const SETTING = "kgenre character keys"; // of this browser

/** @param {Page} page @param {Binding[]} others of the other sections, in the order of the help */
export function keyboardSection(page, others) {
  let characters = loadSetting(SETTING) !== "off";
  const set = (/** @type {boolean} */ on) => { characters = on; saveSetting(SETTING, on ? "on" : "off"); };
  const help = () => openDialog("Keys", switchRow(characters, set), el("table", {}, ...bindings.filter(isAvailable).map(helpRow)), el("p", { class: "soft",
    text: "On a touch screen two fingers move and zoom. A click on the legend hides a colour, a double click, or Shift with a click or Enter, shows it alone. ▼ marks the slice that decided." }));
  /** @type {Binding[]} */
  const bindings = [...others, { label: "Esc", text: "close, clear", keys: ["escape"], run: () => goBack(page) },
    { label: "?", text: "this help", keys: ["?"], run: help }];
  const bindingOf = new Map(bindings.flatMap((binding) => (binding.keys ?? []).map((key) => [key, binding])));
  byId("help", HTMLButtonElement).addEventListener("click", help);
  document.addEventListener("keydown", (event) => {
    if (!isForPage(event) || (!characters && event.key.length === 1)) return;
    const key = event.key.toLowerCase(), binding = bindingOf.get(key);
    if (!binding) return;
    if (!isAvailable(binding)) return say(page, `Not possible here: ${page.source.limits}.`);
    event.preventDefault();
    binding.run?.(key);
  });
  releaseFocus();
}

/** @param {Binding} binding */
function isAvailable({ available = true }) { return available; }

/** @param {Binding} binding */
function helpRow({ label, text }) {
  return el("tr", {}, el("td", {}, ...label.split("  ").flatMap((key) => [el("kbd", { text: key }), " "])), el("td", { text }));
}

/** What switches the keys of one character off, for those who press them by accident or speak to the computer. @param {boolean} on @param {(on: boolean) => void} set */
function switchRow(on, set) {
  const box = el("input", { type: "checkbox", id: "character-keys", checked: on, on: { change: () => set(box.checked) } });
  return el("p", {}, el("label", {}, box, " Single-key shortcuts: letters, digits, signs and Space"));
}

/** Whether a key is the page's and not of what has the focus. @param {KeyboardEvent} event */
function isForPage(event) {
  const target = /** @type {HTMLElement} */ (event.target), { key } = event;
  if (event.defaultPrevented) return false; // a list or a timeline has taken it
  if (event.ctrlKey || event.metaKey || event.altKey || byId("dialog", HTMLDialogElement).open) return false;
  if (target.matches("input[type=range]")) return key.length === 1; // Space too, which does nothing there
  if (target.matches("input[type=checkbox]")) return key.length === 1 && key !== " ";
  if (target.matches("button")) return key !== " " && key !== "Enter";
  if (!target.matches("input, select, textarea")) return true;
  if (key === "Escape") { // leaves the field; the text stays: some browsers would empty a search and say nothing of it
    event.preventDefault();
    target.blur();
  }
  return false;
}

/** A list or range that was used with the mouse gives the keys back to the page. */
function releaseFocus() {
  document.addEventListener("change", ({ target }) => {
    if (isPointed() && target instanceof HTMLElement && target.matches("select, input[type=range]")) target.blur();
  });
}
