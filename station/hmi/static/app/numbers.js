/** Strip of the numbers that matter now, each with its unit, its wish and its limits. */
import { snapshot } from "./feed.js";
import { duration, fixed, short, signed } from "./format.js";
import { html } from "./html.js";
import * as jobs from "./jobs.js";
import { t } from "./words.js";

/** How far the scale of a bar reaches beyond its limits, in tolerances. */
const BAR_REACH = 2;

/**
 * Bar with the allowed span drawn and a pointer at the value.
 * @param {{value: number|null|undefined, low: number, high: number, from?: number, to?: number}} props
 */
function Bar({ value, low, high, from, to }) {
  const half = (high - low) / 2;
  const start = from ?? low - half * BAR_REACH / 2;
  const end = to ?? high + half * BAR_REACH / 2;
  const place = (/** @type {number} */ x) => 100 * Math.min(1, Math.max(0, (x - start) / (end - start)));
  const isOut = typeof value === "number" && (value < low || value > high);
  return html`<svg class=${`bar ${isOut ? "out" : ""}`} viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
    <rect class="track" y="2" width="100" height="6" />
    <rect class="span" x=${place(low)} y="2" width=${place(high) - place(low)} height="6" />
    <path class="limit" d=${`M${place(low)} 0V10M${place(high)} 0V10`} />
    ${typeof value === "number" && html`<path class="pointer" d=${`M${place(value)} 0V10`} />`}
  </svg>`;
}

/**
 * @param {{label: string, value: string, unit: string, note: unknown, isOut?: boolean, bar?: unknown, id: string}} props
 */
function Cell({ label, value, unit, note, isOut, bar, id }) {
  return html`<div class=${`cell ${isOut ? "out" : ""}`} data-number=${id}>
    <dt>${label}</dt>
    <dd class="cell-value">${isOut && html`<span class="out-mark" aria-label=${t("number.out")}>▲</span>`}<b>${value}</b> <span>${unit}</span></dd>
    <dd class="cell-note">${note}</dd>
    <dd class="cell-bar">${bar}</dd>
  </div>`;
}

function FilmCell() {
  const film = snapshot.value?.film;
  if (!film) return html`<${Cell} id="film" label=${t("number.film")} value="–" unit="µm" note="" />`;
  const low = film.target_um - film.tolerance_um;
  const high = film.target_um + film.tolerance_um;
  const isOut = typeof film.height_um === "number" && (film.height_um < low || film.height_um > high);
  return html`<${Cell} id="film" label=${t("number.film")} value=${fixed(film.height_um, 1)} unit="µm" isOut=${isOut}
    note=${t("number.film_note", { target: short(film.target_um), tolerance: short(film.tolerance_um), age: duration(film.age_s) })}
    bar=${html`<${Bar} value=${film.height_um} low=${low} high=${high} />`} />`;
}

function ForceCell() {
  const force = snapshot.value?.force;
  const set = force?.set_force_n;
  return html`<${Cell} id="force" label=${t("number.force")} value=${fixed(force?.hold_force_n, 2)} unit="N"
    note=${force ? t("number.force_note", { set: fixed(set, 2), peak: fixed(force.peak_force_n, 2) }) : ""}
    bar=${typeof set === "number" && html`<${Bar} value=${force?.hold_force_n} low=${set * 0.9} high=${set * 1.1} from=${0} to=${set * 1.5} />`} />`;
}

function OffsetCell() {
  const offset = snapshot.value?.offset;
  if (!offset) return html`<${Cell} id="offset" label=${t("number.offset")} value="–" unit="µm" note="" />`;
  const length_um = Math.hypot(offset.x_um, offset.y_um);
  return html`<${Cell} id="offset" label=${t("number.offset")} value=${fixed(length_um, 1)} unit="µm" isOut=${length_um > offset.limit_um}
    note=${t("number.offset_note", { x: signed(offset.x_um, 1), y: signed(offset.y_um, 1), theta: signed(offset.theta_deg, 3), limit: fixed(offset.limit_um, 0) })}
    bar=${html`<${Bar} value=${length_um} low=${0} high=${offset.limit_um} from=${0} to=${offset.limit_um * 1.5} />`} />`;
}

function CountCells() {
  const job = jobs.job.value;
  const share = job && job.boards_total > 0 ? { value: job.boards_done, low: 0, high: job.boards_total, from: 0, to: job.boards_total } : null;
  return html`
    <${Cell} id="cycle" label=${t("number.cycle")} value=${fixed(job?.cycle_s, 2)} unit="s" note=${t("number.cycle_note")} />
    <${Cell} id="boards" label=${t("number.boards")} value=${job ? `${job.boards_done}` : "–"} unit=${job && job.boards_total > 0 ? `/ ${job.boards_total}` : ""}
      note=${job ? t(`job_state.${job.state}`) === `job_state.${job.state}` ? job.state : t(`job_state.${job.state}`) : ""}
      bar=${share && html`<${Bar} ...${share} />`} />
    <${Cell} id="placed" label=${t("number.placed")} value=${job ? `${job.placed}` : "–"} unit=""
      note=${job ? t("number.placed_note", { rejected: job.rejected, unplaced: job.unplaced }) : ""} />`;
}

export function NumbersStrip() {
  return html`<dl class="numbers" aria-label=${t("number.title")}><${FilmCell} /><${ForceCell} /><${OffsetCell} /><${CountCells} /></dl>`;
}

/** Hardware inputs and device links: indicators, not buttons. Only what is wrong gets colour. */
export function Inputs() {
  const now = snapshot.value;
  const devices = now?.devices ?? [];
  const lost = devices.filter((device) => !device.connected);
  const safety = Object.entries(now?.safety ?? {}).filter(([name, value]) => typeof value === "boolean" && t(`input.${name}`) !== `input.${name}`
    && (value || name !== "on_battery"));  // the mains are told of only when they are gone
  const tray = now?.tray;
  return html`<ul class="inputs" aria-label=${t("input.title")}>
    ${safety.map(([name, value]) => html`<li class=${value === isGoodWhen(name) ? "" : "bad"}>
      ${value === isGoodWhen(name) ? t(`input.${name}`) : t(`input.${name}.bad`)}</li>`)}
    ${lost.length === 0 && tray && tray.failed_picks > 0
      ? html`<li class=${tray.failed_picks >= tray.failed_picks_max ? "bad" : ""}>${t("input.tray", { tray: tray.number, failed: tray.failed_picks })}</li>`
      : html`<li class=${lost.length === 0 ? "" : "bad"}>${lost.length === 0 ? t("input.devices", { count: devices.length })
        : t("input.lost", { names: lost.map((device) => device.name).join(", ") })}</li>`}
  </ul>`;
}

/** @param {string} name */
const isGoodWhen = (name) => !["bin_full", "key_manual", "on_battery"].includes(name);
