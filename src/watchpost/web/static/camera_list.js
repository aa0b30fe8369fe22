// <wp-camera-list>: a list to search and pick from. Only the rows in view exist, so hundreds of cameras stay quick.
// Fires `pick` (detail: the camera's name). Rows can be dragged: their data is the name.
import { element, icon } from "./dom.js";
import { subscribe } from "./news.js";
import { text } from "./texts.js";
import { stateMark, stateOf, stateText } from "./words.js";

const ROW_PX = 36;
const MARGIN_ROWS = 4;

class CameraList extends HTMLElement {
  #cameras = [];
  #found = [];
  #at = 0;
  #shown = new Set();
  #gone = null;
  #drawn = "";

  connectedCallback() {
    this.#gone = new AbortController();
    if (!this.firstChild) this.#build();
    subscribe({ status: (cameras) => { this.#cameras = cameras; this.#find(); } }, this.#gone.signal);
  }

  disconnectedCallback() {
    this.#gone.abort();
  }

  focusSearch() {
    this.input.focus();
  }

  // Names that are marked, such as those on the wall.
  set shown(names) {
    this.#shown = new Set(names);
    this.#draw();
  }

  #build() {
    const id = `list-${crypto.getRandomValues(new Uint32Array(1))[0]}`;
    this.input = element("input", {
      type: "search", placeholder: text("list.search"), "aria-label": text("list.search"), role: "combobox",
      "aria-expanded": "true", "aria-controls": id, autocomplete: "off", spellcheck: "false",
      oninput: () => { this.#at = 0; this.rows.scrollTop = 0; this.#find(); },
      onkeydown: (press) => this.#press(press),
    });
    this.rows = element("div", { class: "rows", role: "listbox", id, "aria-label": text("list.cameras"), onscroll: () => this.#draw() });
    this.count = element("small", { "aria-live": "polite" });
    this.append(element("div", { class: "search" }, icon("search"), this.input, this.count), this.rows);
    new ResizeObserver(() => this.#draw()).observe(this.rows);
  }

  #find() {
    const words = this.input.value.toLocaleLowerCase().split(/\s+/).filter(Boolean);
    this.#found = this.#cameras.filter((camera) => {
      const all = `${camera.name} ${stateText(stateOf(camera))}`.toLocaleLowerCase();
      return words.every((word) => all.includes(word));
    });
    this.#at = Math.min(this.#at, Math.max(0, this.#found.length - 1));
    this.count.textContent = words.length ? `${this.#found.length} / ${this.#cameras.length}` : this.#cameras.length;
    this.#draw();
  }

  #draw() {
    const first = Math.max(0, Math.floor(this.rows.scrollTop / ROW_PX) - MARGIN_ROWS);
    const last = Math.min(this.#found.length, Math.ceil((this.rows.scrollTop + this.rows.clientHeight) / ROW_PX) + MARGIN_ROWS);
    const key = JSON.stringify([first, last, this.#at, this.#found.length, ...this.#found.slice(first, last).map((each) => [each.name, stateOf(each), this.#shown.has(each.name)])]);
    if (key === this.#drawn) return; // rows that stay are not made anew: one may be under a finger
    this.#drawn = key;
    const filler = element("div", { style: `height:${this.#found.length * ROW_PX}px` });
    const rows = this.#found.slice(first, last).map((camera, offset) => this.#row(camera, first + offset));
    if (!this.#found.length) rows.push(element("p", { class: "wp-empty" }, text(this.#cameras.length ? "list.none" : "list.no_cameras")));
    this.rows.replaceChildren(filler, ...rows);
    this.input.setAttribute("aria-activedescendant", `${this.rows.id}-${this.#at}`);
  }

  #row(camera, index) {
    return element("div", {
      role: "option", id: `${this.rows.id}-${index}`, "aria-selected": String(index === this.#at), draggable: "true",
      "aria-setsize": this.#found.length, "aria-posinset": index + 1, class: this.#shown.has(camera.name) ? "shown" : null,
      style: `top:${index * ROW_PX}px`, "data-camera": camera.name,
      onclick: () => this.#pick(camera.name),
      ondragstart: (drag) => drag.dataTransfer.setData("text/x-watchpost-camera", camera.name),
    }, stateMark(camera, false), element("span", {}, camera.name), element("small", {}, stateText(stateOf(camera))));
  }

  #press(press) {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 }[press.key];
    if (step) {
      press.preventDefault();
      this.#at = Math.max(0, Math.min(this.#found.length - 1, this.#at + step));
      const top = this.#at * ROW_PX;
      if (top < this.rows.scrollTop) this.rows.scrollTop = top;
      else if (top + ROW_PX > this.rows.scrollTop + this.rows.clientHeight) this.rows.scrollTop = top + ROW_PX - this.rows.clientHeight;
      this.#draw();
    } else if (press.key === "Enter" && this.#found.length) {
      press.preventDefault();
      this.#pick(this.#found[this.#at].name);
    }
  }

  #pick(name) {
    this.dispatchEvent(new CustomEvent("pick", { detail: name, bubbles: true }));
  }
}

customElements.define("wp-camera-list", CameraList);
