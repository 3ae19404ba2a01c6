/** Light, dark or as the panel says; and colours of the style sheet for things drawn on a canvas. */
import { signal } from "../vendor/signals.js";

const STORE_KEY = "hmi.theme";
const THEMES = ["auto", "light", "dark"];

export const theme = signal("auto");
/** Counts changes of the colours, so that canvases know when to draw again. */
export const paint = signal(0);

/** @param {string} name */
function wear(name) {
  theme.value = THEMES.includes(name) ? name : "auto";
  document.documentElement.dataset.theme = theme.value;
  paint.value += 1;
}

export function dress() {
  wear(localStorage.getItem(STORE_KEY) ?? "auto");
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { paint.value += 1; });
}

export function nextTheme() {
  const name = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length];
  localStorage.setItem(STORE_KEY, name);
  wear(name);
}

/** @type {HTMLElement|null} */
let probe = null;

/** Colour of a style-sheet token as the canvas understands it. @param {string} token such as "--text" */
export function colour(token) {
  if (!probe) {
    probe = document.createElement("span");
    probe.hidden = true;
    document.body.append(probe);
  }
  probe.style.color = `var(${token})`;
  return getComputedStyle(probe).color;
}
