// The key: kept for this tab alone, and asked for in a sheet.

import { byId, say } from "./dom.js";

const STORED = "millrace.key";
const changed = new Set();

let current = "";
try {
  current = sessionStorage.getItem(STORED) ?? "";
} catch {
  // A browser that keeps nothing: the key lasts as long as the page.
}

export const key = () => current;

/** Headers of a request that brings the key, where there is one. */
export const bearer = () => (current ? { Authorization: `Bearer ${current}` } : {});

export const onKey = (act) => changed.add(act);

function use(text) {
  current = text;
  try {
    if (text) sessionStorage.setItem(STORED, text);
    else sessionStorage.removeItem(STORED);
  } catch {
    // As above.
  }
  for (const act of changed) act();
}

const ABOUT = "With an API key you may talk to its models where this server asks for keys. The admin key shows nodes and slots as well, and loads and unloads models.";

/** Opens the sheet; `why` is what was said by whoever refused. */
export function askForKey(why = "") {
  const sheet = byId("key-sheet");
  say(byId("key-text"), why || ABOUT);
  byId("key").value = current;
  byId("key-forget").hidden = !current;
  if (!sheet.open) sheet.showModal();
}

export function startKey() {
  const sheet = byId("key-sheet");
  byId("key-button").addEventListener("click", () => askForKey());
  byId("more-key").addEventListener("click", () => askForKey());
  byId("key-close").addEventListener("click", () => sheet.close());
  byId("key-forget").addEventListener("click", () => {
    sheet.close();
    use("");
  });
  byId("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    // Of a key that was copied, the spaces around it are not meant.
    const given = byId("key").value.trim();
    sheet.close();
    use(given);
  });
}
