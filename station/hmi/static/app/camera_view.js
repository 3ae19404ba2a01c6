/** Camera picture with the balls found in it, drawn as data over the picture; measures nothing. */
import { signal } from "../vendor/signals.js";
import { useEffect, useRef } from "../vendor/preact-hooks.js";
import { snapshot } from "./feed.js";
import { html } from "./html.js";
import { t, tOr } from "./words.js";

/** Order of the legend; the first two are good. */
const STATES = ["ok", "wet", "partial", "dry", "unsure", "excess", "missing", "bridged", "deformed", "debris", "extra", "unmeasured"];
/** Colours on a dark picture, the same in light and dark pages; shape tells the same as colour. */
const INK = {
  ok: "#2BD9E8", wet: "#2BD9E8", partial: "#FFB938", dry: "#FFB938", excess: "#F2D14B",
  missing: "#FF5CF4", bridged: "#FF6B6B", deformed: "#FFA24D", debris: "#C9A2FF", extra: "#FF5CF4",
  unsure: "#D5DADF", unmeasured: "#FFFFFF",
};
const hidden = signal(/** @type {string[]} */ ([]));
/** Loaded pictures by address, newest last; two are enough for dry and wet. @type {Map<string, HTMLImageElement>} */
const pictures = new Map();
const loaded = signal(0);

/**
 * @param {string|null} address none where the camera sends findings instead of pixels
 * @returns {HTMLImageElement|null} the picture once it is there
 */
function picture(address) {
  if (!address) return null;
  const known = pictures.get(address);
  if (known) return known.complete && known.naturalWidth > 0 ? known : null;
  const image = new Image();
  image.onload = () => { loaded.value += 1; };
  image.src = address;
  pictures.set(address, image);
  for (const old of [...pictures.keys()].slice(0, -2)) pictures.delete(old);
  return null;
}

/**
 * Part of the picture that is shown: the balls with a margin, else everything.
 * @param {import("./types.js").Camera} camera
 */
function window_px(camera) {
  if (camera.balls.length === 0) return { x: 0, y: 0, side_x: camera.width_px, side_y: camera.height_px };
  const xs = camera.balls.map((ball) => ball.x_px);
  const ys = camera.balls.map((ball) => ball.y_px);
  const margin = Math.max(...camera.balls.map((ball) => ball.r_px)) * 3.5;
  const x = Math.min(...xs) - margin;
  const y = Math.min(...ys) - margin;
  return { x, y, side_x: Math.max(...xs) + margin - x, side_y: Math.max(...ys) + margin - y };
}

/**
 * Trace the shape of one state about (x, y); the caller strokes it twice, black below and ink above.
 * @param {CanvasRenderingContext2D} pen
 */
function shape(pen, state, x, y, r) {
  pen.beginPath();
  pen.setLineDash(state === "partial" ? [r * 0.7, r * 0.45] : state === "unsure" ? [r * 0.22, r * 0.3] : []);
  switch (state) {
    case "missing": case "extra":
      pen.moveTo(x - r, y - r); pen.lineTo(x + r, y + r); pen.moveTo(x - r, y + r); pen.lineTo(x + r, y - r);
      break;
    case "bridged":
      pen.arc(x, y, r * 1.3, 0, 7); pen.moveTo(x + r * 0.8, y); pen.arc(x, y, r * 0.8, 0, 7);
      break;
    case "dry": pen.arc(x, y, r * 1.12, 0, 7); pen.moveTo(x - r * 1.12, y); pen.lineTo(x + r * 1.12, y); break;
    case "deformed": pen.rect(x - r * 1.1, y - r * 1.1, 2.2 * r, 2.2 * r); break;
    case "debris": pen.moveTo(x, y - 1.3 * r); pen.lineTo(x + 1.3 * r, y + r); pen.lineTo(x - 1.3 * r, y + r); pen.closePath(); break;
    case "excess": pen.moveTo(x, y - 1.5 * r); pen.lineTo(x + 1.5 * r, y); pen.lineTo(x, y + 1.5 * r);
      pen.lineTo(x - 1.5 * r, y); pen.closePath(); break;
    case "unmeasured": pen.arc(x, y, r * 0.25, 0, 7); break;
    default: pen.arc(x, y, r * 1.12, 0, 7);
  }
}

/** @param {HTMLCanvasElement} canvas @param {import("./types.js").Camera} camera */
function draw(canvas, camera) {
  const ratio = window.devicePixelRatio || 1;
  const width = Math.round(canvas.clientWidth * ratio);
  const height = Math.round(canvas.clientHeight * ratio);
  if (width === 0 || height === 0) return;
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const part = window_px(camera);
  const scale = Math.min(width / part.side_x, height / part.side_y);
  const left = (width - part.side_x * scale) / 2 - part.x * scale;
  const top = (height - part.side_y * scale) / 2 - part.y * scale;
  pen.fillStyle = "#08090A";
  pen.fillRect(0, 0, width, height);
  const image = picture(camera.image);
  // Half a pixel: pixel centres carry whole numbers, picture edges do not.
  if (image) pen.drawImage(image, left - scale / 2, top - scale / 2, camera.width_px * scale, camera.height_px * scale);
  const shownBalls = camera.balls.filter((ball) => !hidden.value.includes(ball.state));
  const isPlain = (/** @type {string} */ state) => state === "ok" || state === "wet";
  // Good balls first, so that no bad mark is ever covered.
  shownBalls.sort((a, b) => Number(isPlain(b.state)) - Number(isPlain(a.state)));
  for (const ball of shownBalls) {
    const line = (isPlain(ball.state) ? 1.4 : 2.6) * ratio;
    // A bad ball gets the larger mark: it is one of hundreds.
    const r = Math.max(ball.r_px * scale, 3 * ratio) * (isPlain(ball.state) ? 1 : 1.3);
    shape(pen, ball.state, left + ball.x_px * scale, top + ball.y_px * scale, r);
    pen.lineWidth = line + 2 * ratio;
    pen.strokeStyle = "#000000";
    pen.stroke();
    pen.lineWidth = line;
    pen.strokeStyle = INK[ball.state] ?? INK.unmeasured;
    pen.stroke();
  }
}

/** @param {import("./types.js").Camera|null|undefined} camera */
function spoken(camera) {
  if (!camera) return t("camera.none");
  const bad = camera.balls.filter((ball) => !["ok", "wet"].includes(ball.state));
  const findings = bad.slice(0, 12).map((ball) => `${ball.name} ${tOr(`ball.${ball.state}`, ball.state)}`).join(", ");
  return t("camera.spoken", { good: camera.balls.length - bad.length, total: camera.balls.length, findings });
}

/** @param {{state: string}} props */
function Key({ state }) {
  const r = 8;
  const ink = INK[state] ?? INK.unmeasured;
  const d = {
    dry: "M3 10a7 7 0 1 0 14 0a7 7 0 1 0-14 0H17", missing: `M4 4 16 16M4 16 16 4`, extra: `M4 4 16 16M4 16 16 4`, deformed: `M3 3H17V17H3z`, debris: `M10 3 18 17H2z`, excess: `M10 1 19 10 10 19 1 10z`,
  }[state];
  const dash = { partial: "5 3", unsure: "1.5 2" }[state];
  return html`<svg class="key" viewBox="0 0 20 20" aria-hidden="true">
    <rect width="20" height="20" fill="#08090A" />
    ${d ? html`<path d=${d} fill="none" stroke=${ink} stroke-width="2" />`
      : html`<circle cx="10" cy="10" r=${state === "unmeasured" ? 1.5 : r - 1} fill="none" stroke=${ink} stroke-width="2" stroke-dasharray=${dash} />`}
    ${state === "bridged" && html`<circle cx="10" cy="10" r="3.5" fill="none" stroke=${ink} stroke-width="2" />`}
  </svg>`;
}

/** @param {string} state */
function toggle(state) {
  hidden.value = hidden.value.includes(state) ? hidden.value.filter((one) => one !== state) : [...hidden.value, state];
}

export function CameraView() {
  const camera = snapshot.value?.camera ?? null;
  const canvas = useRef(/** @type {HTMLCanvasElement|null} */ (null));
  const drawn = `${camera?.frame_id}|${camera?.image}|${camera?.view}|${loaded.value}|${hidden.value}`;
  const counts = camera?.counts ?? {};
  const states = [...STATES.filter((state) => counts[state] > 0), ...Object.keys(counts).filter((state) => !STATES.includes(state))];
  const good = (counts.ok ?? 0) + (counts.wet ?? 0);
  useEffect(() => {
    const sheet = canvas.current;
    if (!sheet || !camera) return undefined;
    draw(sheet, camera);
    const watcher = new ResizeObserver(() => draw(sheet, camera));
    watcher.observe(sheet);
    return () => watcher.disconnect();
  }, [drawn]);
  return html`<section class="panel camera" aria-label=${t("camera.title")}>
    <h2>${t("camera.title")} ${camera && html`<span class="muted">${tOr(`view.${camera.view}`, camera.view)} · ${camera.frame_id}</span>`}
      ${camera && html`<b class="camera-count">${good} / ${camera.balls.length}</b>`}</h2>
    ${camera ? html`<div class="picture"><canvas ref=${canvas} role="img" aria-label=${spoken(camera)}></canvas></div>`
      : html`<p class="empty">${t("camera.none")}</p>`}
    <ul class="legend keys">
      ${states.map((state) => html`<li><button class="key-button" aria-pressed=${!hidden.value.includes(state)} onClick=${() => toggle(state)}>
        <${Key} state=${state} />${tOr(`ball.${state}`, state)} <b>${counts[state] ?? 0}</b></button></li>`)}
    </ul>
  </section>`;
}
