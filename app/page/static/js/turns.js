// Questions and answers as they stand in the conversation.

import { make, mark, say } from "./dom.js";
import { showProse } from "./prose.js";
import { count, rate, seconds, several } from "./words.js";

export function askedTurn(turn) {
  const shots = turn.pictures?.length
    ? [make("div", { className: "shots" }, ...turn.pictures.map((url, index) => make("img", { src: url, alt: `Picture ${index + 1} that was sent` })))]
    : [];
  const said = turn.text ? [make("div", { className: "said" }, turn.text)] : [];
  return make("li", { className: "turn asked" }, make("p", { className: "who" }, "You"), ...shots, ...said);
}

/** An answer that grows. `acts.again` asks once more. */
export class AnswerTurn {
  #text = "";
  #said = make("div", { className: "said" });
  #doing = make("p", { className: "doing", hidden: true });
  #wrong = make("p", { className: "wrong", hidden: true });
  #facts = make("p", { className: "facts", hidden: true });
  #drawn = 0;
  #acts;

  constructor(model, acts) {
    this.#acts = acts;
    const who = make("p", { className: "who" }, model);
    this.element = make("li", { className: "turn answer" }, who, this.#said, this.#doing, this.#wrong, this.#facts);
  }

  get text() {
    return this.#text;
  }

  /** Takes in a piece; what came within one frame is drawn together. */
  add(piece) {
    this.#text += piece;
    this.#drawn ||= requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    cancelAnimationFrame(this.#drawn);
    this.#drawn = 0;
    showProse(this.#said, this.#text);
    this.#acts.grew?.();
  }

  /** Says what happens now; `detail` is a place in the line, or "offline". */
  phase(name, detail) {
    mark(this.element, "phase", name);
    const told = {
      sending: "Sending",
      stopping: "Stopping",
      waiting: detail ? `Waiting in line, position ${detail}` : "Waiting for the first word",
      cut: detail === "offline" ? "You are offline. The answer goes on, and is picked up when you are back." : "The connection was lost. The answer goes on; connecting again.",
    }[name];
    this.#doing.hidden = !told;
    say(this.#doing, told ?? "");
  }

  /** The end: `refusal` is what went wrong, `facts` what can be said of the answer. */
  end({ facts = null, refusal = null, stopped = false }) {
    this.#draw();
    this.phase("ended", "");
    if (refusal) {
      const again = make("button", { type: "button", className: "plain", on: { click: () => this.#acts.again() } }, "Ask again");
      this.#wrong.replaceChildren(refusal.message, " ", again);
      this.#wrong.hidden = false;
    }
    this.#showFacts(facts, stopped);
  }

  #showFacts(facts, stopped) {
    const told = factsOf(facts, stopped);
    if (this.#text) told.push(this.#copy());
    this.#facts.replaceChildren(...told);
    this.#facts.hidden = !told.length;
  }

  #copy() {
    const button = make("button", { type: "button", className: "plain" }, "Copy");
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(this.#text);
        say(button, "Copied");
      } catch {
        say(button, "Not allowed here");
      }
      setTimeout(() => say(button, "Copy"), 1_500);
    });
    return button;
  }
}

const ENDS = { length: "cut at the most tokens", content_filter: "filtered" };

function factsOf(facts, stopped) {
  if (!facts) return [];
  const told = [];
  const fact = (figure, unit) => told.push(make("span", {}, make("b", {}, figure), ` ${unit}`));
  if (facts.ttft !== null) fact(seconds(facts.ttft), "to the first token");
  if (facts.perS) fact(rate(facts.perS), "tokens/s");
  if (facts.tokens !== null) fact(count(facts.tokens), facts.tokens === 1 ? "token" : "tokens");
  if (facts.resumed) told.push(make("span", {}, `resumed ${facts.resumed === 1 ? "once" : several(facts.resumed, "time", "times")}`));
  if (facts.cached) told.push(make("span", {}, "from the cache"));
  if (stopped) told.push(make("span", {}, "stopped"));
  else if (ENDS[facts.ended]) told.push(make("span", {}, ENDS[facts.ended]));
  return told;
}
