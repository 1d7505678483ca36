// What the socket says, brought to the instruments.

import { byId, mark, say } from "./dom.js";
import { showNodes, showSlots } from "./inside.js";
import { askForKey, bearer, key, onKey } from "./key.js";
import { showModels } from "./models.js";
import { LiveSocket } from "./socket.js";
import { Trace } from "./trace.js";
import { count, rate, seconds } from "./words.js";

const LINKS = { connecting: "Connecting", live: "Live", away: "No queue", reconnecting: "Reconnecting", offline: "Offline", key: "Key needed" };
const AWAY = "The queue does not answer this server. What is shown is what was last known; requests wait or are refused until it is back.";
const NO_KEEPER = "No keeper is at work: models stay where they are, and nothing that is lost is noticed.";
// After so many tries the models are asked for by themselves: something between cuts sockets.
const TRIES_WITHOUT = 3;

export class Live {
  #chat;
  #trace = new Trace(byId("trace"));
  #latest = null;
  #welcome = {};
  #tries = 0;

  constructor(chat) {
    this.#chat = chat;
    const socket = new LiveSocket({ state: (name, why) => this.#link(name, why), message: (message) => this.#take(message) });
    onKey(() => socket.open());
    socket.open();
  }

  #take(message) {
    this.#tries = 0;
    if (message.type === "welcome") {
      this.#welcome = message;
      this.#showRights();
      return;
    }
    if (message.type === "slots") {
      showSlots(message.workers);
      return;
    }
    const away = message.type === "away" || (message.type === "same" && this.#latest?.type === "away");
    if (message.type !== "same") this.#latest = message;
    this.#link(away ? "away" : "live", "");
    if (away) return;
    this.#show(this.#latest);
  }

  #show(state) {
    showModels(state.models, this.#welcome.admin);
    this.#chat.offer(state.models);
    this.#showPulse(state.models);
    if (state.nodes) showNodes(state.nodes);
    this.#hint(state.keeper ? "" : NO_KEEPER);
  }

  #showPulse(models) {
    const sum = (of) => models.reduce((total, model) => total + of(model), 0);
    const perS = sum((model) => model.tokens_per_s);
    const oldest = models.map((model) => model.oldest_s).filter((each) => each !== null);
    say(byId("tokens"), rate(perS));
    say(byId("running"), count(sum((model) => model.running)));
    say(byId("waiting"), count(sum((model) => model.waiting)));
    say(byId("oldest"), oldest.length ? seconds(Math.max(...oldest)) : "none");
    this.#trace.add(perS);
  }

  #showRights() {
    const { admin, admin_exists: exists, key: known } = this.#welcome;
    byId("inside").hidden = !admin;
    byId("more").hidden = admin || !exists;
    say(byId("key-label"), admin ? "Admin" : known ? "Key in use" : key() ? "Key not needed" : "Key");
  }

  #link(name, why) {
    mark(byId("link"), "state", name);
    say(byId("link-text"), LINKS[name]);
    mark(byId("live"), "stale", name === "live" || (name === "connecting" && !this.#latest) ? null : "");
    const notice = byId("notice");
    notice.hidden = name !== "offline";
    say(notice, name === "offline" ? "You are offline. What is shown is what was last known; answers under way go on at the server." : "");
    if (name === "live") return;
    if (name === "away") this.#hint(AWAY);
    else if (name === "key") this.#needKey();
    else if (name === "reconnecting") {
      if (why) this.#hint(`${why[0].toUpperCase()}${why.slice(1)}.`);
      this.#tries += 1;
      if (this.#tries === TRIES_WITHOUT) this.#askForModels();
    }
  }

  #needKey() {
    const why = key() ? "This key is not accepted here." : "This server asks for a key.";
    say(byId("key-label"), "Key needed");
    this.#chat.offer(null);
    this.#hint(why, "Enter a key");
    // Who was looking at something is not interrupted by a key that was revoked.
    if (!this.#latest) askForKey(why);
  }

  #hint(text, act = "") {
    const hint = byId("live-hint");
    hint.hidden = !text;
    if (hint.dataset.text === text) return;
    hint.dataset.text = text;
    hint.textContent = text;
    if (act) {
      const button = document.createElement("button");
      Object.assign(button, { type: "button", className: "plain", textContent: act, onclick: () => askForKey() });
      hint.append(" ", button);
    }
  }

  async #askForModels() {
    try {
      const response = await fetch("v1/models", { headers: bearer() });
      if (!response.ok || byId("link").dataset.state === "live") return;
      const { data } = await response.json();
      this.#chat.offer(data.map((model) => ({ name: model.id, kind: model.kind, sees: model.vision, state: model.state })));
      this.#hint("The live view cannot connect: something between here and the server cuts WebSockets. Chatting works.");
    } catch {
      // The server is away altogether; the socket goes on trying.
    }
  }
}
