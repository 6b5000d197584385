// Texts as they are compared and as they are shown.

/** Lower case without accents. @param {string} text */
export function fold(text) {
  if (/^[\x00-\x7f]*$/.test(text)) return text.toLowerCase();
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
}

/** Letters and digits alone: Hip-Hop and hip hop are one. @param {string} name */
export function plain(name) { return fold(name).replace(/[^\p{L}\p{N}]/gu, ""); }

/** @param {number} seconds @returns {string} 3:05 or 1:02:03 */
export function duration(seconds) {
  const s = Math.round(seconds), two = (/** @type {number} */ value) => String(value).padStart(2, "0");
  const minutes = Math.floor(s / 60);
  return s >= 3600 ? `${Math.floor(s / 3600)}:${two(minutes % 60)}:${two(s % 60)}` : `${minutes}:${two(s % 60)}`;
}

/** @param {number} share 0 to 1 */
export function percent(share) { return `${Math.round(100 * share)}\u00a0%`; }

/** @param {number} n @param {string} noun */
export function count(n, noun) { return `${n.toLocaleString()} ${noun}${n === 1 ? "" : "s"}`; }

/** About how long, in the largest unit that tells. @param {number} seconds */
export function timeLeft(seconds) {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${(seconds / 3600).toFixed(1)} h`;
}

/** How much music, in words. @param {number} seconds */
export function musicLength(seconds) {
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? count(minutes, "minute") : count(Math.round(seconds / 3600), "hour");
}
