/** The two curves of the Run page: film height of the last dips and force over Z of the last contact. */
import uPlot from "../vendor/uplot.js";
import { useEffect, useRef } from "../vendor/preact-hooks.js";
import { snapshot } from "./feed.js";
import { fixed } from "./format.js";
import { html } from "./html.js";
import { colour, paint } from "./look.js";
import { language, t } from "./words.js";

/** Free air shown before the contact, as a share of the travel after it, and at least this much. */
const AIR_SHARE = 2;
const AIR_MIN_UM = 20;
const FONT = '15px system-ui, "Noto Sans CJK SC", sans-serif';

/**
 * @typedef {{x: number[], y: number[], xLabel: string, yLabel: string, xRange: [number, number], yRange: [number, number],
 *   band?: [number, number], target?: number, lineToken: string, hasPoints: boolean,
 *   marks: {x: number, y: number, text: string, side: "left"|"right"}[], levels: {y: number, text: string}[]}} Curve
 */

/** Axis in the colours of the page. @param {string} label @param {number} size */
function axis(label, size) {
  return {
    label, labelSize: 20, size, font: FONT, labelFont: FONT, gap: 4, labelGap: 0,
    stroke: () => colour("--muted"),
    grid: { stroke: () => colour("--grid"), width: 1 },
    ticks: { stroke: () => colour("--grid"), width: 1, size: 4 },
  };
}

/** Tolerance band and target line below the curve. @param {uPlot} plot @param {Curve} curve */
function drawBand(plot, curve) {
  const { ctx: pen, bbox } = plot;
  pen.save();
  if (curve.band) {
    const top = plot.valToPos(curve.band[1], "y", true);
    const bottom = plot.valToPos(curve.band[0], "y", true);
    pen.fillStyle = colour("--band");
    pen.fillRect(bbox.left, top, bbox.width, bottom - top);
  }
  for (const level of curve.target === undefined ? [] : [curve.target]) {
    pen.strokeStyle = colour("--muted");
    pen.setLineDash([6, 5]);
    pen.beginPath();
    pen.moveTo(bbox.left, plot.valToPos(level, "y", true));
    pen.lineTo(bbox.left + bbox.width, plot.valToPos(level, "y", true));
    pen.stroke();
  }
  pen.restore();
}

/** The curve itself (z may run back on lift, so it is a path, not a function of x), levels and marks. @param {uPlot} plot @param {Curve} curve */
function drawCurve(plot, curve) {
  const { ctx: pen, bbox } = plot;
  const at = (/** @type {number} */ x, /** @type {number} */ y) => [plot.valToPos(x, "x", true), plot.valToPos(y, "y", true)];
  const ratio = uPlot.pxRatio;
  pen.save();
  pen.beginPath();
  pen.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  pen.clip();
  pen.font = FONT.replace("15px", `${15 * ratio}px`);
  for (const level of curve.levels) {
    const y = plot.valToPos(level.y, "y", true);
    pen.strokeStyle = colour("--muted");
    pen.setLineDash([6 * ratio, 5 * ratio]);
    pen.beginPath(); pen.moveTo(bbox.left, y); pen.lineTo(bbox.left + bbox.width, y); pen.stroke();
    pen.fillStyle = colour("--muted");
    pen.textBaseline = "bottom";
    pen.textAlign = "left";
    pen.fillText(level.text, bbox.left + 6 * ratio, y - 2 * ratio);
  }
  pen.setLineDash([]);
  pen.strokeStyle = colour(curve.lineToken);
  pen.lineWidth = 2 * ratio;
  pen.lineJoin = "round";
  pen.beginPath();
  curve.x.forEach((x, index) => (index === 0 ? pen.moveTo(...at(x, curve.y[index])) : pen.lineTo(...at(x, curve.y[index]))));
  pen.stroke();
  if (curve.hasPoints) {
    curve.x.forEach((x, index) => {
      const y = curve.y[index];
      const isOut = curve.band && (y < curve.band[0] || y > curve.band[1]);
      pen.fillStyle = colour(isOut ? "--p2" : curve.lineToken);
      pen.beginPath(); pen.arc(...at(x, y), (isOut ? 5 : 3) * ratio, 0, 7); pen.fill();
    });
  }
  for (const mark of curve.marks) {
    const [x, y] = at(mark.x, mark.y);
    pen.fillStyle = colour("--text");
    pen.beginPath(); pen.arc(x, y, 4 * ratio, 0, 7); pen.fill();
    pen.textAlign = mark.side === "left" ? "right" : "left";
    pen.textBaseline = "bottom";
    pen.fillText(mark.text, x + (mark.side === "left" ? -8 : 8) * ratio, Math.max(y - 4 * ratio, bbox.top + 18 * ratio));
  }
  pen.restore();
}

/** @param {{curve: Curve, spoken: string}} props */
function Plot({ curve, spoken }) {
  const place = useRef(/** @type {HTMLDivElement|null} */ (null));
  const kept = useRef(/** @type {{plot: uPlot, curve: Curve}|null} */ (null));
  useEffect(() => {
    const host = /** @type {HTMLDivElement} */ (place.current);
    const shape = { width: Math.max(host.clientWidth, 120), height: Math.max(host.clientHeight, 90) };
    const holder = /** @type {{plot: uPlot, curve: Curve}} */ ({ curve });
    holder.plot = new uPlot({
      ...shape,
      padding: [8, 14, 0, 0],
      cursor: { show: false },
      legend: { show: false },
      scales: { x: { time: false, range: () => holder.curve.xRange }, y: { range: () => holder.curve.yRange } },
      axes: [axis(curve.xLabel, 30), axis(curve.yLabel, 46)],
      series: [{}, { show: false }],
      hooks: { drawAxes: [(plot) => drawBand(plot, holder.curve)], draw: [(plot) => drawCurve(plot, holder.curve)] },
    }, [curve.xRange, curve.yRange], host);
    kept.current = holder;
    const watcher = new ResizeObserver(() => {
      if (host.clientWidth > 0) holder.plot.setSize({ width: host.clientWidth, height: host.clientHeight });
    });
    watcher.observe(host);
    return () => { watcher.disconnect(); holder.plot.destroy(); kept.current = null; };
    // Axis labels are fixed at creation, so another language makes another plot.
  }, [language.value]);
  useEffect(() => {
    if (!kept.current) return;
    kept.current.curve = curve;
    kept.current.plot.setData([curve.xRange, curve.yRange]);
  }, [curve.x.length, curve.x.at(-1), curve.y.at(0), curve.y.at(-1), curve.target, curve.xRange[0], curve.yRange[1], paint.value, language.value]);
  return html`<div class="plot" ref=${place} role="img" aria-label=${spoken}></div>`;
}

export function FilmTrend() {
  const film = snapshot.value?.film;
  const heights = film?.trend ?? [];
  return html`<section class="panel trend" aria-label=${t("film.title")}>
    <h2>${t("film.title")} ${film && html`<span class="muted">${t("film.last", { count: heights.length })}</span>`}</h2>
    ${film && heights.length > 0 ? html`<${Plot} curve=${filmCurve(film)} spoken=${t("film.spoken", {
      height: fixed(film.height_um, 1), low: fixed(film.target_um - film.tolerance_um, 1), high: fixed(film.target_um + film.tolerance_um, 1),
    })} />` : html`<p class="empty">${t("film.none")}</p>`}
  </section>`;
}

/** @param {import("./types.js").Film} film @returns {Curve} */
function filmCurve(film) {
  const low = Math.min(film.target_um - 2.2 * film.tolerance_um, ...film.trend);
  const high = Math.max(film.target_um + 2.2 * film.tolerance_um, ...film.trend);
  const count = film.trend.length;
  return {
    x: film.trend.map((_, index) => index - count + 1), y: film.trend, xLabel: t("film.x"), yLabel: "µm",
    xRange: [Math.min(-20, 1 - count) - 0.5, 0.5], yRange: [low, high],
    band: [film.target_um - film.tolerance_um, film.target_um + film.tolerance_um], target: film.target_um,
    lineToken: "--done", hasPoints: true, marks: [], levels: [],
  };
}

export function ForceCurve() {
  const force = snapshot.value?.force;
  return html`<section class="panel force" aria-label=${t("force.title")}>
    <h2>${t("force.title")}</h2>
    ${force && force.z_um.length > 1 ? html`<${Plot} curve=${forceCurve(force)} spoken=${t("force.spoken", {
      contact: fixed(force.contact_z_um, 1), peak: fixed(force.peak_force_n, 2), hold: fixed(force.hold_force_n, 2),
    })} />` : html`<p class="empty">${t("force.none")}</p>`}
  </section>`;
}

/** Z counts from the contact point, because absolute Z says nothing to people. @param {import("./types.js").Force} force @returns {Curve} */
function forceCurve(force) {
  const zero_um = force.contact_z_um ?? force.z_um[0];
  const x = force.z_um.map((z_um) => z_um - zero_um);
  const peakAt = force.force_n.indexOf(Math.max(...force.force_n));
  const last = Math.max(...x);
  // Most of a curve is travel in free air; the contact is what people look for.
  const first = Math.max(Math.min(...x), -Math.max(AIR_SHARE * last, AIR_MIN_UM));
  const reach = Math.max(last - first, 1);
  const top = Math.max(...force.force_n, force.set_force_n ?? 0, 0.1);
  const marks = [{ x: x[peakAt], y: force.force_n[peakAt], text: t("force.peak", { force: fixed(force.force_n[peakAt], 2) }), side: /** @type {const} */ ("left") }];
  if (force.contact_z_um !== null) {
    const at = x.reduce((best, value, index) => (Math.abs(value) < Math.abs(x[best]) ? index : best), 0);
    marks.push({ x: x[at], y: force.force_n[at], text: t("force.contact"), side: /** @type {const} */ ("left") });
  }
  return {
    x, y: force.force_n, xLabel: t("force.x"), yLabel: "N",
    xRange: [first - reach * 0.03, last + reach * 0.05], yRange: [Math.min(0, ...force.force_n) - top * 0.04, top * 1.22],
    lineToken: "--active", hasPoints: false, marks,
    levels: force.set_force_n === null ? [] : [{ y: force.set_force_n, text: t("force.set", { force: fixed(force.set_force_n, 2) }) }],
  };
}
