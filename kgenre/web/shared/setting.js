// What was chosen last in this browser, for all of its visits; in a private window that keeps nothing, the defaults.

/** @param {string} name @returns what was saved, or null */
export function loadSetting(name) { try { return localStorage.getItem(name); } catch { return null; } }

/** @param {string} name @param {string} value */
export function saveSetting(name, value) { try { localStorage.setItem(name, value); } catch { /* nothing is kept */ } }
