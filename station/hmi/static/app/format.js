/** Numbers as people read them: decimal point in every language, a fixed count of decimals, a dash for nothing. */

export const NOTHING = "–";

/**
 * @param {number|null|undefined} value
 * @param {number} decimals
 */
export function fixed(value, decimals) {
  return typeof value === "number" && Number.isFinite(value) ? value.toFixed(decimals).replace("-", "−") : NOTHING;
}

/** One decimal where there is one, for wishes and limits. @param {number|null|undefined} value */
export function short(value) {
  return fixed(value, 1).replace(/\.0$/, "");
}

/** Signed, for offsets. @param {number|null|undefined} value @param {number} decimals */
export function signed(value, decimals) {
  const text = fixed(value, decimals);
  return typeof value === "number" && value > 0 ? `+${text}` : text;
}

/** Whole micrometres with a thin space between thousands. @param {number} value_um */
export function longUm(value_um) {
  return fixed(Math.round(value_um), 0).replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f");
}

/** Local time of day of an ISO time. @param {string|null|undefined} iso */
export function timeOfDay(iso) {
  const time = iso?.includes("T") ? new Date(iso) : null;
  if (!time || Number.isNaN(time.getTime())) return NOTHING;
  return [time.getHours(), time.getMinutes(), time.getSeconds()].map((part) => String(part).padStart(2, "0")).join(":");
}

/** Seconds as 12 s, 3 min 05 s, 2 h 07 min. @param {number|null|undefined} seconds */
export function duration(seconds) {
  if (typeof seconds !== "number" || !Number.isFinite(seconds)) return NOTHING;
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
  return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, "0")} min`;
}
