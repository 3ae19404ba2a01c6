/**
 * The hand on the jog pad: while a button is held, a numbered frame each 50 ms over one WebSocket; when in doubt, let go.
 * What may move is decided by the station, and a device stops by itself when frames end.
 */
import { signal } from "../vendor/signals.js";

const FRAME_EVERY_MS = 50;
const AGAIN_AFTER_MS = 2000;
const BACKLOG_BYTES = 1000;

/**
 * @typedef {{axis: string, direction: number}} Button
 * @typedef {{cause: string, axis: string, reason: string|null}} End
 * @typedef {{token: string, refused: string|null, forbidden: string|null, axis: string|null, last_end: End|null,
 *   position: Object<string, number|null>, limits: Object<string, [number, number]>}} Pad
 */

/** What the station says of the pad; null: this page does not have it. @type {import("../vendor/signals.js").Signal<Pad|null>} */
export const pad = signal(null);
/** Why this page does not have it. */
export const without = signal("");
export const speed = signal("slow");
/** The button that is held just now. @type {import("../vendor/signals.js").Signal<Button|null>} */
export const held = signal(null);

/** @type {WebSocket|null} */
let socket = null;
let isWanted = false;
let number = 0;
let ticking = 0;
let again = 0;

function frame() {
  if (socket?.readyState !== WebSocket.OPEN || !pad.value) return letGo();
  // Frames that pile up before a network that stands still would arrive late and in a crowd.
  if (held.value && socket.bufferedAmount > BACKLOG_BYTES) return letGo();
  number += 1;
  const hold = held.value && { ...held.value, speed: speed.value };
  socket.send(JSON.stringify({ token: pad.value.token, n: number, hold }));
}

/** @param {Button} button */
export function press(button) {
  if (held.value || !pad.value || document.hidden) return;
  held.value = button;
  ticking = setInterval(frame, FRAME_EVERY_MS);
  frame();
}

/** Harmless where nothing is held. */
export function letGo() {
  if (!held.value) return;
  held.value = null;
  clearInterval(ticking);
  frame();
}

function open() {
  if (!isWanted || document.hidden || socket) return;
  clearTimeout(again);
  number = 0;
  const mine = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/v1/jog`);
  socket = mine;
  mine.onmessage = (event) => {
    if (socket !== mine) return;
    pad.value = JSON.parse(event.data);
    without.value = "";
  };
  mine.onclose = (event) => {
    if (socket !== mine) return;
    lose(event.reason);
    again = setTimeout(open, AGAIN_AFTER_MS);
  };
}

/** @param {string} why */
function lose(why) {
  socket = null;
  letGo();
  pad.value = null;
  without.value = why;
}

/** Let go and give the pad back: the station stops at once. */
function close() {
  letGo();
  const mine = socket;
  lose("");
  mine?.close();
}

function onVisibility() {
  if (document.hidden) close();
  else open();
}

/** Have the pad for as long as it is shown. @returns {() => void} what gives it back */
export function takePad() {
  isWanted = true;
  document.addEventListener("visibilitychange", onVisibility);
  window.addEventListener("blur", letGo);
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", open);
  open();
  return () => {
    isWanted = false;
    document.removeEventListener("visibilitychange", onVisibility);
    window.removeEventListener("blur", letGo);
    window.removeEventListener("pagehide", close);
    window.removeEventListener("pageshow", open);
    clearTimeout(again);
    close();
  };
}
