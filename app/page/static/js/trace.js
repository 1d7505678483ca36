// The last minute's tokens per second, as a line.

import { linePath } from "./dom.js";

const POINTS = 60;
const WIDTH = 120;
const HEIGHT = 40;

export class Trace {
  #seen = [];
  #line;
  #area;

  constructor(svg) {
    this.#line = svg.querySelector(".line");
    this.#area = svg.querySelector(".area");
  }

  add(value) {
    this.#seen.push(value);
    if (this.#seen.length > POINTS) this.#seen.shift();
    this.#draw();
  }

  #draw() {
    // A place that does nothing is a line at the bottom, not noise drawn large.
    const top = Math.max(10, ...this.#seen) * 1.1;
    const first = POINTS - this.#seen.length;
    const points = this.#seen.map((value, index) => [((first + index) / (POINTS - 1)) * WIDTH, HEIGHT - (value / top) * HEIGHT]);
    const line = linePath(points);
    this.#line.setAttribute("d", line);
    this.#area.setAttribute("d", `${line}L${WIDTH} ${HEIGHT}L${points[0][0].toFixed(1)} ${HEIGHT}Z`);
  }
}
