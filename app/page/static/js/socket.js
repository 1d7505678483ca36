// The live view's socket: it is opened again whenever it ends, until a key is needed.

import { key } from "./key.js";

const KEY_NEEDED = 4401;
const TRY_LATER = 1013;
const RESTARTING = 1012;
const FIRST_PAUSE_MS = 400;
const LONGEST_PAUSE_MS = 4_000;
const FULL_PAUSE_MS = 60_000;
// A message comes every second, later from a machine that is busy: then the network is gone.
const SILENCE_MS = 15_000;

/** Calls `on.state(state, reason)` and `on.message(message)`. */
export class LiveSocket {
  #on;
  #socket = null;
  #tries = 0;
  #timer = 0;
  #silence = 0;

  constructor(on) {
    this.#on = on;
    addEventListener("online", () => this.open());
    addEventListener("offline", () => this.#cut("offline"));
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible" && !this.#socket) this.open();
    });
  }

  /** Connects anew, whatever there is now. */
  open() {
    this.#drop();
    if (!navigator.onLine) {
      this.#on.state("offline", "");
      return;
    }
    this.#on.state(this.#tries ? "reconnecting" : "connecting", "");
    const url = new URL("live", document.baseURI);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(url);
    this.#socket = socket;
    this.#listen();
    socket.onopen = () => socket.send(JSON.stringify({ key: key() }));
    socket.onmessage = ({ data }) => {
      this.#listen();
      this.#tries = 0;
      this.#on.message(JSON.parse(data));
    };
    socket.onclose = ({ code, reason }) => {
      if (this.#socket === socket) this.#ended(code, reason);
    };
  }

  #ended(code, reason) {
    this.#drop();
    if (code === KEY_NEEDED) {
      this.#on.state("key", reason);
      return;
    }
    const doubled = FIRST_PAUSE_MS * 2 ** Math.min(this.#tries, 5);
    // Spread: pages that lost their server together must not come back together.
    const pause = code === TRY_LATER ? FULL_PAUSE_MS : Math.min(doubled, LONGEST_PAUSE_MS) * (0.75 + Math.random() / 2);
    this.#tries += 1;
    this.#on.state(navigator.onLine ? "reconnecting" : "offline", code === TRY_LATER || code === RESTARTING ? reason : "");
    this.#timer = setTimeout(() => this.open(), pause);
  }

  #listen() {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#cut("reconnecting"), SILENCE_MS);
  }

  #cut(state) {
    this.#drop();
    this.#tries += 1;
    this.#on.state(state, "");
    if (state !== "offline") this.#timer = setTimeout(() => this.open(), FIRST_PAUSE_MS);
  }

  #drop() {
    clearTimeout(this.#timer);
    clearTimeout(this.#silence);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }
}
