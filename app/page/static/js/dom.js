// Elements are made here, from names and texts. Nothing is ever parsed as markup.

/** The element with this id, which the page has. */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found;
}

/** A new element; `facts` are its properties, `data` and `aria` among them, else attributes. */
export function make(name, facts = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(facts)) {
    if (value === undefined || value === null) continue;
    if (key === "data") Object.assign(element.dataset, value);
    else if (key === "on") for (const [type, act] of Object.entries(value)) element.addEventListener(type, act);
    else if (key in element) element[key] = value;
    else element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Sets a text only where it differs: what did not change is not drawn, nor read out, again. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Sets or removes a data attribute, only where it differs. */
export function mark(element, name, value) {
  if (value === null || value === undefined || value === false) delete element.dataset[name];
  else if (element.dataset[name] !== String(value)) element.dataset[name] = String(value);
}

/** Brings the children of `list` to one per item, in order; each is made once and then updated. */
export function keep(list, items, keyOf, create, update) {
  const old = new Map();
  for (const child of [...list.children]) {
    if (child.dataset.key === undefined) child.remove();
    else old.set(child.dataset.key, child);
  }
  let before = list.firstElementChild;
  for (const item of items) {
    const key = String(keyOf(item));
    let child = old.get(key);
    if (child) old.delete(key);
    else {
      child = create(item);
      child.dataset.key = key;
    }
    if (child === before) before = before.nextElementSibling;
    else list.insertBefore(child, before);
    update(child, item);
  }
  for (const child of old.values()) child.remove();
}

/** The path of a line through `points` of [x, y]. */
export function linePath(points) {
  return points.map(([x, y], index) => `${index ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
}

