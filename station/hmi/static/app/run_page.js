/** The Run page: the fixed zones and what stands in them. */
import { useEffect } from "../vendor/preact-hooks.js";
import { AlarmLine, AlarmPanel, closeAlarmPanel } from "./alarm_panel.js";
import { BoardMap } from "./board_map.js";
import { CameraView } from "./camera_view.js";
import { closeForm, CommandBar, JobForm, Notice } from "./command_bar.js";
import { isStale, snapshot } from "./feed.js";
import { html } from "./html.js";
import { JogPad } from "./jog_pad.js";
import { maySee } from "./login.js";
import { closeLogin, LoginPanel } from "./login_panel.js";
import { Inputs, NumbersStrip } from "./numbers.js";
import { FilmTrend, ForceCurve } from "./plots.js";
import { SimulationRibbon, TitleBar } from "./title_bar.js";
import { t } from "./words.js";

/** Escape closes what lies over the page and never stops the machine. @param {KeyboardEvent} event */
function onKey(event) {
  if (event.key !== "Escape") return;
  closeForm();
  closeAlarmPanel();
  closeLogin();
}

export function RunPage() {
  useEffect(() => {
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);
  return html`
    <${SimulationRibbon} />
    <${TitleBar} />
    ${maySee.value ? html`<${AlarmLine} />` : html`<div class="alarm-line quiet" role="status">${t("login.unseen")}</div>`}
    <main class=${`run ${isStale.value ? "stale" : ""}`} aria-label=${t("page.run")}>
      ${maySee.value && html`<${Panels} />`}
      <${LoginPanel} />
      <${Notice} />
    </main>
    <${CommandBar} />`;
}

function Panels() {
  return html`
    ${snapshot.value?.state.mode === "Manual" ? html`<${JogPad} />` : html`<${BoardMap} />`}
    <${CameraView} />
    <${FilmTrend} />
    <${ForceCurve} />
    <${NumbersStrip} />
    <${Inputs} />
    <${AlarmPanel} />
    <${JobForm} />`;
}
