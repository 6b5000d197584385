// A genre, or a tag, with its probability as a bar.

import { css, labelColour } from "shared/colours.js";
import { el } from "shared/dom.js";
import { percent } from "shared/text.js";

/** @param {string} name @param {number} share 0 to 1 @param {number} label number, of its colour @param {boolean} chosen of several genres */
export function genreBar(name, share, label, chosen) {
  const filled = el("i");
  filled.style.width = `${100 * share}%`;
  filled.style.background = css(labelColour(label));
  const title = chosen ? `${name}: one of its genres` : name;
  return el("div", { class: chosen ? "genre chosen" : "genre" }, el("span", { text: name, title }), el("span", { class: "meter" }, filled),
    el("span", { text: percent(share) }));
}
