"use strict";
// Dark or light, as the system has it until the button is pressed.
const root = document.documentElement, byId = (id) => document.getElementById(id);
const system = matchMedia("(prefers-color-scheme: dark)");
let chosen = null;
const showTheme = () => {
  const dark = chosen ?? system.matches;
  root.dataset.theme = dark ? "dark" : "light";
  byId("theme").textContent = dark ? "light" : "dark";
};
byId("theme").addEventListener("click", () => { chosen = root.dataset.theme !== "dark"; showTheme(); });
system.addEventListener("change", showTheme);
showTheme();
root.dataset.ready = "";
