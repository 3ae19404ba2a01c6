/** Commands to the station; each click has one key, so a repeated request never acts twice. Decides nothing. */
import { signal } from "../vendor/signals.js";
import { ask } from "./login.js";
import { t } from "./words.js";

const NOTICE_MS = 8000;
const LIMIT_MS = 10000;

/** Outcome of the last command. @type {import("../vendor/signals.js").Signal<{ok: boolean, text: string}|null>} */
export const notice = signal(null);
/** Name of the command that waits for its answer. @type {import("../vendor/signals.js").Signal<string|null>} */
export const pending = signal(null);

let forget = 0;

/** @param {boolean} ok @param {string} text */
export function tell(ok, text) {
  notice.value = { ok, text };
  clearTimeout(forget);
  forget = setTimeout(() => { notice.value = null; }, NOTICE_MS);
}

/** Random key; `crypto.randomUUID` is missing where the panel speaks plain HTTP to another host. */
function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * One request, repeated once with the same key when no answer came: the station then re-reports its first answer.
 * @param {string} address
 * @param {object} body
 */
async function post(address, body) {
  const request = {
    method: "POST",
    headers: { "Content-Type": "application/json", "Idempotency-Key": newKey() },
    body: JSON.stringify(body),
  };
  try {
    return await fetch(address, { ...request, signal: AbortSignal.timeout(LIMIT_MS) });
  } catch {
    return fetch(address, { ...request, signal: AbortSignal.timeout(LIMIT_MS) });
  }
}

/** What the station answers with a refusal (problem+json, RFC 9457).
 * @typedef {{detail?: unknown, title?: string, problems?: string[], state?: string, allowed_actions?: string[]}} Problem */

/**
 * The station's own words for a refusal, with the first two particulars, and what it would take now.
 * @param {Problem} problem
 * @param {number} status
 */
function whyNot(problem, status) {
  const detail = typeof problem.detail === "string" ? problem.detail : problem.title ?? `HTTP ${status}`;
  return [detail, ...(problem.problems ?? []).slice(0, 2), ...standing(problem)].join(" ");
}

/** In the page's language, where the sentence of the station is English. @param {Problem} problem */
function standing(problem) {
  if (!problem.state) return [];
  const state = t(`state.${problem.state}`);
  const actions = (problem.allowed_actions ?? []).map((name) => t(`command.${name}`)).join(", ");
  return [actions ? t("notice.allowed", { state, actions }) : t("notice.state", { state })];
}

/**
 * Send one command and tell its outcome in words.
 * @param {string} name word shown to people
 * @param {string} address
 * @param {object} body
 * @returns {Promise<boolean>} true when the station took it
 */
export async function send(name, address, body) {
  pending.value = name;
  try {
    const reply = await post(address, body);
    if (reply.ok) {
      tell(true, t("notice.accepted", { name }));
      return true;
    }
    if (reply.status === 401 || reply.status === 403) ask();
    const problem = await reply.json().catch(() => ({}));
    tell(false, t("notice.refused", { name, detail: whyNot(problem, reply.status) }));
  } catch {
    tell(false, t("notice.no_answer", { name }));
  } finally {
    pending.value = null;
  }
  return false;
}

/** @param {string} name @param {string} jobId @param {"start"|"hold"|"resume"|"stop"} action */
export const actOnJob = (name, jobId, action) => send(name, `/v1/jobs/${encodeURIComponent(jobId)}/actions`, { action });

/** @param {string} name @param {"reset"|"clear"|"hold"|"stop"|"abort"} command */
export const commandStation = (name, command) => send(name, "/v1/station/commands", { command });

/** @param {string} name @param {string} recipe @param {number} boards */
export const newJob = (name, recipe, boards) => send(name, "/v1/jobs", { recipe, boards });

/** @param {string} name @param {import("./types.js").Alarm} alarm @param {string} answer */
export const answerAlarm = (name, alarm, answer) =>
  send(name, `/v1/alarms/${encodeURIComponent(alarm.id)}/answer`, { answer, state_token: alarm.state_token });

/**
 * Recipes whose name may be ordered now, and those whose approval has lapsed.
 * @returns {Promise<{offered: string[], lapsed: string[]}>}
 */
export async function recipeNames() {
  try {
    const reply = await fetch("/v1/recipes");
    if (!reply.ok) return { offered: [], lapsed: [] };
    const { items } = await reply.json();
    /** @type {import("./types.js").RecipeRow[]} */
    const named = items.filter((/** @type {import("./types.js").RecipeRow} */ row) => row.is_named);
    return {
      offered: named.filter((row) => !row.refusal).map((row) => row.name),
      lapsed: named.filter((row) => row.refusal && row.state === "approved").map((row) => row.name),
    };
  } catch {
    return { offered: [], lapsed: [] };
  }
}
