/** Title bar: which station, what state, which job, is the picture fresh. Carries no command of the machine. */
import { isStale, silence_s, snapshot } from "./feed.js";
import { duration, timeOfDay } from "./format.js";
import { html } from "./html.js";
import { job } from "./jobs.js";
import { maySee, me } from "./login.js";
import { WhoAmI } from "./login_panel.js";
import { nextTheme, theme } from "./look.js";
import { LANGUAGES, language, speak, t, tOr } from "./words.js";

/** Permanent mark of a station whose machine is simulated. */
export function SimulationRibbon() {
  if (!snapshot.value?.station.simulated) return null;
  return html`<aside class="ribbon" aria-label=${t("ribbon.simulation")}>
    <span>${t("ribbon.simulation")}</span>${me.value?.is_open && html`<span class="open">${t("login.open")}</span>`}
  </aside>`;
}

export function TitleBar() {
  const now = snapshot.value;
  return html`<header class="title-bar">
    <h1>${now?.station.name ?? t("title.station")}</h1>
    <${StateWord} state=${now?.state} />
    ${maySee.value && html`<${JobLine} job=${job.value} board=${now?.board} />`}
    <div class="title-end">
      ${isStale.value
        ? html`<strong class="stale-word" role="alert">${t("stale", { seconds: silence_s.value })}</strong>`
        : html`<span class="clock">${timeOfDay(now?.station.time_utc)}</span>`}
      <${WhoAmI} />
      <button class="small" onClick=${nextTheme} aria-label=${t("title.look", { look: t(`look.${theme.value}`) })}>
        ${t(`look.${theme.value}`)}
      </button>
      <${LanguageSwitch} />
    </div>
  </header>`;
}

/** @param {{state?: import("./types.js").Snapshot["state"]}} props */
function StateWord({ state }) {
  if (!state) return html`<div class="state" role="status"><b>${t("state.unknown")}</b></div>`;
  const isAbnormal = ["Held", "Holding", "Aborted", "Aborting"].includes(state.name);
  const step = state.sub_step ? tOr(`step.${state.sub_step}`, state.sub_step) : null;
  return html`<div class=${`state ${isAbnormal ? "abnormal" : ""}`}>
    <b role="status">${tOr(`state.${state.name}`, state.text)}</b>
    <span class="state-more">
      <span>${step ?? " "}</span>
      <span class="muted">${state.name} · ${tOr(`mode.${state.mode}`, state.mode)} · ${duration(state.since_s)}</span>
    </span>
  </div>`;
}

/** @param {{job?: import("./types.js").Job|null, board?: import("./types.js").Board|null}} props */
function JobLine({ job: shown, board }) {
  if (!shown) return html`<div class="job-line muted">${t("job.none")}</div>`;
  const boards = shown.boards_total > 0 ? `${shown.boards_done} / ${shown.boards_total}` : `${shown.boards_done}`;
  return html`<div class="job-line">
    <span>${shown.recipe} <span class="muted">${String(shown.recipe_hash ?? "").replace("sha256:", "").slice(0, 8)}</span></span>
    <span class="muted">${t("job.boards", { boards })}${board?.serial ? ` · ${board.serial}` : ""}</span>
  </div>`;
}

function LanguageSwitch() {
  const other = LANGUAGES.find((name) => name !== language.value) ?? "en";
  return html`<button class="small" lang=${other} onClick=${() => speak(other)}>${t(`language.${other}`)}</button>`;
}
