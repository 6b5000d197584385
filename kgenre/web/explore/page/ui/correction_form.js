// A field for the right genre of some tracks, and what removes their corrections.

import { hasMouse } from "page/core/pointer.js";
import { button, el } from "shared/dom.js";

/**
 * @param {object} options
 * @param {"genre" | "genre-all"} options.id of the field
 * @param {string} options.of whose text the field holds
 * @param {readonly number[]} options.rows
 * @param {ReadonlyMap<number, string>} options.corrections
 * @param {(rows: readonly number[], genre: string | null) => void} options.correct null removes a correction
 */
export function correctionForm({ id, of, rows, corrections, correct }) {
  const one = id === "genre", corrected = rows.filter((row) => corrections.has(row));
  const input = el("input", { type: "text", id, "data-of": of, list: "genres", maxLength: 80, autocapitalize: "off",
    placeholder: one ? `Correct genre${hasMouse ? "  G" : ""}` : `All ${rows.length.toLocaleString()}`,
    "aria-label": one ? "Correct genre" : "Correct genre of all selected recordings" });
  const submit = () => {
    const genre = input.value.trim();
    if (!genre) return;
    input.value = "";
    correct(rows, genre);
  };
  input.addEventListener("keydown", (event) => { if (event.key === "Enter") submit(); });
  return el("div", { class: "row" }, input,
    button("Correct", one ? "Store this genre for the recording" : "Store this genre for all selected recordings", submit,
      { id: one ? "correct" : "correct-all" }),
    corrected.length ? button(one ? "Remove" : `Remove ${corrected.length}`,
      one ? "Remove the correction" : "Remove the corrections of these recordings", () => correct(corrected, null),
      { id: one ? "remove-correction" : "remove-corrections" }) : null);
}

/** Puts the cursor into the first such field; false where there is none. */
export function focusCorrection() {
  const field = document.querySelector("input[data-of]");
  if (field instanceof HTMLInputElement) field.focus();
  return Boolean(field);
}
