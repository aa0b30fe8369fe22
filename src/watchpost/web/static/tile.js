// One camera on the wall: the player, how it is, what it does, and what happened last.
import { cameraPage, element, icon } from "./dom.js";
import { number, text } from "./texts.js";
import { delayOf, detailOf, playerOf, stateMark, stateOf, stateText, whatHappened } from "./words.js";

const SHOWN_MS = 8000;

export class Tile {
  #isInView = false;
  #player = null;
  #shown = "";
  #seen = null;
  #fading = 0;
  #hasZones;

  constructor(camera, hasZones) {
    this.camera = camera;
    this.#hasZones = hasZones;
    this.mark = element("span", { class: "mark" });
    this.record = element("span", { class: "record", hidden: true, title: text("wall.recording") }, "REC");
    this.figures = element("span", { class: "figures" });
    this.last = element("span", { class: "last", hidden: true });
    this.covered = element("span", { class: "covered", hidden: true });
    this.figure = element("figure", { class: "tile", tabindex: "0", draggable: "true", "data-camera": camera },
      this.covered,
      element("figcaption", { class: "head" }, this.mark, element("b", {}, camera), this.record,
        element("a", { class: "wp-icon", href: cameraPage(camera), title: text("wall.open"), tabindex: "-1", "aria-label": text("wall.open_camera", { camera }) }, icon("open_in_full"))),
      element("div", { class: "foot" }, this.last, this.figures));
    this.figure.addEventListener("dblclick", () => location.assign(cameraPage(camera)));
    this.#seen = new IntersectionObserver((entries) => {
      this.#isInView = entries.at(-1).isIntersecting;
      this.settle();
    }, { rootMargin: "80px" });
    this.#seen.observe(this.figure);
  }

  // Stream while somebody can see it, and only then.
  settle() {
    const isWanted = this.#isInView && !document.hidden && this.figure.isConnected;
    if (isWanted && !this.#player) {
      this.#player = playerOf(this.camera, { hasZones: this.#hasZones });
      this.figure.prepend(this.#player);
    } else if (!isWanted && this.#player) {
      this.#player.remove();
      this.#player = null;
    }
    if (this.figure.isConnected) this.#seen.observe(this.figure);
  }

  // Its zones and lines over the picture.
  set hasZones(hasZones) {
    this.#hasZones = hasZones;
    this.#player?.setAttribute("zones", hasZones ? "on" : "off");
  }

  stop() {
    this.#player?.remove();
    this.#player = null;
    this.#seen.disconnect();
  }

  update(camera) {
    if (!camera) return;
    const state = stateOf(camera);
    const words = stateText(state);
    const delay_ms = delayOf(this.#player, camera);
    const isLive = state === "live" || state === "asleep" || state === "heavy";
    const figures = [];
    if (isLive) figures.push(text("status.fps", { fps: number(camera.fps, 1) }));
    if (isLive && delay_ms !== null) figures.push(text("wall.ms", { ms: number(delay_ms) }));
    const key = JSON.stringify([state, detailOf(camera), figures, camera.recording]);
    if (key === this.#shown) return;
    this.#shown = key;
    this.mark.replaceChildren(stateMark(camera, state !== "live"));
    this.figures.textContent = figures.join(" · ");
    this.record.hidden = !camera.recording || !isLive; // of a camera that is not reached nothing can be recorded
    const isSeen = state === "blind" && this.#player?.state?.state === "playing"; // dark or frozen, it is looked at all the same
    this.covered.hidden = isLive || isSeen;
    this.covered.replaceChildren(stateMark(camera), element("small", {}, detailOf(camera)));
    this.figure.dataset.state = state;
    this.figure.setAttribute("aria-label", [this.camera, words, ...figures].join(", "));
  }

  happened(event) {
    this.last.textContent = whatHappened(event);
    this.last.hidden = false;
    this.figure.classList.add("alert");
    clearTimeout(this.#fading);
    this.#fading = setTimeout(() => { this.figure.classList.remove("alert"); }, SHOWN_MS);
  }
}
