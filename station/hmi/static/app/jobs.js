/** Which job the page is about: the one being built, else the one that waits for its start. Commands nothing. */
import { computed, effect, signal } from "../vendor/signals.js";
import { snapshot } from "./feed.js";

const ENDED = ["complete", "stopped", "aborted"];

/** Oldest job that was submitted and not started. @type {import("../vendor/signals.js").Signal<import("./types.js").Job|null>} */
const queued = signal(null);

/** @param {import("./types.js").Job|null|undefined} job */
const isOpen = (job) => Boolean(job && !ENDED.includes(job.state));

/** A waiting job is not part of the station's picture until it starts, so it comes before one that has ended. */
export const job = computed(() => {
  const shown = snapshot.value?.job ?? null;
  return isOpen(shown) ? shown : queued.value ?? shown;
});

/** True while a job waits or runs: another one may not be loaded. */
export const isJobOpen = computed(() => isOpen(job.value));

/** Ask for waiting jobs: the snapshot does not tell them. */
export async function lookForQueued() {
  try {
    const reply = await fetch("/v1/jobs");
    if (!reply.ok) return;
    const { items } = await reply.json();
    queued.value = items.find((/** @type {import("./types.js").Job} */ one) => one.state === "queued") ?? null;
  } catch {
    /* The stale mark already tells that the station is silent. */
  }
}

/** Look again whenever the machine's state or the running job changes. */
export function followJobs() {
  const moment = computed(() => {
    const now = snapshot.value;
    return now ? `${now.state.name} ${now.job?.id} ${now.job?.state}` : "";
  });
  effect(() => { if (moment.value) lookForQueued(); else queued.value = null; });
}
