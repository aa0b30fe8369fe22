// Why a camera sleeps or does not, and what has been counted of it: the same as `watchpost explain`.
import { ask, cameraApi, element } from "./dom.js";
import { duration, number, text, textOr } from "./texts.js";

const EVERY_MS = 2000;

export class ExplainPanel extends HTMLElement {
  #camera;
  #reasons;
  #clock = 0;

  // `reasons`: what the API calls a reason -> its key in the catalogue.
  constructor(camera, reasons) {
    super();
    this.#camera = camera;
    this.#reasons = reasons;
  }

  connectedCallback() {
    this.replaceChildren(element("p", { class: "wp-empty" }, text("explain.wait")));
    this.#clock = setInterval(() => this.#load(), EVERY_MS);
    this.#load();
  }

  disconnectedCallback() {
    clearInterval(this.#clock);
  }

  #words = (reason) => textOr(`reason.${this.#reasons[reason]}`, reason);

  async #load() {
    if (document.hidden || this.hidden) return;
    try {
      this.#show(await ask(cameraApi(this.#camera, "explain")));
    } catch (error) {
      this.replaceChildren(element("p", { class: "wp-empty" }, error.message));
    }
  }

  #show(figures) {
    const rows = [...gateRows(figures.gate, this.#words), ...cameraRows(figures), ...recordingRows(figures.recording)];
    const parts = rows.map(([name, value, isBad]) => element("div", { class: isBad ? "bad" : null }, element("dt", {}, name), element("dd", {}, value)));
    const head = figures.gate ? [element("p", { class: "why" }, text("explain.because", { reason: this.#words(figures.gate.reason) })), meter(figures.gate)] : [];
    this.replaceChildren(...head.filter(Boolean), element("dl", { class: "facts" }, ...parts));
  }
}

// How near the packet sizes and the picture are to waking the camera.
function meter(gate) {
  if (!["asleep", "awake"].includes(gate.state)) return null;
  const row = (name, value, most) => element("label", {}, name,
    element("meter", { min: 0, max: 1.25, high: 1, optimum: 0, value: most ? Math.min(1.25, value / most) : 0 }),
    element("span", {}, `${number(value, 1)} / ${number(most, 1)}`));
  return element("div", { class: "meters" },
    row(text("explain.sizes"), Math.abs(gate.deviation), gate.threshold), row(text("explain.cells"), gate.changed_cells, gate.fewest_cells));
}

function* gateRows(gate, words) {
  if (!gate) {
    yield [text("explain.gate"), text("explain.no_gate")];
    return;
  }
  yield [text("explain.gate"), text(`gate.${gate.state}`)];
  const times = Object.entries(gate.seconds).filter(([, seconds]) => seconds >= 1);
  yield [text("explain.times"), times.map(([state, seconds]) => `${text(`gate.${state}`)} ${duration(seconds)}`).join(" · ")];
  const share = gate.packets ? ` (${number((100 * gate.decoded) / gate.packets, 1)} %)` : "";
  yield [text("explain.decoded"), `${number(gate.decoded)} / ${number(gate.packets)}${share}`];
  const wakes = Object.entries(gate.wakes);
  if (wakes.length) yield [text("explain.wakes"), wakes.map(([reason, count]) => `${number(count)} × ${words(reason)}`).join("; ")];
  if (gate.false_wakes) yield [text("explain.false_wakes"), number(gate.false_wakes)];
  if (gate.lost_s) yield [text("explain.lost"), text("explain.seconds", { seconds: number(gate.lost_s, 1) }), true];
  if (gate.key_interval_s !== null) yield [text("explain.key_frames"), text("explain.seconds", { seconds: number(gate.key_interval_s, 1) })];
}

function* cameraRows(figures) {
  const fps = [figures.analysed_fps, figures.granted_fps, figures.wished_fps].map((value) => (value === null ? "∞" : number(value, 1)));
  yield [text("explain.fps"), fps.join(" / ")];
  yield [text("explain.analysed"), number(figures.analysed)];
  yield [text("explain.dropped"), number(figures.dropped), figures.dropped > 0];
  yield [text("explain.losses"), number(figures.losses), figures.losses > 0];
  if (figures.ring_bytes) yield [text("explain.ring"), `${number(figures.ring_bytes / 1e6, 1)} MB`];
  if (figures.worker) yield [text("explain.worker"), figures.worker];
}

function* recordingRows(recording) {
  if (!recording) {
    yield [text("explain.recording"), text("explain.not_recorded")];
    return;
  }
  yield [text("explain.recording"), `${text(`recording.${recording.mode}`)} · ${number(recording.bytes / 1e6, 1)} MB`];
  if (recording.lost) yield [text("explain.lost_packets"), number(recording.lost), true];
  if (recording.problem) yield [text("explain.problem"), recording.problem, true];
}

customElements.define("wp-explain", ExplainPanel);
