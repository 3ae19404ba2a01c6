/** Alarm line and the panel behind it: what happened, why, what to do, and the answers the station allows. */
import { signal } from "../vendor/signals.js";
import { answerAlarm, pending } from "./commands.js";
import { isStale, snapshot } from "./feed.js";
import { timeOfDay } from "./format.js";
import { html } from "./html.js";
import { isIdle, may } from "./login.js";
import { t, tOr } from "./words.js";

const isOpen = signal(false);
const chosenId = signal("");
/** Alarms whose panel has opened by itself once; a closed panel stays closed. @type {Set<string>} */
const shown = new Set();

/** Priority of the station's severities: abort, stop, warning, information. @type {Object<string, number>} */
const PRIORITY = { A: 1, S: 2, W: 3, I: 4 };

/** @param {string} severity */
const priority = (severity) => PRIORITY[severity] ?? 2;

/** Alarms as shown: worst first, newest first among equals. */
function ordered() {
  const alarms = snapshot.value?.alarms ?? [];
  return [...alarms].sort((a, b) =>
    priority(a.severity) - priority(b.severity) || String(b.raised_at).localeCompare(String(a.raised_at)));
}

/** @param {{level: number}} props */
function Badge({ level }) {
  const outline = {
    1: "M9 2h14l7 7v14l-7 7H9l-7-7V9z", 2: "M16 2 31 29H1z", 3: "M3 3h26v26H3z", 4: "M16 1 31 16 16 31 1 16z",
  }[level];
  return html`<svg class=${`badge p${level}`} viewBox="0 0 32 32" aria-hidden="true">
    <path d=${outline} /><text x="16" y=${level === 2 ? 26 : 22.5}>${level}</text>
  </svg>`;
}

export function AlarmLine() {
  const alarms = ordered();
  if (alarms.length === 0) {
    return html`<div class="alarm-line quiet" role="status">${t("alarm.none")}</div>`;
  }
  const first = alarms[0];
  const level = priority(first.severity);
  if (first.answers.length > 0 && !shown.has(first.id)) {
    shown.add(first.id);
    queueMicrotask(() => { chosenId.value = first.id; isOpen.value = true; });
  }
  return html`<div class=${`alarm-line p${level}`} role=${level <= 2 ? "alert" : "status"}>
    <button class="alarm-open" aria-expanded=${isOpen.value} aria-controls="alarm-panel"
            onClick=${() => { chosenId.value = first.id; isOpen.value = !isOpen.value; }}>
      <${Badge} level=${level} />
      <span class="alarm-number">${first.number}</span>
      <b>${title(first)}</b>
      <span class="alarm-cause">${first.text ?? cause(first)}</span>
      ${alarms.length > 1 && html`<span class="alarm-count">${t("alarm.more", { count: alarms.length - 1 })}</span>`}
      <time>${timeOfDay(String(first.raised_at))}</time>
      <span class="alarm-details">${isOpen.value ? t("alarm.close") : t("alarm.details")}</span>
    </button>
  </div>`;
}

/** @param {import("./types.js").Alarm} alarm */
const title = (alarm) => tOr(`alarm.${alarm.number}.title`, alarm.title);
/** @param {import("./types.js").Alarm} alarm */
const cause = (alarm) => tOr(`alarm.${alarm.number}.cause`, alarm.cause);

export function closeAlarmPanel() {
  isOpen.value = false;
}

export function AlarmPanel() {
  const alarms = ordered();
  if (!isOpen.value || alarms.length === 0) return null;
  const alarm = alarms.find((one) => one.id === chosenId.value) ?? alarms[0];
  const place = alarms.indexOf(alarm);
  const step = (/** @type {number} */ by) => { chosenId.value = alarms[(place + by + alarms.length) % alarms.length].id; };
  const objects = Object.entries(alarm.objects ?? {}).filter(([, value]) => value !== null && typeof value !== "object");
  return html`<section id="alarm-panel" class=${`alarm-panel p${priority(alarm.severity)}`} aria-labelledby="alarm-title">
    <div class="alarm-head">
      <${Badge} level=${priority(alarm.severity)} />
      <h2 id="alarm-title">${alarm.number} ${title(alarm)}</h2>
      ${alarms.length > 1 && html`<div class="alarm-steps">
        <button class="small" aria-label=${t("alarm.previous")} onClick=${() => step(-1)}>‹</button>
        <span>${place + 1} / ${alarms.length}</span>
        <button class="small" aria-label=${t("alarm.next")} onClick=${() => step(1)}>›</button>
      </div>`}
      <button class="small" onClick=${closeAlarmPanel}>${t("alarm.close")}</button>
    </div>
    <div class="alarm-body" tabindex="0" role="group" aria-labelledby="alarm-title">
      ${alarm.text && html`<h3>${t("alarm.text")}</h3><p>${alarm.text}</p>`}
      <h3>${t("alarm.cause")}</h3><p>${cause(alarm)}</p>
      <h3>${t("alarm.remedy")}</h3>
      <ol>${alarm.remedy.map((line, index) => html`<li>${tOr(`alarm.${alarm.number}.remedy.${index}`, line)}</li>`)}</ol>
      <dl>
        <dt>${t("alarm.raised")}</dt><dd>${timeOfDay(String(alarm.raised_at))}</dd>
        ${alarm.position_trusted !== null && html`<dt>${t("alarm.position")}</dt>
          <dd class=${alarm.position_trusted ? "" : "bad"}>${alarm.position_trusted ? t("alarm.trusted") : t("alarm.untrusted")}</dd>`}
        ${objects.map(([name, value]) => html`<dt>${tOr(`object.${name}`, name)}</dt><dd>${String(value)}</dd>`)}
      </dl>
    </div>
    <${Answers} alarm=${alarm} />
  </section>`;
}

/**
 * What an answer leads to, in the page's language: the steps that are done again where the station names them.
 * @param {import("./types.js").Answer} answer
 */
function consequence(answer) {
  const redoes = answer.redoes ?? [];
  if (redoes.length === 0) return tOr(`consequence.${answer.id}`, answer.consequence ?? "");
  const steps = redoes.map((title) => tOr(`step.${title}`, title)).join(", ");
  return t(answer.uses_part ? "answer.redoes_with_part" : "answer.redoes", { steps });
}

/** @param {{alarm: import("./types.js").Alarm}} props */
function Answers({ alarm }) {
  if (alarm.answers.length === 0) return html`<p class="muted">${t("alarm.no_answers")}</p>`;
  const isAllowed = may("operate");
  const isBlocked = isStale.value || pending.value !== null || !isAllowed;
  return html`${!isAllowed && html`<p class="answers-forbidden">${isIdle.value ? t("login.again") : t("login.needs.operate")}</p>`}<div class="answers" role="group" aria-label=${t("alarm.answers")}>
    ${alarm.answers.map((answer, index) => {
      const label = tOr(`answer.${answer.id}`, answer.label);
      return html`<button class=${index === 0 ? "answer first" : "answer"} disabled=${isBlocked} data-answer=${answer.id}
                          onClick=${() => answerAlarm(label, alarm, answer.id)}>
        <b>${label}</b><small>${consequence(answer)}</small>
      </button>`;
    })}
  </div>`;
}
