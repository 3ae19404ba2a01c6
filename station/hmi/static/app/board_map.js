/** Board map: every site by shape and colour, fiducials, and one line about the chosen site. */
import { signal } from "../vendor/signals.js";
import { snapshot } from "./feed.js";
import { fixed, longUm } from "./format.js";
import { html } from "./html.js";
import { t, tOr } from "./words.js";

const STATES = ["pending", "active", "done", "retried", "skipped", "rejected", "failed"];
const chosen = signal("");

/** Mark of a state inside a square of side 2 about the origin. @param {{state: string}} props */
function Mark({ state }) {
  switch (state) {
    case "active": return html`<circle class="mark" r="0.52" />`;
    case "retried": return html`<text class="mark-text" text-anchor="middle" y="0.3">R</text>`;
    case "skipped": return html`<path class="mark" d="M-0.5 0H0.5" />`;
    case "rejected": return html`<path class="mark filled" d="M0-0.62 0.66 0.5H-0.66z" />`;
    case "failed": return html`<path class="mark" d="M-0.46-0.46 0.46 0.46M-0.46 0.46 0.46-0.46" />`;
    default: return null;
  }
}

/** @param {{site: import("./types.js").Site, isFirst: boolean, fontSize_um: number}} props */
function SiteMark({ site, isFirst, fontSize_um }) {
  const half = Math.min(site.size_x_um, site.size_y_um) / 2;
  const word = tOr(`site.${site.state}`, site.state);
  const isChosen = chosen.value === site.name;
  const textWidth_um = site.name.length * fontSize_um * 0.62;
  return html`<g class=${`site ${site.state} ${isChosen ? "chosen" : ""}`} role="img" data-site=${site.name}
      aria-label=${`${site.name} ${word}`} tabindex=${isChosen || (isFirst && !chosen.value) ? 0 : -1}
      transform=${`translate(${site.x_um} ${-site.y_um})`}
      onClick=${() => { chosen.value = site.name; }} onFocus=${() => { chosen.value = site.name; }}>
    <g transform=${`rotate(${-site.theta_deg})`}>
      <rect class="body" x=${-site.size_x_um / 2} y=${-site.size_y_um / 2} width=${site.size_x_um} height=${site.size_y_um} />
      <path class="corner" d=${`M${-site.size_x_um / 2} ${-site.size_y_um / 2}h${half * 0.3}l${-half * 0.3} ${half * 0.3}z`} />
    </g>
    <g transform=${`translate(0 ${-half * 0.2}) scale(${half * 0.72})`}><${Mark} state=${site.state} /></g>
    ${textWidth_um < site.size_x_um * 0.95 && html`<text class="site-name" y=${half * 0.86} font-size=${fontSize_um}
      text-anchor="middle">${site.name}</text>`}
  </g>`;
}

/** Arrow keys move to the nearest site in that direction. @param {KeyboardEvent} event */
function walk(event) {
  const sites = snapshot.value?.board?.sites ?? [];
  const way = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
  const from = sites.find((site) => site.name === chosen.value) ?? sites[0];
  if (!way || !from) return;
  event.preventDefault();
  const cost = (/** @type {import("./types.js").Site} */ site) => {
    const dx = site.x_um - from.x_um;
    const dy = site.y_um - from.y_um;
    const along = dx * way[0] + dy * way[1];
    const across = Math.abs(dx * way[1]) + Math.abs(dy * way[0]);
    return along > 0 && across <= along * 2 ? along + 2 * across : Infinity;
  };
  const next = sites.reduce((best, site) => (cost(site) < cost(best) ? site : best), from);
  if (next === from) return;
  const map = /** @type {Element} */ (event.currentTarget);
  chosen.value = next.name;
  /** @type {SVGElement|null} */ (map.querySelector(`[data-site="${CSS.escape(next.name)}"]`))?.focus();
}

export function BoardMap() {
  const board = snapshot.value?.board;
  return html`<section class="panel board" aria-label=${t("board.title")}>
    <h2>${t("board.title")} ${board?.serial && html`<span class="muted">${board.serial}</span>`}</h2>
    ${board ? html`<${Map} board=${board} />` : html`<p class="empty">${t("board.none")}</p>`}
    <${Legend} sites=${board?.sites ?? []} />
    <${Chosen} sites=${board?.sites ?? []} />
  </section>`;
}

/** @param {{board: import("./types.js").Board}} props */
function Map({ board }) {
  const margin_um = Math.max(board.size_x_um, board.size_y_um) * 0.02;
  const fontSize_um = Math.max(board.size_x_um / 30, Math.min(...board.sites.map((site) => site.size_x_um)) / 4.5);
  const fiducial_um = Math.max(board.size_x_um, board.size_y_um) * 0.012;
  return html`<svg class="board-map" role="group" aria-label=${t("board.map")} onKeyDown=${walk}
      viewBox=${`${-margin_um} ${-board.size_y_um - margin_um} ${board.size_x_um + 2 * margin_um} ${board.size_y_um + 2 * margin_um}`}>
    <rect class="outline" x="0" y=${-board.size_y_um} width=${board.size_x_um} height=${board.size_y_um} rx=${margin_um / 2} />
    ${board.fiducials.map((mark) => html`<g class="fiducial" transform=${`translate(${mark.x_um} ${-mark.y_um})`}>
      <title>${mark.name}</title><circle r=${fiducial_um} />
      <path d=${`M${-2 * fiducial_um} 0H${2 * fiducial_um}M0 ${-2 * fiducial_um}V${2 * fiducial_um}`} />
    </g>`)}
    ${board.sites.map((site, index) => html`<${SiteMark} key=${site.name} site=${site} isFirst=${index === 0} fontSize_um=${fontSize_um} />`)}
  </svg>`;
}

/** @param {{sites: import("./types.js").Site[]}} props */
function Legend({ sites }) {
  return html`<ul class="legend">
    ${STATES.map((state) => {
      const count = sites.filter((site) => site.state === state).length;
      return html`<li class=${count === 0 ? "muted" : ""}>
        <svg viewBox="-1.1 -1.1 2.2 2.2" aria-hidden="true"><g class=${`site ${state}`}>
          <rect class="body" x="-1" y="-1" width="2" height="2" /><${Mark} state=${state} />
        </g></svg>${t(`site.${state}`)} <b>${count}</b>
      </li>`;
    })}
  </ul>`;
}

/** @param {{sites: import("./types.js").Site[]}} props */
function Chosen({ sites }) {
  const site = sites.find((one) => one.name === chosen.value) ?? sites.find((one) => one.state === "active");
  if (!site) return html`<p class="chosen muted">${t("board.choose")}</p>`;
  return html`<p class="chosen"><b>${site.name}</b> ${tOr(`site.${site.state}`, site.state)}
    <span class="muted"> x ${longUm(site.x_um)} µm · y ${longUm(site.y_um)} µm · ${fixed(site.theta_deg, 1)}°</span></p>`;
}
