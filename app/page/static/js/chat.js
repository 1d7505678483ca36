// The conversation: what is asked, of which model, and the answer that is under way.

import { Asking } from "./asking.js";
import { byId, make, mark, say } from "./dom.js";
import { askForKey } from "./key.js";
import { rememberedTalk, rememberedWishes, rememberTalk, rememberWishes } from "./memory.js";
import { Pictures } from "./pictures.js";
import { AnswerTurn, askedTurn } from "./turns.js";
import { STATES } from "./words.js";

const STARTERS = ["What is a mill race? Two sentences.", "Name three things that are worth waiting for.", "Write a short note to someone who mends water wheels."];
const WISHES = ["system", "temperature", "most"];
// What a screen reader is told of an answer at its end.
const SPOKEN = 600;
const NEAR_END_PX = 80;

export class Chat {
  #turns = [];
  #models = [];
  #asking = null;
  #pictures;
  #remembered = rememberedTalk();
  #sticks = true;

  start() {
    this.#pictures = new Pictures((text) => this.#tell(text));
    this.#startQuestion();
    this.#startSettings();
    this.#startStarters();
    byId("new-button").addEventListener("click", () => this.#begin());
    byId("stop").addEventListener("click", () => this.#asking?.stop());
    byId("model").addEventListener("change", () => this.#chosen());
    const talk = byId("talk");
    talk.addEventListener("scroll", () => {
      this.#sticks = talk.scrollHeight - talk.scrollTop - talk.clientHeight < NEAR_END_PX;
    });
    this.#restore();
  }

  /** Offers these models, those that chat; null while nobody says which there are. */
  offer(models) {
    this.#models = (models ?? []).filter((model) => model.kind !== "embed");
    const select = byId("model");
    const before = select.value || rememberedWishes().model;
    const told = this.#models.map((model) => `${model.name}\n${labelOf(model)}`).join("\n\n");
    if (select.dataset.told !== told) {
      select.dataset.told = told;
      const options = this.#models.map((model) => make("option", { value: model.name }, labelOf(model)));
      select.replaceChildren(...(options.length ? options : [make("option", { value: "" }, models ? "No model that chats" : "Looking for models")]));
      const ready = this.#models.find((model) => model.state === "ready") ?? this.#models[0];
      select.value = this.#models.some((model) => model.name === before) ? before : (ready?.name ?? "");
      this.#chosen();
    }
    this.#enable();
  }

  get #model() {
    return this.#models.find((model) => model.name === byId("model").value);
  }

  #chosen() {
    this.#pictures.allow(this.#model?.sees ?? false);
    if (this.#model) rememberWishes({ ...rememberedWishes(), model: this.#model.name });
    this.#enable();
  }

  #enable() {
    const can = Boolean(this.#model);
    byId("model").disabled = !can;
    byId("send").disabled = !can;
    byId("send").hidden = Boolean(this.#asking);
    byId("stop").hidden = !this.#asking;
    byId("new-button").disabled = !this.#turns.length;
    byId("empty").hidden = Boolean(this.#turns.length);
    for (const button of byId("starters").querySelectorAll("button")) button.disabled = !can;
  }

  // ---- what is typed -----------------------------------------------------------------

  #startQuestion() {
    const field = byId("question");
    byId("ask").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    field.addEventListener("input", () => {
      this.#tell("");
      fit(field);
    });
    field.addEventListener("keydown", (event) => {
      // While a letter is being composed, Enter chooses it.
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        this.#send();
      }
    });
    addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.#asking && !document.querySelector("dialog[open]")) this.#asking.stop();
    });
    const chat = byId("chat");
    const files = (list) => [...(list ?? [])].filter((file) => file.type.startsWith("image/"));
    field.addEventListener("paste", (event) => this.#take(event, files(event.clipboardData?.files)));
    chat.addEventListener("dragover", (event) => {
      if (!this.#pictures.allowed) return;
      event.preventDefault();
      mark(chat, "over", "");
    });
    chat.addEventListener("dragleave", () => mark(chat, "over", null));
    chat.addEventListener("drop", (event) => {
      mark(chat, "over", null);
      this.#take(event, files(event.dataTransfer?.files));
    });
  }

  #take(event, files) {
    if (!files.length) return;
    event.preventDefault();
    if (this.#pictures.allowed) this.#pictures.add(files);
    else this.#tell("This model does not take pictures. Choose one that sees.");
  }

  #startSettings() {
    const button = byId("settings-button");
    button.addEventListener("click", () => {
      const form = byId("settings");
      form.hidden = !form.hidden;
      button.setAttribute("aria-expanded", String(!form.hidden));
      if (!form.hidden) byId("system").focus();
    });
    byId("settings").addEventListener("submit", (event) => event.preventDefault());
    const wishes = rememberedWishes();
    for (const name of WISHES) {
      byId(name).value = wishes[name] ?? "";
      byId(name).addEventListener("change", () => rememberWishes({ ...rememberedWishes(), [name]: byId(name).value }));
    }
  }

  #startStarters() {
    const ask = (text) => () => {
      byId("question").value = text;
      this.#send();
    };
    byId("starters").append(...STARTERS.map((text) => make("li", {}, make("button", { type: "button", on: { click: ask(text) } }, text))));
  }

  // ---- asking ------------------------------------------------------------------------

  #send() {
    const field = byId("question");
    const text = field.value.trim();
    const pictures = this.#pictures.urls;
    if (this.#asking || !this.#model || (!text && !pictures.length)) return;
    if (!byId("settings").reportValidity()) return;
    field.value = "";
    fit(field);
    this.#pictures.clear();
    this.#tell("");
    this.#add({ role: "user", text, pictures });
    this.#ask();
  }

  /** Asks the model for what follows the turns that there are. */
  #ask() {
    const model = this.#model.name;
    const body = { model, messages: this.#messages(), stream: true, stream_options: { include_usage: true }, timings: true, ...numbers() };
    this.#follow(model, (on) => new Asking(body, on));
  }

  #follow(model, start) {
    const turn = new AnswerTurn(model, { again: () => this.#again(turn), grew: () => this.#scroll() });
    const kept = { role: "assistant", model, text: "" };
    const finish = (end) => {
      kept.text = turn.text;
      kept.facts = end.facts;
      kept.stopped = end.stopped;
      this.#asking = null;
      turn.end(end);
      // What failed before its first word is no part of the conversation.
      if (turn.text) this.#turns.push(kept);
      this.#remember(null);
      this.#enable();
      this.#scroll();
    };
    const asking = start({
      phase: (name, detail) => {
        turn.phase(name, detail);
        if (name === "cut") this.#speak("The connection was lost. The answer goes on.");
        this.#scroll();
      },
      job: (id) => this.#remember({ job: id, model }),
      text: (piece) => turn.add(piece),
      done: (facts) => {
        finish({ facts });
        this.#speak(`Answer: ${turn.text.slice(0, SPOKEN)}`);
      },
      stopped: (facts) => {
        finish({ facts, stopped: true });
        this.#speak("Stopped.");
      },
      failed: (refusal, facts) => {
        finish({ refusal, facts: turn.text ? facts : null });
        this.#speak(`It failed: ${refusal.message}`);
        if (refusal.status === 401) askForKey(refusal.message);
      },
    });
    this.#asking = asking;
    byId("turns").append(turn.element);
    turn.phase("sending", "");
    this.#speak("Asked.");
    this.#sticks = true;
    this.#scroll();
    this.#enable();
    asking.run();
  }

  #again(turn) {
    if (this.#asking || !this.#model) return;
    turn.element.remove();
    if (this.#turns.at(-1)?.role === "assistant") this.#turns.pop();
    this.#ask();
  }

  #messages() {
    const system = byId("system").value.trim();
    const sees = this.#model.sees;
    const before = system ? [{ role: "system", content: system }] : [];
    return before.concat(this.#turns.map((turn) => ({ role: turn.role, content: contentOf(turn, sees) })));
  }

  // ---- the conversation --------------------------------------------------------------

  #add(turn) {
    this.#turns.push(turn);
    byId("turns").append(askedTurn(turn));
    this.#remember(null);
  }

  #remember(open) {
    rememberTalk(this.#turns, open);
  }

  #begin() {
    this.#asking?.stop();
    this.#turns = [];
    this.#pictures.clear();
    byId("turns").replaceChildren();
    this.#remember(null);
    this.#enable();
    byId("question").focus();
  }

  #restore() {
    const { turns, open } = this.#remembered;
    for (const turn of turns) {
      this.#turns.push(turn);
      if (turn.role === "user") byId("turns").append(askedTurn(turn));
      else byId("turns").append(this.#ended(turn));
    }
    this.#enable();
    this.#scroll();
    if (open) this.#follow(open.model, (on) => new Asking(null, on, open.job));
  }

  #ended(kept) {
    const turn = new AnswerTurn(kept.model, { again: () => {} });
    turn.add(kept.text);
    turn.end(kept);
    return turn.element;
  }

  #scroll() {
    const talk = byId("talk");
    if (this.#sticks) talk.scrollTop = talk.scrollHeight;
  }

  #speak(text) {
    say(byId("spoken"), text);
  }

  /** A remark on what is about to be asked; it is gone with the next letter. */
  #tell(text) {
    const note = byId("ask-note");
    note.hidden = !text;
    say(note, text);
  }
}

function labelOf(model) {
  const state = model.state && model.state !== "ready" ? ` (${(STATES[model.state] ?? model.state).toLowerCase()})` : "";
  return `${model.name}${state}`;
}

function contentOf(turn, sees) {
  if (!turn.pictures?.length || !sees) return turn.text;
  const pictures = turn.pictures.map((url) => ({ type: "image_url", image_url: { url } }));
  return turn.text ? [...pictures, { type: "text", text: turn.text }] : pictures;
}

function numbers() {
  const given = {};
  if (byId("temperature").value) given.temperature = byId("temperature").valueAsNumber;
  if (byId("most").value) given.max_completion_tokens = byId("most").valueAsNumber;
  return given;
}

/** As high as its text. */
function fit(field) {
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight}px`;
}
