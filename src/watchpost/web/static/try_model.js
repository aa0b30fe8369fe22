// A model tried on the camera's newest picture, before it is chosen. All that it found comes at once; the threshold
// is applied here, so that the slider shows at once what would be left.
import { ask, cameraApi, element, icon, send } from "./dom.js";
import { number, text, textOr } from "./texts.js";
import { chooseModel } from "./settings.js";

const FIRST_CONFIDENCE = 0.4;
const COLOURS = ["#56b4e9", "#e69f00", "#2fc79b", "#f0e442", "#cc79a7", "#ff8360"];

export class TryPanel extends HTMLElement {
  #camera;
  #screen;
  #canSet;
  #found = null;
  #built = false;

  constructor(camera, screen, canSet) {
    super();
    this.#camera = camera;
    this.#screen = screen;
    this.#canSet = canSet;
  }

  set isShown(isShown) {
    if (isShown && !this.#built) this.#build();
    if (this.overlay) this.overlay.hidden = !isShown || !this.#found;
  }

  #build() {
    this.#built = true;
    this.overlay = element("canvas", { class: "tried", hidden: true, role: "img" });
    this.#screen.append(this.overlay);
    new ResizeObserver(() => this.#draw()).observe(this.#screen);
    this.model = element("select", { class: "wp-field", "aria-label": text("try.model") });
    this.confidence = element("input", { type: "range", min: "0.05", max: "0.95", step: "0.01", value: FIRST_CONFIDENCE, "aria-label": text("try.confidence"), oninput: () => this.#draw() });
    this.value = element("output");
    this.run = element("button", { type: "button", class: "wp-button primary", onclick: () => this.#try() }, icon("play_circle"), text("try.run"));
    this.clear = element("button", { type: "button", class: "wp-button", hidden: true, onclick: () => this.#clear() }, icon("close"), text("try.clear"));
    this.use = element("button", { type: "button", class: "wp-button", hidden: true, onclick: () => this.#save() }, icon("check"), text("try.use"));
    this.told = element("p", { class: "wp-note", role: "status" });
    this.rows = element("ul", { class: "found" });
    this.replaceChildren(
      element("p", { class: "wp-note" }, text("try.hint")),
      element("label", { class: "line" }, text("try.model"), this.model),
      element("label", { class: "line" }, element("span", {}, text("try.confidence"), " ", this.value), this.confidence),
      element("div", { class: "wp-bar" }, this.run, this.clear, this.use), this.told, this.rows);
    this.#draw();
    this.#models();
  }

  async #models() {
    try {
      const names = await ask(cameraApi(this.#camera, "models"));
      this.model.replaceChildren(...names.map((name) => element("option", { value: name }, name)));
    } catch (error) {
      this.#tell(error.message, true);
    }
  }

  async #try() {
    this.run.disabled = true;
    this.#tell(text("try.running"));
    try {
      this.#found = await send("POST", cameraApi(this.#camera, "try"), { model: this.model.value });
      this.picture = new Image();
      this.picture.src = `data:image/jpeg;base64,${this.#found.jpeg}`;
      await this.picture.decode();
      this.overlay.hidden = false;
      this.clear.hidden = false;
      const took = text("try.took", { ms: number(this.#found.milliseconds), width: this.#found.width, height: this.#found.height });
      this.#tell(this.#found.detections.length ? took : text("try.nothing", { took }));
      this.use.hidden = !this.#canSet;
      this.#draw();
    } catch (error) {
      this.#tell(error.message, true);
    }
    this.run.disabled = false;
  }

  #clear() {
    this.#found = null;
    this.overlay.hidden = true;
    this.clear.hidden = true;
    this.use.hidden = true;
    this.#tell("");
    this.#draw();
  }

  async #save() {
    this.use.disabled = true;
    try {
      await chooseModel(this.#camera, this.#found.model, Number(this.confidence.value));
      this.#tell(text("try.saved"));
    } catch (error) {
      this.#tell(error.message, true);
    }
    this.use.disabled = false;
  }

  #tell(words, isBad = false) {
    this.told.textContent = words;
    this.told.className = isBad ? "wp-error" : "wp-note";
  }

  #draw() {
    if (!this.#built) return;
    const least = Number(this.confidence.value);
    this.value.textContent = number(least, 2);
    const all = this.#found?.detections ?? [];
    const kept = all.filter((each) => each.confidence >= least);
    this.rows.replaceChildren(...(this.#found ? counts(all, least) : []));
    this.overlay.setAttribute("aria-label", text("try.count", { kept: kept.length, all: all.length }));
    if (!this.#found) return;
    const scale = devicePixelRatio || 1;
    const [width, height] = [this.#screen.clientWidth, this.#screen.clientHeight];
    this.overlay.width = width * scale;
    this.overlay.height = height * scale;
    const c = this.overlay.getContext("2d");
    c.scale(scale, scale);
    c.drawImage(this.picture, 0, 0, width, height);
    const names = [...new Set(all.map((each) => each.class_name))];
    c.font = `500 12px ${getComputedStyle(this).fontFamily}`;
    for (const each of kept) drawBox(c, each, COLOURS[names.indexOf(each.class_name) % COLOURS.length], width, height);
  }
}

function drawBox(c, { box, class_name: name, confidence }, colour, width, height) {
  const [left, top, right, bottom] = [box[0] * width, box[1] * height, box[2] * width, box[3] * height];
  c.lineWidth = 4;
  c.strokeStyle = "#000a";
  c.strokeRect(left, top, right - left, bottom - top);
  c.lineWidth = 2;
  c.strokeStyle = colour;
  c.strokeRect(left, top, right - left, bottom - top);
  const words = `${textOr(`class.${name}`, name)} ${number(confidence, 2)}`;
  const wide = c.measureText(words).width + 8;
  const y = Math.max(0, top - 18);
  c.fillStyle = colour;
  c.fillRect(left - 1, y, wide, 18);
  c.fillStyle = "#000";
  c.fillText(words, left + 3, y + 13);
}

function counts(all, least) {
  const names = [...new Set(all.map((each) => each.class_name))];
  return names.map((name) => {
    const of = all.filter((each) => each.class_name === name);
    const kept = of.filter((each) => each.confidence >= least).length;
    return element("li", {}, textOr(`class.${name}`, name), element("span", {}, `${kept} / ${of.length}`));
  });
}

customElements.define("wp-try", TryPanel);
