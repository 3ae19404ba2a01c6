/** Who is logged in at this page and what they may, as the station says; the key is sent once and kept nowhere. Decides nothing. */
import { computed, signal } from "../vendor/signals.js";

const ASK_EVERY_MS = 10000;
const LIMIT_MS = 10000;

/**
 * @typedef {{is_open: boolean, name: string|null, role: string|null, rights: string[], why_not: string}} Me
 */

/** null: the station has not answered yet. @type {import("../vendor/signals.js").Signal<Me|null>} */
export const me = signal(null);

/** Until the station has said who we are everything is offered: it refuses by itself. @param {string} right */
export const may = (right) => me.value?.rights.includes(right) ?? true;
export const maySee = computed(() => may("see"));
/** Known, and silent for so long that the page only shows. */
export const isIdle = computed(() => Boolean(me.value?.name && me.value.why_not));

let wasTouched = false;

/** @param {RequestInit} [request] @returns {Promise<Response>} */
const call = (request = {}, query = "") => fetch(`/v1/login${query}`, { ...request, signal: AbortSignal.timeout(LIMIT_MS) });

/** Ask the station who we are, and tell it whether a hand was at this page. */
export async function ask() {
  const query = wasTouched ? "?touched=true" : "";
  wasTouched = false;
  try {
    const reply = await call({}, query);
    if (reply.ok) me.value = await reply.json();
  } catch {
    /* The stale mark already tells that the station is silent. */
  }
}

/** @param {string} key @returns {Promise<string|null>} why not, "" where the station does not answer, null when logged in */
export async function logIn(key) {
  try {
    const reply = await call({ method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ key }) });
    const said = await reply.json();
    if (!reply.ok) return said.detail ?? `HTTP ${reply.status}`;
    me.value = said;
    return null;
  } catch {
    return "";
  }
}

export async function logOut() {
  try {
    const reply = await call({ method: "DELETE" });
    if (reply.ok) me.value = await reply.json();
  } catch {
    await ask();
  }
}

/** Ask now and then: a key is revoked, a role changes, a login ends while the page stands there. */
export async function followLogin() {
  for (const touch of ["pointerdown", "keydown"]) document.addEventListener(touch, () => { wasTouched = true; }, true);
  setInterval(ask, ASK_EVERY_MS);
  await ask();
}
