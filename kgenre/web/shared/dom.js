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

/**
 * New content for a box. What was being typed, the focus and the place of lists stay. A field names by data-of whose
 * text it holds: another track's does not take it over. Where a control is gone that had the focus of the keyboard, its
 * neighbour has it, or what holds the box: Tab goes on from there.
 *
 * @param {HTMLElement} box
 * @param {Child[]} content
 */
export function redraw(box, content) {
  const active = box.contains(document.activeElement) ? document.activeElement : null;
  const byKeyboard = active?.matches(":focus-visible"), place = active ? controls(box).indexOf(active) : -1;
  const range = active instanceof HTMLInputElement && active.type === "text"
    ? /** @type {const} */ ([active.selectionStart, active.selectionEnd]) : null;
  const drafts = new Map(fields(box).map((field) => [draftKey(field), field.value]));
  const places = [...box.querySelectorAll(".list")].map((list) => list.scrollTop), { scrollTop } = box;
  box.replaceChildren(...present(content));
  for (const field of fields(box)) field.value = drafts.get(draftKey(field)) ?? field.value;
  box.querySelectorAll(".list").forEach((list, i) => { list.scrollTop = places[i] ?? 0; });
  box.scrollTop = scrollTop;
  if (!active) return;
  const others = controls(box), again = others.find((other) => isSame(other, active));
  const next = again ?? (byKeyboard ? others[Math.min(place, others.length - 1)] ?? box.closest("[tabindex]") : null);
  if (next instanceof HTMLElement) next.focus({ preventScroll: true });
  if (range && again instanceof HTMLInputElement) again.setSelectionRange(...range);
}

/** @param {HTMLElement} box @returns {Element[]} */
function controls(box) { return [...box.querySelectorAll("input, button, select, [tabindex]")]; }

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
