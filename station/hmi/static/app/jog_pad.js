/** The jog pad: hold a button and one axis moves slowly, let go and it stands. Shown in mode Manual; decides nothing. */
import { useEffect } from "../vendor/preact-hooks.js";
import { fixed } from "./format.js";
import { html } from "./html.js";
import { held, letGo, pad, press, speed, takePad, without } from "./jog.js";
import { isIdle, may } from "./login.js";
import { t } from "./words.js";

const SPEEDS = ["slow", "medium", "fast"];
/** Place on the pad, axis, direction. Z is positive downwards, the turn anticlockwise. */
const BUTTONS = /** @type {const} */ ([
  ["y-plus", "y", 1, "▲"], ["x-minus", "x", -1, "◀"], ["x-plus", "x", 1, "▶"], ["y-minus", "y", -1, "▼"],
  ["z-up", "z", -1, "⤒"], ["z-down", "z", 1, "⤓"], ["turn-plus", "turn", 1, "↺"], ["turn-minus", "turn", -1, "↻"],
]);
const AXES = /** @type {const} */ ([["x", "x_um"], ["y", "y_um"], ["z", "z_um"], ["turn", "turn_deg"]]);
const UM_PER_MM = 1000;

/** @param {{place: string, axis: string, direction: number, mark: string}} props */
function Button({ place, axis, direction, mark }) {
  const isHeld = held.value?.axis === axis && held.value.direction === direction;
  const begin = () => press({ axis, direction });
  return html`<button class=${`jog-button ${place}`} data-jog=${place} aria-pressed=${isHeld} disabled=${!pad.value}
    onPointerDown=${(/** @type {any} */ event) => {
      if (event.button !== 0) return;
      event.currentTarget.setPointerCapture(event.pointerId);
      begin();
    }}
    onPointerUp=${letGo} onPointerCancel=${letGo} onLostPointerCapture=${letGo} onBlur=${letGo}
    onContextMenu=${(/** @type {Event} */ event) => event.preventDefault()}
    onKeyDown=${(/** @type {KeyboardEvent} */ event) => {
      if (event.key !== " " && event.key !== "Enter") return;
      event.preventDefault();
      if (!event.repeat) begin();
    }}
    onKeyUp=${letGo}>
    <span aria-hidden="true">${mark}</span><b>${t(`jog.${place}`)}</b>
  </button>`;
}

/** Where an axis stands between its limits. @param {{axis: string, name: string}} props */
function Position({ axis, name }) {
  const at = pad.value?.position[name];
  const [low, high] = pad.value?.limits[name] ?? [0, 1];
  const share = name === "turn_deg" ? 1 : UM_PER_MM;
  const value = typeof at === "number" ? at / share : null;
  return html`<div class="jog-axis">
    <dt>${t(`jog.axis.${axis}`)}</dt>
    <dd><b>${fixed(value, name === "turn_deg" ? 2 : 3)}</b> ${name === "turn_deg" ? "°" : "mm"}
      <meter min=${low} max=${high} value=${typeof at === "number" ? at : low} aria-label=${t(`jog.axis.${axis}`)}></meter>
      <span class="muted">${fixed(low / share, 0)} … ${fixed(high / share, 0)}</span>
    </dd>
  </div>`;
}

/** One line: why nothing moves, or how the last jog ended. */
function Say() {
  const now = pad.value;
  const end = now?.last_end;
  const why = may("maintain") ? without.value || t("jog.connecting") : t(isIdle.value ? "login.again" : "login.needs.maintain");
  if (!now) return html`<p class="jog-say" role="status">${why}</p>`;
  if (held.value && now.axis) return html`<p class="jog-say" role="status">${t("jog.moves", { axis: t(`jog.axis.${now.axis}`) })}</p>`;
  const words = now.forbidden ?? (end ? `${t(`jog.end.${end.cause}`)}${end.reason ? `: ${end.reason}` : ""}` : t("jog.hint"));
  return html`<p class="jog-say" role="status">${words}</p>`;
}

export function JogPad() {
  const isAllowed = may("maintain");
  useEffect(() => (isAllowed ? takePad() : undefined), [isAllowed]);
  return html`<section class="panel board jog" aria-label=${t("jog.title")}>
    <h2>${t("jog.title")}</h2>
    <div class="jog-speeds" role="radiogroup" aria-label=${t("jog.speed")}>
      ${SPEEDS.map((name) => html`<label><input type="radio" name="jog-speed" value=${name} checked=${speed.value === name}
        onChange=${() => { letGo(); speed.value = name; }} /> ${t(`jog.speed.${name}`)}</label>`)}
    </div>
    <div class="jog-buttons">
      ${BUTTONS.map(([place, axis, direction, mark]) =>
        html`<${Button} key=${place} place=${place} axis=${axis} direction=${direction} mark=${mark} />`)}
    </div>
    <dl class="jog-axes">${AXES.map(([axis, name]) => html`<${Position} key=${axis} axis=${axis} name=${name} />`)}</dl>
    <${Say} />
  </section>`;
}
