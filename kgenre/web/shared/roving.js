// Groups of controls with one stop of the Tab key: within them the arrow keys move.

const BACK = ["ArrowUp", "ArrowLeft"], ON = ["ArrowDown", "ArrowRight"];

/**
 * Rows of controls: Tab goes to those of one row, up and down to the same control of another row.
 *
 * @param {HTMLElement} list
 * @param {string} row its selector
 * @param {string} controls their selector
 */
export function rovingRows(list, row, controls) {
  const rows = [...list.querySelectorAll(row)].map((one) => (
    /** @type {HTMLElement[]} */ ([...one.querySelectorAll(controls)]))).filter((one) => one.length);
  const stop = (/** @type {number} */ at) => rows.forEach((one, i) => one.forEach((control) => { control.tabIndex = i === at ? 0 : -1; }));
  stop(Math.max(0, rows.findIndex((one) => one.some((control) => control.matches("[aria-current], [aria-checked=true]")))));
  const place = (/** @type {EventTarget | null} */ target) => rows.findIndex((one) => one.some((control) => control === target));
  list.addEventListener("focusin", ({ target }) => { if (place(target) >= 0) stop(place(target)); });
  list.addEventListener("keydown", (event) => {
    const at = place(event.target), to = target(event.key, at, rows.length);
    if (at < 0 || to < 0) return;
    event.preventDefault();
    rows[to][Math.min(rows[at].findIndex((control) => control === event.target), rows[to].length - 1)].focus();
  });
}

/** The number of the row that a key goes to; -1 where it is no such key. @param {string} key @param {number} at @param {number} n */
function target(key, at, n) {
  if (key === "Home") return 0;
  if (key === "End") return n - 1;
  if (key === "ArrowUp") return Math.max(0, at - 1);
  return key === "ArrowDown" ? Math.min(n - 1, at + 1) : -1;
}

/** Arrow keys in a group of radio buttons choose the next one, round and round. @param {HTMLElement} group @param {(button: HTMLElement) => void} choose */
export function rovingRadios(group, choose) {
  const radios = /** @type {HTMLElement[]} */ ([...group.querySelectorAll("[role=radio]")]);
  group.addEventListener("keydown", (event) => {
    const by = BACK.includes(event.key) ? -1 : ON.includes(event.key) ? 1 : 0, at = radios.findIndex((radio) => radio === event.target);
    if (!by || at < 0) return;
    event.preventDefault();
    const next = radios[(at + by + radios.length) % radios.length];
    choose(next);
    next.focus();
  });
}
