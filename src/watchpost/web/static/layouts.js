// The wall's saved layouts: which grid, which cameras, in which order. Kept by the server for each user.
import { ask, element, icon, iconButton, send } from "./dom.js";
import { text } from "./texts.js";

const URL = "/api/layouts";

export class Layouts extends HTMLElement {
  #read;
  #apply;
  #all = {};

  // `read` tells the present layout, `apply` shows one.
  constructor(read, apply) {
    super();
    this.#read = read;
    this.#apply = apply;
  }

  connectedCallback() {
    this.list = element("ul");
    this.nameField = element("input", { class: "wp-field", name: "layout", maxlength: "40", required: true, placeholder: text("layouts.name"), "aria-label": text("layouts.name") });
    this.problem = element("p", { class: "wp-error", role: "alert", hidden: true });
    const form = element("form", { class: "wp-bar", onsubmit: (submit) => { submit.preventDefault(); this.#save(this.nameField.value.trim()); } },
      this.nameField, element("button", { class: "wp-button", type: "submit" }, text("layouts.save")));
    const menu = element("details", { class: "wp-menu layouts" },
      element("summary", {}, icon("dashboard_customize"), element("span", {}, text("layouts.title"))),
      element("div", {}, this.list, form, this.problem));
    menu.addEventListener("toggle", () => menu.open && this.#load());
    this.replaceChildren(menu);
  }

  async #attempt(work) {
    this.problem.hidden = true;
    try {
      this.#all = await work();
      this.#show();
    } catch (error) {
      this.problem.textContent = error.message;
      this.problem.hidden = false;
    }
  }

  #load() {
    return this.#attempt(() => ask(URL));
  }

  async #save(name) {
    if (!name) return;
    await this.#attempt(() => send("PUT", `${URL}/${encodeURIComponent(name)}`, this.#read()));
    this.nameField.value = "";
  }

  #show() {
    const rows = Object.entries(this.#all).map(([name, layout]) => element("li", {},
      element("button", { type: "button", onclick: () => { this.#apply(layout); this.firstChild.open = false; } }, name),
      iconButton("delete", text("layouts.delete", { name }), () => this.#attempt(() => ask(`${URL}/${encodeURIComponent(name)}`, { method: "DELETE" })))));
    if (!rows.length) rows.push(element("li", { class: "wp-note" }, text("layouts.none")));
    this.list.replaceChildren(...rows);
  }
}

customElements.define("wp-layouts", Layouts);
