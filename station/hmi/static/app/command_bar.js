/** Command bar: every command always in its place; a command that is not allowed says why. The station decides, not the page. */
import { signal } from "../vendor/signals.js";
import { actOnJob, commandStation, newJob, notice, pending, recipeNames } from "./commands.js";
import { isStale, snapshot } from "./feed.js";
import { html } from "./html.js";
import { isJobOpen, job, lookForQueued } from "./jobs.js";
import { isIdle, may, maySee } from "./login.js";
import { t } from "./words.js";

const isFormOpen = signal(false);
const recipes = signal(/** @type {string[]} */ ([]));
const lapsed = signal(/** @type {string[]} */ ([]));
const recipe = signal("");
const boards = signal(1);

/** What a command demands; what stops the machine demands nothing. @type {Object<string, string>} */
const NEEDS = { load: "order", start: "order", resume: "order", reset: "operate", clear: "operate" };
const STOPS = ["hold", "stop", "abort"];

/** Why whoever is at this page may not, empty where they may. @param {string} name */
function forbidden(name) {
  if (!NEEDS[name] || may(NEEDS[name])) return "";
  return isIdle.value ? t("login.again") : t(`login.needs.${NEEDS[name]}`);
}

/** May it be clicked, and if not, why not. @param {string} name @param {boolean} isStopping */
function permission(name, isStopping) {
  const now = snapshot.value;
  // Without a login nothing is seen, and the machine can be stopped.
  if (!maySee.value && STOPS.includes(name)) return { allowed: true, reason: "" };
  const why = forbidden(name);
  if (why) return { allowed: false, reason: why };
  if (!now) return { allowed: false, reason: t("command.no_data") };
  // A stop is offered even on an old picture: it only ever makes the machine stand still.
  if (isStale.value) return isStopping ? { allowed: true, reason: "" } : { allowed: false, reason: t("command.stale") };
  const sent = now.commands[name];
  return sent ? { allowed: sent.allowed, reason: sent.reason ?? "" } : { allowed: false, reason: t("command.unknown") };
}

/** @param {{name: string, kind?: string, isStopping?: boolean, onPress: (label: string) => unknown, needsJob?: boolean}} props */
function Command({ name, kind = "", isStopping = false, onPress, needsJob = false }) {
  const label = t(`command.${name}`);
  const may = permission(name, isStopping);
  const isJobMissing = needsJob && maySee.value && !isJobOpen.value;
  // A stop never waits for the answer to another command.
  const isDisabled = !may.allowed || isJobMissing || (pending.value !== null && !isStopping);
  const reason = may.allowed ? (isJobMissing ? t("job.none") : "") : may.reason;
  return html`<button class=${`command ${kind}`} disabled=${isDisabled} data-command=${name}
      title=${reason || undefined} onClick=${() => onPress(label)}>
    <b>${label}</b>${reason && html`<small>${reason}</small>`}
  </button>`;
}

/** @param {"start"|"hold"|"resume"|"stop"} action @param {string} label */
function act(action, label) {
  if (job.value) actOnJob(label, job.value.id, action);
  else if (action === "hold" || action === "stop") commandStation(label, action);
}

/** The form comes with its choices: nothing in it changes under the hand of who fills it in. */
async function openForm() {
  const names = await recipeNames();
  [recipes.value, lapsed.value] = [names.offered, names.lapsed];
  if (!names.offered.includes(recipe.value)) recipe.value = names.offered[0] ?? "";
  isFormOpen.value = true;
}

export function closeForm() {
  isFormOpen.value = false;
}

/** @param {Event} event */
async function submit(event) {
  event.preventDefault();
  if (recipe.value && (await newJob(t("command.load"), recipe.value, boards.value))) {
    closeForm();
    await lookForQueued();
  }
}

/** @param {number} by */
function change(by) {
  boards.value = Math.max(1, boards.value + by);
}

export function JobForm() {
  if (!isFormOpen.value) return null;
  return html`<form class="job-form" aria-label=${t("command.load")} onSubmit=${submit}>
    <h2>${t("command.load")}</h2>
    <label for="job-recipe">${t("form.recipe")}</label>
    ${recipes.value.length > 0
      ? html`<select id="job-recipe" value=${recipe.value} onChange=${(/** @type {any} */ e) => { recipe.value = e.target.value; }}>
          ${recipes.value.map((name) => html`<option value=${name}>${name}</option>`)}</select>`
      : html`<input id="job-recipe" value=${recipe.value} onInput=${(/** @type {any} */ e) => { recipe.value = e.target.value.trim(); }} />`}
    ${lapsed.value.map((name) => html`<p class="form-note">${t("form.lapsed", { name })}</p>`)}
    <label for="job-boards">${t("form.boards")}</label>
    <div class="stepper">
      <button type="button" aria-label=${t("form.fewer")} onClick=${() => change(-1)}>−</button>
      <input id="job-boards" type="number" min="1" max="9999" inputmode="numeric" value=${boards.value}
             onInput=${(/** @type {any} */ e) => { boards.value = Math.max(1, Math.floor(Number(e.target.value)) || 1); }} />
      <button type="button" aria-label=${t("form.more")} onClick=${() => change(1)}>+</button>
    </div>
    <div class="form-end">
      <button type="button" onClick=${closeForm}>${t("form.cancel")}</button>
      <button class="first" disabled=${!recipe.value || pending.value !== null}>${t("command.load")}</button>
    </div>
  </form>`;
}

/** Outcome of the last command, in words. */
export function Notice() {
  const last = notice.value;
  return html`<div class="notice-place" role="status">
    ${last && html`<p class=${`notice ${last.ok ? "" : "bad"}`}>${last.text}</p>`}
  </div>`;
}

export function CommandBar() {
  const now = snapshot.value;
  const isBusy = isJobOpen.value;
  const whyNot = forbidden("load");
  const mayLoad = now && !isStale.value && !isBusy && !whyNot;
  const isAborted = ["Aborted", "Aborting", "Clearing"].includes(now?.state.name ?? "");
  const reset = isAborted ? /** @type {const} */ ("clear") : /** @type {const} */ ("reset");
  return html`<section class="command-bar" aria-label=${t("command.title")}>
    <button class="command" data-command="load" disabled=${!mayLoad} aria-expanded=${isFormOpen.value} onClick=${openForm}>
      <b>${t("command.load")}</b>${(whyNot || isBusy) && html`<small>${whyNot || t("command.load_busy")}</small>`}
    </button>
    <${Command} name="start" kind="first" needsJob onPress=${(/** @type {string} */ label) => act("start", label)} />
    <${Command} name="hold" needsJob onPress=${(/** @type {string} */ label) => act("hold", label)} />
    <${Command} name="resume" needsJob onPress=${(/** @type {string} */ label) => act("resume", label)} />
    <${Command} name="stop" isStopping needsJob onPress=${(/** @type {string} */ label) => act("stop", label)} />
    <span class="gap"></span>
    <${Command} name=${reset} onPress=${(/** @type {string} */ label) => commandStation(label, reset)} />
    <span class="gap"></span>
    <${Command} name="abort" kind="stop-now" isStopping onPress=${(/** @type {string} */ label) => commandStation(label, "abort")} />
  </section>`;
}
