/** Words of the page in the chosen language; holds no text itself (see i18n/*.json). */
import { signal } from "../vendor/signals.js";

export const LANGUAGES = ["en", "zh-CN"];
const STORE_KEY = "hmi.language";

/** @type {Object<string, Object<string, string>>} */
const catalogues = {};
export const language = signal("en");

/** @returns {string} language asked for by address, by the last choice on this panel, or by the browser */
function wanted() {
  const asked = new URLSearchParams(location.search).get("lang") ?? localStorage.getItem(STORE_KEY) ?? navigator.language;
  return asked.toLowerCase().startsWith("zh") ? "zh-CN" : "en";
}

/** Fetch all catalogues once, so that switching the language needs no network. */
export async function loadWords() {
  const base = new URL("../i18n/", import.meta.url);
  const read = async (/** @type {string} */ name) => (await fetch(new URL(`${name}.json`, base))).json();
  const [english, chinese, chineseAlarms] = await Promise.all(["en", "zh-CN", "alarms.zh-CN"].map(read));
  catalogues.en = english;
  // English alarm texts come from the station itself.
  catalogues["zh-CN"] = { ...chinese, ...chineseAlarms };
  speak(wanted(), false);
}

/**
 * @param {string} name
 * @param {boolean} [keep] remember the choice on this panel
 */
export function speak(name, keep = true) {
  language.value = name;
  document.documentElement.lang = name;
  if (keep) localStorage.setItem(STORE_KEY, name);
}

/**
 * Text by key, with {name} places filled.
 * @param {string} key
 * @param {Object<string, unknown>} [values]
 * @returns {string} the key itself where a text is missing, so that a gap is seen
 */
export function t(key, values = {}) {
  return fill(catalogues[language.value]?.[key] ?? catalogues.en?.[key] ?? key, values);
}

/**
 * Text by key, or what the station sent where this page has no wording of its own.
 * @param {string} key
 * @param {string} sent
 */
export function tOr(key, sent) {
  return catalogues[language.value]?.[key] ?? sent;
}

/** @param {string} text @param {Object<string, unknown>} values */
function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}
