// Puts the page together.

import { Chat } from "./chat.js";
import { byId, say } from "./dom.js";
import { startKey } from "./key.js";
import { Live } from "./live.js";

const THEMES = { auto: "light", light: "dark", dark: "auto" };
const NAMES = { auto: "Auto", light: "Light", dark: "Dark" };

function startTheme() {
  const button = byId("theme-button");
  const stored = () => {
    try {
      return localStorage.getItem("millrace.theme") ?? "auto";
    } catch {
      return "auto";
    }
  };
  const show = () => {
    say(byId("theme-label"), NAMES[stored()]);
    button.setAttribute("aria-label", `Colours: ${NAMES[stored()]}`);
  };
  button.addEventListener("click", () => {
    const next = THEMES[stored()];
    try {
      if (next === "auto") localStorage.removeItem("millrace.theme");
      else localStorage.setItem("millrace.theme", next);
    } catch {
      // Nothing is kept here: the colours stay the system's.
    }
    dispatchEvent(new Event("millrace-theme"));
    show();
  });
  show();
}

function startSwitch() {
  const buttons = [...document.querySelectorAll("[data-show]")];
  for (const button of buttons) {
    button.addEventListener("click", () => {
      document.body.dataset.shown = button.dataset.show;
      for (const each of buttons) each.setAttribute("aria-pressed", String(each === button));
    });
  }
}

startTheme();
startSwitch();
startKey();
const chat = new Chat();
chat.start();
new Live(chat);
