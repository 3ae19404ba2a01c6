/** The login: a field for the key, who is logged in, log out. Where nobody need be, it says so in the ribbon instead. */
import { signal } from "../vendor/signals.js";
import { html } from "./html.js";
import { isIdle, logIn, logOut, maySee, me } from "./login.js";
import { t } from "./words.js";

const isOpen = signal(false);
const isSending = signal(false);
const problem = signal("");

export function closeLogin() {
  isOpen.value = false;
}

/** @param {string} role */
const roleWord = (role) => t(`role.${role}`);

/** In the title bar: who is logged in. */
export function WhoAmI() {
  const now = me.value;
  if (!now || now.is_open) return null;
  if (!now.name || isIdle.value) {
    return html`<button class="small" data-login="open" onClick=${() => { isOpen.value = true; }}>
      ${isIdle.value ? t("login.again") : t("login.title")}</button>`;
  }
  const role = roleWord(now.role ?? "");
  return html`<span class="who" title=${`${now.name} · ${role}`}><span>${now.name}</span><span class="muted">${role}</span></span>
    <button class="small" data-login="out" onClick=${logOut}>${t("login.out")}</button>`;
}

/** @param {Event} event */
async function submit(event) {
  event.preventDefault();
  const form = /** @type {HTMLFormElement} */ (event.currentTarget);
  const field = /** @type {HTMLInputElement} */ (form.elements.namedItem("key"));
  isSending.value = true;
  const why = await logIn(field.value.trim());
  isSending.value = false;
  field.value = "";
  problem.value = why === null ? "" : t("login.failed", { detail: why || t("login.no_answer") });
  if (why === null) closeLogin();
  else field.focus();
}

/** Over the page while nothing may be seen without; else when asked for. */
export function LoginPanel() {
  const now = me.value;
  const isNeeded = now !== null && !maySee.value;
  if (!isNeeded && !isOpen.value) return null;
  return html`<form class="login-panel" aria-label=${t("login.title")} onSubmit=${submit}>
    <h2>${t("login.title")}</h2>
    <label for="login-key">${t("login.key")}</label>
    <input id="login-key" name="key" type="password" autocomplete="off" maxlength="200" required />
    <p class="muted">${t("login.hint")}</p>
    ${now?.why_not && html`<p>${now.why_not}</p>`}
    <p class="bad" role="alert">${problem.value}</p>
    <div class="form-end">
      ${isNeeded ? html`<span></span>` : html`<button type="button" onClick=${closeLogin}>${t("form.cancel")}</button>`}
      <button class="first" disabled=${isSending.value}>${t("login.title")}</button>
    </div>
  </form>`;
}
