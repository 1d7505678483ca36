// What only the admin key is shown: the nodes, and what is in each slot.

import { byId, keep, make, mark, say } from "./dom.js";
import { bytes, count, several } from "./words.js";

export function showNodes(nodes) {
  const list = byId("nodes");
  if (!nodes.length) {
    list.replaceChildren(make("li", {}, "No node reports. Start one with: python -m worker"));
    return;
  }
  keep(list, nodes, (node) => node.name, createNode, updateNode);
}

function createNode(node) {
  return make(
    "li",
    {},
    make("div", { className: "node-top" }, make("h4", { className: "node-name" }, node.name), make("span", { className: "right" })),
    make("div", { className: "gauges" }),
    make("details", {}, make("summary"), make("ul")),
  );
}

function updateNode(row, node) {
  const right = row.querySelector(".right");
  right.classList.toggle("silent", !node.alive);
  const served = node.models.filter((model) => model.state === "running").length;
  say(right, node.alive ? `${several(served, "model", "models")}, ${several(node.cores, "core", "cores")}` : "Does not report");
  const gauges = [{ name: "Memory", used: node.used_bytes, whole: node.budget_bytes }].concat(
    node.gpus.map((gpu) => ({ name: `GPU ${gpu.index}`, used: gpu.used_bytes, whole: gpu.budget_bytes, title: gpu.name })),
  );
  keep(row.querySelector(".gauges"), gauges, (gauge) => gauge.name, createGauge, updateGauge);
  const lines = linesOf(node);
  const details = row.querySelector("details");
  details.hidden = !lines.length;
  say(details.querySelector("summary"), several(lines.length, "remark", "remarks"));
  keep(details.querySelector("ul"), lines, (line) => line, (line) => make("li", {}, line), () => {});
}

function createGauge(gauge) {
  const tube = make("div", { className: "tube" }, make("i"));
  tube.setAttribute("aria-hidden", "true");
  return make("div", { className: "gauge", title: gauge.title }, make("span", {}, gauge.name), tube, make("span", { className: "told" }, make("b"), ""));
}

function updateGauge(row, gauge) {
  row.style.setProperty("--used", `${gauge.whole ? Math.min((100 * gauge.used) / gauge.whole, 100) : 0}%`);
  say(row.querySelector("b"), bytes(gauge.used));
  const told = row.querySelector(".told");
  const whole = ` of ${bytes(gauge.whole)}`;
  if (told.lastChild.textContent !== whole) told.lastChild.textContent = whole;
}

function linesOf(node) {
  const died = node.models.filter((model) => model.restarts).map((model) => `${model.model} was started again ${several(model.restarts, "time", "times")}${model.reason ? `: ${model.reason}` : ""}`);
  const cannot = Object.entries(node.cannot_serve).map(([name, reason]) => `${name} cannot be served here: ${reason}`);
  return [...died, ...cannot];
}

export function showSlots(workers) {
  const place = byId("slots");
  const rows = workers.flatMap((worker) =>
    worker.slots.filter((slot) => slot.job).map((slot, index) => ({ model: worker.model, number: slot.slot ?? index, ...slot })),
  );
  const silent = workers.filter((worker) => !worker.answered).map((worker) => worker.model);
  const idle = workers.reduce((sum, worker) => sum + (worker.total ?? 0), 0) - rows.length;
  const told = silent.length ? `${silent.join(", ")} did not answer in time.` : rows.length ? `${several(idle, "slot is", "slots are")} free.` : `All ${count(idle)} slots are free.`;
  if (!place.firstElementChild) {
    const heads = ["Model", "Slot", "Answer", "Tokens"].map((head) => make("th", { scope: "col" }, head));
    place.append(make("table", {}, make("thead", {}, make("tr", {}, ...heads)), make("tbody")), make("p"));
  }
  place.querySelector("table").hidden = !rows.length;
  keep(place.querySelector("tbody"), rows, (slot) => `${slot.model}/${slot.number}/${slot.job}`, createSlot, updateSlot);
  say(place.querySelector("p"), told);
}

function createSlot(slot) {
  const cell = (className, text) => make("td", { className }, text);
  return make("tr", {}, cell("mono", slot.model), cell("", count(slot.number)), cell("what", ""), cell("tokens", ""));
}

function updateSlot(row, slot) {
  const writes = slot.state === "generating";
  say(row.querySelector(".what"), writes ? "writing" : slot.state === "prompt" ? "reading" : "computing");
  const tokens = writes ? slot.generated_tokens : slot.prompt_tokens;
  say(row.querySelector(".tokens"), tokens === undefined ? "" : count(tokens));
  mark(row, "job", slot.job);
}
