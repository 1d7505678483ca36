// The list of models: each with its race, from those who wait through the gate into the slots.

import { byId, keep, make, mark, say } from "./dom.js";
import { bearer } from "./key.js";
import { bytes, count, rate, seconds, several, STATES } from "./words.js";

const MOST_CELLS = 32;
const MOST_WAITING = 6;

const KINDS = { chat: "chats", embed: "embeds", multimodal: "chats and sees" };

/** Orders that were given and whose answer is awaited, and what was said against others. */
const asked = new Set();
const refused = new Map();

export function showModels(models, admin) {
  const list = byId("models");
  if (!models.length) {
    list.replaceChildren(make("li", { className: "none" }, "No model is defined here that you may use. An operator adds them in models.toml."));
    return;
  }
  keep(list, models, (model) => model.name, create, (row, model) => update(row, model, admin));
}

function create(model) {
  const part = (name, className, ...children) => make(name, { className }, ...children);
  const row = make(
    "li",
    {},
    part("div", "model-top", part("h4", "model-name", model.name), part("span", "model-kind"), part("span", "model-state")),
    part("p", "model-why"),
    part("div", "load", part("i", "")),
    part("div", "race", part("div", "line-up"), part("div", "sluice"), part("div", "cells")),
    part("div", "model-facts", part("span", "busy"), part("span", "pace"), part("span", "oldest"), part("span", "act")),
    part("p", "model-said"),
  );
  row.querySelector(".race").setAttribute("role", "img");
  return row;
}

function update(row, model, admin) {
  const at = (name) => row.querySelector(`.${name}`);
  const serves = model.slots > 0;
  mark(row, "state", model.state);
  say(at("model-kind"), KINDS[model.kind] ?? model.kind);
  say(at("model-state"), model.state === "loading" && model.progress ? `Loading ${Math.round(model.progress * 100)}%` : (STATES[model.state] ?? model.state));
  say(at("model-why"), why(model));
  at("model-why").hidden = !at("model-why").textContent;
  at("load").hidden = model.state !== "loading";
  at("load").style.setProperty("--share", `${Math.max(model.progress * 100, 4)}%`);
  at("race").hidden = !serves && !model.waiting;
  showRace(at("race"), model);
  showFacts(row, model, serves);
  showAct(at("act"), model, admin);
  at("model-facts").hidden = !serves && model.oldest_s === null && !admin;
  const said = refused.get(model.name) ?? "";
  say(at("model-said"), said);
  at("model-said").hidden = !said;
}

function why(model) {
  if (model.reason) return sentence(model.reason);
  if (model.state === "unloaded") return "It is loaded when somebody asks for it.";
  return "";
}

const sentence = (text) => `${text[0].toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;

function showRace(race, model) {
  const told = `${several(model.running, "answer", "answers")} in ${several(model.slots, "slot", "slots")}, ${count(model.waiting)} waiting`;
  if (race.getAttribute("aria-label") !== told) race.setAttribute("aria-label", told);
  mark(race, "open", model.waiting > 0 ? "" : null);
  showLine(race.querySelector(".line-up"), model.waiting);
  showCells(race.querySelector(".cells"), Math.min(model.running, model.slots || model.running), model.slots);
}

function showLine(line, waiting) {
  if (line.dataset.waiting === String(waiting)) return;
  line.dataset.waiting = waiting;
  const dots = Array.from({ length: Math.min(waiting, MOST_WAITING) }, () => make("i"));
  const more = waiting > MOST_WAITING ? [make("span", { className: "many" }, count(waiting))] : [];
  line.replaceChildren(...more, ...dots);
}

function showCells(cells, running, slots) {
  const wide = slots > MOST_CELLS;
  cells.classList.toggle("wide", wide);
  if (wide) {
    if (!cells.querySelector(".fill")) cells.replaceChildren(make("i", { className: "fill" }));
    cells.firstElementChild.style.setProperty("--share", `${(100 * running) / slots}%`);
    return;
  }
  if (cells.children.length !== slots || cells.querySelector(".fill")) {
    cells.replaceChildren(...Array.from({ length: slots }, () => make("i")));
  }
  [...cells.children].forEach((cell, index) => cell.classList.toggle("on", index < running));
}

function showFacts(row, model, serves) {
  const at = (name) => row.querySelector(`.${name}`);
  fact(at("busy"), serves ? count(model.running) : "", ` of ${several(model.slots, "slot", "slots")}`);
  const isTokens = model.kind !== "embed";
  const pace = isTokens ? model.tokens_per_s : model.per_s;
  fact(at("pace"), serves ? rate(pace) : "", isTokens ? " tokens/s" : " jobs/s");
  fact(at("oldest"), model.oldest_s === null ? "" : seconds(model.oldest_s), " longest wait");
}

function fact(element, figure, unit) {
  element.hidden = !figure;
  if (!figure) return;
  if (!element.firstElementChild) element.replaceChildren(make("b"), "");
  say(element.firstElementChild, figure);
  if (element.lastChild.textContent !== unit) element.lastChild.textContent = unit;
}

function showAct(place, model, admin) {
  if (!admin) {
    place.replaceChildren();
    return;
  }
  const loads = !model.wanted || model.state === "failed" || model.state === "unplaceable";
  let button = place.firstElementChild;
  if (!button) {
    button = make("button", { type: "button", className: "plain", on: { click: () => order(button) } });
    place.append(button);
  }
  say(button, loads ? "Load" : "Unload");
  button.setAttribute("aria-label", `${loads ? "Load" : "Unload"} ${model.name}`);
  button.title = model.memory_bytes ? `It holds ${bytes(model.memory_bytes)} on ${model.nodes.join(", ") || "this machine"}` : "";
  Object.assign(button.dataset, { model: model.name, order: loads ? "load" : "unload" });
  button.disabled = asked.has(model.name);
}

async function order(button) {
  const { model, order: what } = button.dataset;
  asked.add(model);
  refused.delete(model);
  button.disabled = true;
  try {
    const response = await fetch(`admin/models/${what}`, {
      method: "POST",
      headers: { ...bearer(), "Content-Type": "application/json" },
      body: JSON.stringify({ model }),
    });
    if (!response.ok) refused.set(model, (await response.json()).error?.message ?? `The server answered ${response.status}.`);
  } catch {
    refused.set(model, "The server cannot be reached. Try again.");
  }
  asked.delete(model);
}
