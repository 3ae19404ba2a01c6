/** The live picture of the station: one stream of whole snapshots, with its age. Sends nothing. */
import { computed, effect, signal } from "../vendor/signals.js";
import { ask, maySee } from "./login.js";

/** Silence after which shown values are no longer true. */
export const STALE_AFTER_S = 2;
/** Silence after which the connection is given up and opened again. */
const REOPEN_AFTER_S = 6;
const REOPEN_PAUSE_MS = 1000;
const WATCH_EVERY_MS = 250;

/** @type {import("../vendor/signals.js").Signal<import("./types.js").Snapshot|null>} */
export const snapshot = signal(null);
export const silence_s = signal(0);
export const isStale = computed(() => silence_s.value >= STALE_AFTER_S);

/** @type {EventSource|null} */
let source = null;
let heardAt_ms = performance.now();
let openedAt_ms = 0;
/** @type {import("./types.js").Snapshot|null} */
let latest = null;

/** @param {import("./types.js").Snapshot} fresh */
function hear(fresh) {
  heardAt_ms = performance.now();
  latest = fresh;
  silence_s.value = 0;
  // A hidden page keeps listening but draws nothing: the panel computer also runs the station.
  if (!document.hidden) snapshot.value = fresh;
}

function open() {
  source?.close();
  if (!maySee.value) return;
  openedAt_ms = performance.now();
  source = new EventSource("/v1/stream");
  source.addEventListener("snapshot", (event) => hear(JSON.parse(event.data)));
  source.onerror = () => {
    // A refused stream (HTTP error) is closed for good by the browser; a broken one comes back by itself.
    if (source?.readyState === EventSource.CLOSED) setTimeout(() => ask().then(open), REOPEN_PAUSE_MS);
  };
}

function watch() {
  if (!maySee.value) return;
  const now_ms = performance.now();
  const silent_s = (now_ms - heardAt_ms) / 1000;
  // Whole seconds are enough for the eye and spare the page three redraws out of four.
  silence_s.value = silent_s < STALE_AFTER_S ? 0 : Math.floor(silent_s);
  const waited_s = (now_ms - Math.max(openedAt_ms, heardAt_ms)) / 1000;
  if (waited_s > REOPEN_AFTER_S && source?.readyState !== EventSource.CLOSED) open();
}

/** Who logs out takes the picture along: nothing is shown to whoever comes next. */
function forget() {
  source?.close();
  latest = null;
  snapshot.value = null;
  silence_s.value = 0;
}

/** Read the present state once, then follow the stream for as long as the page lives and somebody may see it. */
export function follow() {
  effect(() => (maySee.value ? begin() : forget()));
  setInterval(watch, WATCH_EVERY_MS);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && latest) snapshot.value = latest;
  });
}

function begin() {
  heardAt_ms = performance.now();
  open();
  fetch("/v1/station")
    .then((reply) => (reply.ok ? reply.json() : null))
    .then((first) => { if (first && !latest) hear(first); })
    .catch(() => { /* The stale mark already tells it. */ });
}
