// Elements. Texts go in as textContent only: tags may hold anything.

/**
 * @typedef {{ class?: string, text?: string, on?: Record<string, (event: any) => void>, [name: string]: any }} Options
 * @typedef {Node | string | null | undefined} Child null and undefined are left out
 */

/**
 * The element with this id, which index.html has.
 *
 * @template {typeof HTMLElement} T
 * @param {string} id
 * @param {T} type
 * @returns {InstanceType<T>}
 */
export function byId(id, type) {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`index.html has no ${type.name} with the id ${id}`);
  return /** @type {InstanceType<T>} */ (found);
}

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Options} options properties; names with a hyphen, role and list are attributes
 * @param {Child[]} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function el(tag, options = {}, ...children) {
  const { on = {}, class: className, text, ...rest } = options, node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  for (const [name, value] of Object.entries(rest)) {
    if (name.includes("-") || name === "role" || name === "list") node.setAttribute(name, value);
    else Object.assign(node, { [name]: value });
  }
  for (const [name, listener] of Object.entries(on)) node.addEventListener(name, listener);
  node.append(...present(children));
  return node;
}

/** @param {string} text @param {string} title @param {(event: MouseEvent) => void} click @param {Options} options */
export function button(text, title, click, options = {}) {
  return el("button", { text, title, on: { click }, ...options });
}

/** @param {Child[]} children @returns {(Node | string)[]} */
export function present(children) {
  return /** @type {(Node | string)[]} */ (children.filter((child) => child !== null && child !== undefined));
}

/** Whether a text is being typed. */
export function isTyping() { return Boolean(document.activeElement?.matches("input[type=text]")); }

let pointed = false, byKeyboard = false; // whether what has the focus got it from a key
document.addEventListener("pointerdown", () => { pointed = true; }, true);
document.addEventListener("keydown", () => { pointed = false; }, true);
document.addEventListener("focusin", () => { byKeyboard = !pointed; }, true);

/** Whether the page was used last by a mouse or a finger, and not by a key. */
export function isPointed() { return pointed; }

/** Controls that are gone for now, and what has the focus in their place. @type {WeakMap<HTMLElement, { control: Element, holder: HTMLElement }>} */
const lost = new WeakMap();

/**
 * New content for a box. What was being typed, the focus and the place of lists stay. A field names by data-of whose
 * text it holds: another track's does not take it over. Where a control is gone that had the focus from a key, what
 * holds the box (data-holds-focus) has it: Tab goes on from there, and the control has it again when it is back.
 *
 * @param {HTMLElement} box
 * @param {Child[]} content
 */
export function redraw(box, content) {
  const focused = document.activeElement, waits = lost.get(box);
  const control = waits && waits.holder === focused ? waits.control : box.contains(focused) ? focused : null;
  const range = focused === control && control instanceof HTMLInputElement && control.type === "text"
    ? /** @type {const} */ ([control.selectionStart, control.selectionEnd]) : null;
  const drafts = new Map(fields(box).map((field) => [draftKey(field), field.value]));
  const places = [...box.querySelectorAll(".list")].map((list) => list.scrollTop), { scrollTop } = box;
  box.replaceChildren(...present(content));
  for (const field of fields(box)) field.value = drafts.get(draftKey(field)) ?? field.value;
  box.querySelectorAll(".list").forEach((list, i) => { list.scrollTop = places[i] ?? 0; });
  box.scrollTop = scrollTop;
  lost.delete(box);
  if (!control) return;
  const again = [...box.querySelectorAll("input, button, select, [tabindex]")].find((other) => isSame(other, control));
  if (again instanceof HTMLElement && !again.matches(":disabled")) keepFocus(again);
  else if (byKeyboard) holdFocus(box, control);
  if (range && again instanceof HTMLInputElement) again.setSelectionRange(...range);
}

/** @param {HTMLElement} element */
function keepFocus(element) {
  const before = byKeyboard;
  element.focus({ preventScroll: true });
  byKeyboard = before;
}

/** Gives the focus to what holds a box until the control is back; a click never does. @param {HTMLElement} box @param {Element} control */
function holdFocus(box, control) {
  const holder = box.closest("[data-holds-focus]");
  if (!(holder instanceof HTMLElement)) return;
  if (document.activeElement !== holder) {
    holder.tabIndex = -1;
    keepFocus(holder);
    holder.addEventListener("blur", () => holder.removeAttribute("tabindex"), { once: true });
  }
  lost.set(box, { control, holder });
}

/** @param {HTMLElement} box @returns {HTMLInputElement[]} */
function fields(box) { return [...box.querySelectorAll(/** @type {"input"} */ ("input[data-of]"))]; }

/** @param {HTMLInputElement} field */
function draftKey(field) { return field.id + field.dataset.of; }

/** @param {Element} one @param {Element} other */
function isSame(one, other) {
  if (one.tagName !== other.tagName) return false;
  if (other.id) return one.id === other.id;
  const [place, before] = [one, other].map((element) => element.closest(".list")?.getAttribute("aria-label"));
  return place === before && key(one) === key(other);
}

/** What an element without an id is found again by. @param {Element} element */
function key(element) { return element.getAttribute("data-row") ?? element.getAttribute("aria-label") ?? element.textContent; }
