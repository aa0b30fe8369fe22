// The events of one camera in the times that its line shows, newest first; choosing one plays it.
import { element } from "./dom.js";
import { text } from "./texts.js";
import { eventRow } from "./words.js";

export class EventsPanel extends HTMLElement {
  #onopen;

  constructor(onopen) {
    super();
    this.#onopen = onopen;
    this.list = element("ol", { class: "wp-events" });
    this.none = element("p", { class: "wp-empty" }, text("camera.no_events"));
  }

  connectedCallback() {
    this.append(this.none, this.list);
  }

  set events(given) {
    const events = [...given].sort((a, b) => a.end.wall_time_s - b.end.wall_time_s);
    const known = [...this.list.children].map((row) => row.dataset.event).join();
    const wanted = events.map((event) => event.id).reverse();
    if (known === wanted.join()) return;
    this.list.replaceChildren(...events.map((event) => eventRow(event, { withCamera: false, onopen: this.#onopen })).reverse());
    this.none.hidden = events.length > 0;
  }
}

customElements.define("wp-camera-events", EventsPanel);
