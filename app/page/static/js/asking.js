// One question, followed to the end of its answer, through cuts and restarts.
//
// 1. It is sent with a name of its own (Idempotency-Key): sent twice, it is answered once.
// 2. The stream names the job that answers, and numbers its events.
// 3. When the stream ends before the answer does, the page goes on at the job's events, after the
//    last number that it has. The server keeps the job for RESUME_S after its last reader left.

import { bearer } from "./key.js";
import { Cut, eventsOf } from "./sse.js";

const RESUME_S = 300;
// The server says something every few seconds: after so long without a byte the network is gone.
const SILENCE_MS = 20_000;
const FIRST_PAUSE_MS = 300;
const LONGEST_PAUSE_MS = 5_000;
// For what a server says of itself while it starts, or while its queue is away.
const PASSING = new Set([502, 503, 504]);

export class Refusal extends Error {
  constructor(message, code, status) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

function randomName() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function refusalOf(response) {
  let error = {};
  try {
    error = (await response.json()).error ?? {};
  } catch {
    // A proxy's page: the status says as much.
  }
  const message = error.message ?? `The server answered ${response.status}.`;
  return new Refusal(message, error.code ?? "", response.status);
}

/**
 * `on` is told: phase(name, detail), job(id), text(piece), and at the end done(facts),
 * stopped(facts) or failed(refusal, facts).
 */
export class Asking {
  #body;
  #on;
  #name = randomName();
  #job;
  #last = 0;
  #abort = null;
  #stopped = false;
  #began = 0;
  #lost = 0;
  #wake = null;
  #facts = { ttft: null, firstAt: null, lastAt: null, resumed: 0, usage: null, timings: null, cached: false, ended: "" };

  /** `job` is that of a question which was asked before, by a page that is gone. */
  constructor(body, on, job = null) {
    this.#body = body === null ? null : JSON.stringify(body);
    this.#on = on;
    this.#job = job;
  }

  async run() {
    const offline = () => this.#abort?.abort();
    addEventListener("offline", offline);
    this.#began = performance.now();
    try {
      await this.#follow();
    } finally {
      removeEventListener("offline", offline);
    }
  }

  async #follow() {
    for (let tries = 0; ; ) {
      const before = this.#last;
      try {
        await this.#stream();
        this.#on.done(this.#summary());
        return;
      } catch (error) {
        if (this.#stopped) {
          this.#on.stopped(this.#summary());
          return;
        }
        if (error instanceof Refusal) {
          this.#on.failed(error, this.#summary());
          return;
        }
        if (!(error instanceof Cut)) throw error;
      }
      if (this.#last > before) tries = 0;
      if (!(await this.#pause(tries))) return;
      tries += 1;
    }
  }

  /** Waits before the next try; false when it is too late for one. */
  async #pause(tries) {
    this.#lost ||= performance.now();
    if (performance.now() - this.#lost > RESUME_S * 1000) {
      const message = "The connection did not come back in time, and the rest of the answer is gone.";
      this.#on.failed(new Refusal(message, "connection_lost", 0), this.#summary());
      return false;
    }
    this.#on.phase("cut", navigator.onLine ? "" : "offline");
    const pause = Math.min(FIRST_PAUSE_MS * 2 ** Math.min(tries, 6), LONGEST_PAUSE_MS);
    await new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        removeEventListener("online", end);
        this.#wake = null;
        resolve();
      };
      const timer = setTimeout(end, pause);
      addEventListener("online", end);
      this.#wake = end;
    });
    if (this.#stopped) {
      this.#on.stopped(this.#summary());
      return false;
    }
    return true;
  }

  /** Stops the answer, here and at the server. */
  stop() {
    this.#stopped = true;
    this.#wake?.();
    if (this.#job) this.#cancel();
    // Without the job's name it could not be cancelled, and would run to its end for nobody.
    else this.#on.phase("stopping", "");
  }

  #cancel() {
    this.#abort?.abort();
    fetch(`v1/jobs/${this.#job}`, { method: "DELETE", headers: bearer(), keepalive: true }).catch(() => {});
  }

  async #stream() {
    this.#abort = new AbortController();
    let timer = 0;
    const heard = () => {
      clearTimeout(timer);
      timer = setTimeout(() => this.#abort.abort(), SILENCE_MS);
    };
    heard();
    try {
      const response = await this.#request(this.#abort.signal).catch(() => {
        throw new Cut();
      });
      if (!response.ok) {
        if (PASSING.has(response.status)) throw new Cut();
        throw await refusalOf(response);
      }
      this.#facts.cached = /^hit/i.test(response.headers.get("x-cache") ?? "");
      if (this.#lost) {
        this.#facts.resumed += 1;
        this.#lost = 0;
      }
      this.#on.phase(this.#facts.firstAt ? "answering" : "waiting", "");
      for await (const event of eventsOf(response.body, heard)) {
        if (event.comment !== undefined) this.#comment(event.comment);
        else if (this.#event(event)) return;
      }
      throw new Cut();
    } finally {
      clearTimeout(timer);
    }
  }

  #request(signal) {
    if (this.#job) {
      const headers = { ...bearer(), "Last-Event-ID": String(this.#last) };
      return fetch(`v1/jobs/${this.#job}/events`, { headers, signal, cache: "no-store" });
    }
    const headers = {
      ...bearer(),
      "Content-Type": "application/json",
      "Idempotency-Key": this.#name,
      "Millrace-Resume": String(RESUME_S),
    };
    return fetch("v1/chat/completions", { method: "POST", headers, body: this.#body, signal });
  }

  #comment(text) {
    const [word, ...rest] = text.split(" ");
    if (word === "job") {
      this.#job = rest[0];
      this.#on.job(this.#job);
      if (this.#stopped) this.#cancel();
    } else if (word === "queued,") this.#on.phase("waiting", rest.at(-1));
  }

  /** True at the end of the answer. */
  #event({ id, data }) {
    if (data === "[DONE]") return true;
    const chunk = JSON.parse(data);
    if (chunk.error) {
      if (chunk.error.resume) throw new Cut();
      throw new Refusal(chunk.error.message, chunk.error.code ?? "", 0);
    }
    const number = id === null ? null : Number(id);
    if (number !== null) {
      // Sent again by a stream that began before: it is there already.
      if (number <= this.#last) return false;
      this.#last = number;
    }
    this.#take(chunk);
    return false;
  }

  #take(chunk) {
    this.#facts.usage = chunk.usage ?? this.#facts.usage;
    this.#facts.timings = chunk.timings ?? this.#facts.timings;
    const [choice] = chunk.choices ?? [];
    if (!choice) return;
    this.#facts.ended = choice.finish_reason ?? this.#facts.ended;
    const piece = choice.delta?.content;
    if (!piece) return;
    const now = performance.now();
    if (!this.#facts.firstAt) {
      this.#facts.firstAt = now;
      this.#facts.ttft = (now - this.#began) / 1000;
      this.#on.phase("answering", "");
    }
    this.#facts.lastAt = now;
    this.#on.text(piece);
  }

  /** What can be said of the answer: its tokens, the time to the first, and how fast they came. */
  #summary() {
    const { ttft, firstAt, lastAt, resumed, usage, timings, cached, ended } = this.#facts;
    const tokens = usage?.completion_tokens ?? null;
    const tookS = firstAt === null ? 0 : (lastAt - firstAt) / 1000;
    // What came late over a cut says nothing of the model: then its own clock is asked.
    const measured = !resumed && tokens > 2 && tookS > 0.02 ? (tokens - 1) / tookS : null;
    const perS = cached ? null : (measured ?? timings?.predicted_per_second ?? null);
    return { ttft: this.#body === null ? null : ttft, tokens, perS, resumed, cached, ended, read: usage?.prompt_tokens ?? null };
  }
}
