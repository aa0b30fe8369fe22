// <wp-zones>: zones, lines and privacy masks, drawn over a camera's picture with mouse, finger or keyboard.
//
// A shape is {kind: "zone" | "line" | "mask", name, points: [[x, y], ...]}, in fractions of the picture. Fires `change`
// when shapes change, `drawn` (detail: index) when a new one is finished, `choose` (detail: index or -1).
import { text } from "./texts.js";

const SVG = "http://www.w3.org/2000/svg";
const NEAR_PX = 12;
const STEP = 0.01;
const MAX_POINTS = 64;
const MAX_UNDO = 100;

function svg(tag, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

const within = (value) => Math.min(1, Math.max(0, value));
const rounded = (point) => point.map((value) => Math.round(within(value) * 10_000) / 10_000);
const least = (kind) => (kind === "line" ? 2 : 3);

export class ZoneEditor extends HTMLElement {
  #shapes = [];
  #chosen = -1;
  #tool = "select";
  #draft = [];
  #cursor = null;
  #held = null; // what the pointer moves
  #past = [];
  #future = [];

  connectedCallback() {
    if (this.firstChild) return;
    this.picture = svg("svg", { role: "application", tabindex: "0", "aria-label": text("zones.picture") });
    this.append(this.picture);
    new ResizeObserver(() => this.#draw()).observe(this);
    const on = (kind, handler) => this.picture.addEventListener(kind, handler);
    on("pointerdown", (pointer) => this.#down(pointer));
    on("pointermove", (pointer) => this.#move(pointer));
    on("pointerup", () => this.#release());
    on("pointercancel", () => this.#release());
    on("dblclick", (click) => { click.preventDefault(); this.finish(); });
    on("keydown", (press) => this.#press(press));
  }

  get shapes() {
    return structuredClone(this.#shapes);
  }

  // Shapes from elsewhere: there is nothing to undo.
  set shapes(shapes) {
    this.#shapes = structuredClone(shapes);
    this.#past = [];
    this.#future = [];
    this.#chosen = -1;
    this.#draft = [];
    this.#draw();
  }

  get tool() {
    return this.#tool;
  }

  // `select`, or the kind of the next shape.
  set tool(tool) {
    this.#tool = tool;
    this.#draft = [];
    this.#cursor = null;
    if (tool !== "select") this.choose(-1);
    this.dataset.tool = tool;
    this.#draw();
  }

  get chosen() {
    return this.#chosen;
  }

  get canUndo() {
    return this.#past.length > 0;
  }

  get canRedo() {
    return this.#future.length > 0;
  }

  choose(index) {
    this.#chosen = index;
    this.#draw();
    this.dispatchEvent(new CustomEvent("choose", { detail: index }));
  }

  rename(index, name) {
    this.#change(() => { this.#shapes[index].name = name; });
  }

  // The other way along the line: in becomes out.
  reverse(index) {
    this.#change(() => this.#shapes[index].points.reverse());
  }

  removeShape(index) {
    this.#change(() => this.#shapes.splice(index, 1));
    this.choose(-1);
  }

  undo() {
    this.#step(this.#past, this.#future);
  }

  redo() {
    this.#step(this.#future, this.#past);
  }

  // The shape that is being drawn is complete.
  finish() {
    if (this.#draft.length < least(this.#tool)) return;
    const shape = { kind: this.#tool, name: this.#freeName(this.#tool), points: this.#draft.map(rounded) };
    this.#draft = [];
    this.#change(() => this.#shapes.push(shape));
    this.tool = "select";
    this.choose(this.#shapes.length - 1);
    this.dispatchEvent(new CustomEvent("drawn", { detail: this.#chosen }));
  }

  #freeName(kind) {
    const taken = new Set(this.#shapes.filter((shape) => shape.kind === kind).map((shape) => shape.name));
    for (let number = 1; ; number += 1) {
      const name = text(`zones.new_${kind}`, { number });
      if (!taken.has(name)) return name;
    }
  }

  #change(work) {
    this.#remember();
    work();
    this.#changed();
  }

  #remember() {
    this.#past.push(JSON.stringify(this.#shapes));
    if (this.#past.length > MAX_UNDO) this.#past.shift();
    this.#future = [];
  }

  #changed() {
    this.#draw();
    this.dispatchEvent(new CustomEvent("change"));
  }

  #step(from, to) {
    if (!from.length) return;
    to.push(JSON.stringify(this.#shapes));
    this.#shapes = JSON.parse(from.pop());
    this.#chosen = Math.min(this.#chosen, this.#shapes.length - 1);
    this.#changed();
    this.choose(this.#chosen);
  }

  // ---- hands

  #point(pointer) {
    const box = this.picture.getBoundingClientRect();
    return [within((pointer.clientX - box.left) / box.width), within((pointer.clientY - box.top) / box.height)];
  }

  #pixels([x, y]) {
    return [x * this.clientWidth, y * this.clientHeight];
  }

  #isNear(a, b) {
    const [[ax, ay], [bx, by]] = [this.#pixels(a), this.#pixels(b)];
    return Math.hypot(ax - bx, ay - by) <= NEAR_PX;
  }

  #down(pointer) {
    this.picture.focus();
    if (pointer.button) return;
    const at = this.#point(pointer);
    if (this.#tool !== "select") {
      this.#put(at);
      return;
    }
    const { shape, corner, middle } = pointer.target.dataset;
    if (shape === undefined) {
      this.choose(-1);
      return;
    }
    const index = Number(shape);
    if (index !== this.#chosen) this.choose(index);
    const { points } = this.#shapes[index];
    this.#remember();
    if (corner !== undefined && pointer.altKey && points.length > least(this.#shapes[index].kind)) {
      points.splice(Number(corner), 1);
      this.#changed();
      return;
    }
    let held = corner === undefined ? null : Number(corner);
    if (middle !== undefined && points.length < MAX_POINTS) {
      held = Number(middle) + 1;
      points.splice(held, 0, at);
    }
    this.#held = { index, corner: held, at, start: structuredClone(points), hasMoved: middle !== undefined };
    this.picture.setPointerCapture(pointer.pointerId);
    this.#draw();
  }

  #put(at) {
    const [first] = this.#draft;
    if (this.#tool !== "line" && this.#draft.length >= 3 && this.#isNear(first, at)) this.finish();
    else if (this.#draft.length && this.#isNear(this.#draft.at(-1), at)) return; // the second click of a double click
    else if (this.#draft.length < MAX_POINTS) this.#draft.push(at);
    this.#draw();
  }

  #move(pointer) {
    const at = this.#point(pointer);
    if (this.#held) {
      const { index, corner, start } = this.#held;
      const delta = [at[0] - this.#held.at[0], at[1] - this.#held.at[1]];
      this.#held.hasMoved ||= delta.some((value) => Math.abs(value) > 0.002);
      this.#shapes[index].points = corner === null ? moved(start, delta) : start.map((point, each) => (each === corner ? rounded(at) : point));
      this.#draw();
    } else if (this.#draft.length) {
      this.#cursor = at;
      this.#draw();
    }
  }

  #release() {
    if (!this.#held) return;
    const { hasMoved, index } = this.#held;
    this.#held = null;
    this.#shapes[index].points = this.#shapes[index].points.map(rounded);
    if (hasMoved) this.#changed();
    else this.#past.pop();
  }

  #press(press) {
    const arrow = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[press.key];
    const isCommand = press.ctrlKey || press.metaKey;
    if (isCommand && press.key.toLowerCase() === "z") (press.shiftKey ? this.redo() : this.undo());
    else if (isCommand && press.key.toLowerCase() === "y") this.redo();
    else if (isCommand || press.altKey) return;
    else if (arrow) this.#arrow(arrow.map((value) => value * STEP * (press.shiftKey ? 5 : 1)));
    else if (press.key === " " && this.#tool !== "select") this.#put([...(this.#cursor ?? [0.5, 0.5])]);
    else if (press.key === "Enter" && this.#tool !== "select") this.finish();
    else if (press.key === "Backspace" && this.#draft.length) { this.#draft.pop(); this.#draw(); }
    else if ((press.key === "Delete" || press.key === "Backspace") && this.#chosen >= 0) this.removeShape(this.#chosen);
    else if (press.key === "Escape") { this.tool = "select"; this.choose(-1); }
    else if (press.key === "Tab" && this.#tool === "select" && this.#shapes.length && !press.shiftKey && this.#chosen < this.#shapes.length - 1) this.choose(this.#chosen + 1);
    else return;
    press.preventDefault();
    press.stopPropagation();
  }

  #arrow(delta) {
    if (this.#tool !== "select") {
      const [x, y] = this.#cursor ?? [0.5, 0.5];
      this.#cursor = [within(x + delta[0]), within(y + delta[1])];
      this.#draw();
    } else if (this.#chosen >= 0) {
      this.#change(() => { this.#shapes[this.#chosen].points = moved(this.#shapes[this.#chosen].points, delta); });
    }
  }

  // ---- the picture

  #draw() {
    if (!this.picture) return;
    const [width, height] = [this.clientWidth, this.clientHeight];
    this.picture.setAttribute("viewBox", `0 0 ${Math.max(1, width)} ${Math.max(1, height)}`);
    this.picture.replaceChildren(
      ...this.#shapes.flatMap((shape, index) => this.#shapeParts(shape, index)),
      ...this.#draftParts());
  }

  #path(points, isClosed) {
    return points.map((point, index) => `${index ? "L" : "M"}${this.#pixels(point).map((value) => value.toFixed(1)).join(" ")}`).join("") + (isClosed ? "Z" : "");
  }

  #shapeParts(shape, index) {
    const isChosen = index === this.#chosen;
    const isClosed = shape.kind !== "line";
    const path = this.#path(shape.points, isClosed);
    const parts = [
      svg("path", { d: path, class: `hit ${isClosed ? "" : "open"}`, "data-shape": index }),
      svg("path", { d: path, class: `shape ${shape.kind}${isChosen ? " chosen" : ""}` }),
    ];
    if (shape.kind === "line") parts.push(this.#arrowPart(shape.points));
    const [x, y] = this.#pixels(shape.points[0]);
    parts.push(svg("text", { x: x + 8, y: Math.max(14, y - 8), class: `name ${shape.kind}` }, document.createTextNode(shape.name)));
    if (!isChosen) return parts;
    const count = isClosed ? shape.points.length : shape.points.length - 1;
    for (let each = 0; each < count; each += 1) {
      const [a, b] = [shape.points[each], shape.points[(each + 1) % shape.points.length]];
      const [mx, my] = this.#pixels([(a[0] + b[0]) / 2, (a[1] + b[1]) / 2]);
      parts.push(svg("circle", { cx: mx, cy: my, r: 5, class: "middle", "data-shape": index, "data-middle": each }));
    }
    shape.points.forEach((point, corner) => {
      const [cx, cy] = this.#pixels(point);
      parts.push(svg("circle", { cx, cy, r: 8, class: "corner", "data-shape": index, "data-corner": corner }));
    });
    return parts;
  }

  // Points to the side that counts as in: the right of somebody who walks along the line from its first point.
  #arrowPart(points) {
    const middle = Math.floor((points.length - 1) / 2);
    const [[ax, ay], [bx, by]] = [this.#pixels(points[middle]), this.#pixels(points[middle + 1])];
    const length = Math.hypot(bx - ax, by - ay) || 1;
    const [nx, ny] = [-(by - ay) / length, (bx - ax) / length];
    const [x, y] = [(ax + bx) / 2, (ay + by) / 2];
    const [tx, ty] = [x + nx * 26, y + ny * 26];
    const side = [-ny * 6, nx * 6];
    return svg("path", {
      class: "direction",
      d: `M${x} ${y}L${tx} ${ty}M${tx - nx * 9 + side[0]} ${ty - ny * 9 + side[1]}L${tx} ${ty}L${tx - nx * 9 - side[0]} ${ty - ny * 9 - side[1]}`,
    });
  }

  #draftParts() {
    if (this.#tool === "select") return [];
    const points = this.#cursor ? [...this.#draft, this.#cursor] : this.#draft;
    const parts = points.length > 1 ? [svg("path", { d: this.#path(points, false), class: `shape ${this.#tool} draft` })] : [];
    this.#draft.forEach((point, index) => {
      const [cx, cy] = this.#pixels(point);
      parts.push(svg("circle", { cx, cy, r: index ? 4 : 7, class: "corner draft" }));
    });
    if (this.#cursor) {
      const [cx, cy] = this.#pixels(this.#cursor);
      parts.push(svg("circle", { cx, cy, r: 3, class: "middle" }));
    }
    return parts;
  }
}

// All points by the same way, no farther than the edge of the picture.
function moved(points, [dx, dy]) {
  const limit = (values, delta) => Math.min(1 - Math.max(...values), Math.max(-Math.min(...values), delta));
  const [x, y] = [limit(points.map(([value]) => value), dx), limit(points.map(([, value]) => value), dy)];
  return points.map(([px, py]) => rounded([px + x, py + y]));
}

customElements.define("wp-zones", ZoneEditor);
