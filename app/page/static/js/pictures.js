// Pictures that are to be sent with the next question.

import { byId, make } from "./dom.js";

const MOST = 8;
const MOST_BYTES = 6 * 1024 * 1024;
// A model looks at far less; what is larger only takes longer to send.
const LONGEST_SIDE = 2_048;
const KINDS = /^image\/(png|jpeg|webp|gif)$/;

export class Pictures {
  #urls = [];
  #tell;

  /** `tell` is given what is to be read out or shown when a file is not taken. */
  constructor(tell) {
    this.#tell = tell;
    const file = byId("picture-file");
    byId("picture-button").addEventListener("click", () => file.click());
    file.addEventListener("change", () => {
      this.add([...file.files]);
      file.value = "";
    });
  }

  get urls() {
    return [...this.#urls];
  }

  allow(allowed) {
    byId("picture-button").hidden = !allowed;
    if (!allowed) this.clear();
  }

  get allowed() {
    return !byId("picture-button").hidden;
  }

  async add(files) {
    for (const file of files) {
      if (!KINDS.test(file.type)) this.#tell(`${file.name || "This file"} is no PNG, JPEG, WebP or GIF.`);
      else if (this.#urls.length >= MOST) this.#tell(`At most ${MOST} pictures go with one question.`);
      else await this.#take(file);
    }
    this.#show();
  }

  async #take(file) {
    try {
      this.#urls.push(await dataUrl(file));
    } catch {
      this.#tell(`${file.name || "This file"} cannot be read as a picture.`);
    }
  }

  clear() {
    this.#urls = [];
    this.#show();
  }

  #show() {
    const list = byId("pictures");
    list.hidden = !this.#urls.length;
    list.replaceChildren(
      ...this.#urls.map((url, index) => {
        const remove = make("button", { type: "button", "aria-label": `Remove picture ${index + 1}`, on: { click: () => this.#remove(index) } }, "×");
        return make("li", {}, make("img", { src: url, alt: `Picture ${index + 1}` }), remove);
      }),
    );
  }

  #remove(index) {
    this.#urls.splice(index, 1);
    this.#show();
    byId("question").focus();
  }
}

async function dataUrl(file) {
  const picture = await createImageBitmap(file);
  const side = Math.max(picture.width, picture.height);
  if (file.size <= MOST_BYTES && side <= LONGEST_SIDE) return asItIs(file);
  const scale = Math.min(1, LONGEST_SIDE / side);
  const canvas = make("canvas", { width: Math.round(picture.width * scale), height: Math.round(picture.height * scale) });
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL("image/jpeg", 0.88);
}

function asItIs(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}
