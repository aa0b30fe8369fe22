// The list and the tools beside the zone editor: names, rules of what is new, undo, and saving.
import "./zones.js";
import { element, icon, iconButton } from "./dom.js";
import { readCamera, saveShapes } from "./settings.js";
import { text } from "./texts.js";

const KINDS = { zone: "pentagon", line: "timeline", mask: "visibility_off" };

export class ZonePanel extends HTMLElement {
  #camera;
  #screen;
  #isBuilt = false;
  #read = null; // what the file says
  #rules = [];
  #newRules = [];
  #isDirty = false;
  #isBusy = false; // reading or saving: what is drawn meanwhile would be lost

  // `screen`: what the picture is shown in.
  constructor(camera, screen) {
    super();
    this.#camera = camera;
    this.#screen = screen;
  }

  set isShown(isShown) {
    if (isShown && !this.#isBuilt) this.#build();
    if (this.editor) this.editor.hidden = !isShown;
  }

  #build() {
    this.#isBuilt = true;
    this.editor = element("wp-zones");
    this.#screen.append(this.editor);
    this.editor.addEventListener("change", () => { this.#isDirty = true; this.#show(); });
    this.editor.addEventListener("choose", () => this.#show());
    this.editor.addEventListener("drawn", (message) => this.#ask(message.detail));
    this.tools = element("div", { class: "wp-group", role: "group", "aria-label": text("zones.tools") },
      ...Object.entries(KINDS).map(([kind, glyph]) => element("button", {
        type: "button", class: "wp-button", "data-kind": kind, "aria-pressed": "false",
        onclick: () => { this.editor.tool = this.editor.tool === kind ? "select" : kind; this.editor.picture.focus(); this.#show(); },
      }, icon(glyph), text(`zones.${kind}`))));
    this.undo = iconButton("undo", text("zones.undo"), () => this.editor.undo(), { "aria-keyshortcuts": "Control+Z" });
    this.redo = iconButton("redo", text("zones.redo"), () => this.editor.redo(), { "aria-keyshortcuts": "Control+Shift+Z" });
    this.hint = element("p", { class: "wp-note" });
    this.list = element("ul", { class: "shapes" });
    this.save = element("button", { type: "button", class: "wp-button primary", onclick: () => this.#save() }, icon("save"), text("zones.save"));
    this.cancel = element("button", { type: "button", class: "wp-button", onclick: () => this.#load() }, text("zones.cancel"));
    this.told = element("p", { class: "wp-note", role: "status" });
    this.dialog = element("dialog", { class: "wp-dialog rule", "aria-label": text("zones.rules") });
    this.replaceChildren(element("div", { class: "wp-bar" }, this.tools, this.undo, this.redo), this.hint, this.list,
      element("div", { class: "wp-bar" }, this.save, this.cancel), this.told, this.dialog);
    addEventListener("beforeunload", (leave) => this.#isDirty && leave.preventDefault());
    this.#load();
  }

  async #load() {
    this.#isBusy = true;
    this.#show();
    try {
      this.#read = await readCamera(this.#camera);
      this.#rules = structuredClone(this.#read.rules);
      this.#newRules = [];
      this.editor.shapes = this.#read.shapes;
      this.#isDirty = false;
      this.#tell("");
    } catch (error) {
      this.#tell(error.message, true);
    }
    this.#isBusy = !this.#read;
    this.#show();
  }

  async #save() {
    this.#isBusy = true;
    this.#show();
    this.#tell(text("zones.saving"));
    try {
      await saveShapes(this.#camera, this.#read, this.editor.shapes, [...this.#rules, ...this.#newRules]);
      await this.#load();
      this.#tell(text("zones.saved"));
    } catch (error) {
      this.#tell(error.message, true);
    }
    this.#isBusy = false;
    this.#show();
  }

  #tell(words, isBad = false) {
    this.told.textContent = words;
    this.told.className = isBad ? "wp-error" : "wp-note";
  }

  #show() {
    const { shapes, chosen, tool } = this.editor;
    for (const button of this.tools.children) {
      button.setAttribute("aria-pressed", String(button.dataset.kind === tool));
      button.disabled = this.#isBusy;
    }
    this.editor.inert = this.list.inert = this.#isBusy;
    this.undo.disabled = this.#isBusy || !this.editor.canUndo;
    this.redo.disabled = this.#isBusy || !this.editor.canRedo;
    this.save.disabled = this.#isBusy || !this.#isDirty;
    this.cancel.disabled = this.#isBusy || !this.#isDirty;
    this.hint.textContent = text(tool === "select" ? "zones.hint_select" : `zones.hint_${tool}`);
    if (this.list.contains(document.activeElement) && this.list.children.length === shapes.length) { // a name is being typed
      [...this.list.children].forEach((row, index) => row.classList.toggle("chosen", index === chosen));
      return;
    }
    this.list.replaceChildren(...shapes.map((shape, index) => this.#row(shape, index, index === chosen)));
    if (!shapes.length) this.list.replaceChildren(element("li", { class: "wp-note" }, text("zones.none")));
  }

  #row(shape, index, isChosen) {
    const field = element("input", {
      class: "wp-field", value: shape.name, maxlength: "64", "aria-label": text("zones.name"),
      onfocus: () => this.editor.choose(index), onchange: () => this.#rename(index, shape, field),
    });
    const rules = [...this.#rules, ...this.#newRules].filter((rule) => rule[shape.kind] === shape.name);
    return element("li", { class: isChosen ? "chosen" : null },
      icon(KINDS[shape.kind]), field,
      shape.kind === "mask" ? null : element("span", { class: "wp-tag", title: rules.map((rule) => rule.kind).join(", ") }, text("zones.rule_count", { count: rules.length })),
      shape.kind === "line" ? iconButton("swap_horiz", text("zones.reverse"), () => this.editor.reverse(index)) : null,
      shape.kind === "mask" ? null : iconButton("add_alert", text("zones.add_rule"), () => this.#ask(index)),
      iconButton("delete", text("zones.delete", { name: shape.name }), () => this.#remove(index, shape)));
  }

  #rename(index, shape, field) {
    const name = field.value.trim();
    const isTaken = this.editor.shapes.some((each, other) => other !== index && each.kind === shape.kind && each.name === name);
    if (!name || isTaken) {
      this.#tell(text(isTaken ? "zones.taken" : "zones.unnamed"), true);
      field.value = shape.name;
      return;
    }
    for (const rule of [...this.#rules, ...this.#newRules]) if (rule[shape.kind] === shape.name) rule[shape.kind] = name;
    this.editor.rename(index, name);
  }

  #remove(index, shape) {
    if (this.#rules.some((rule) => rule[shape.kind] === shape.name)) {
      this.#tell(text("zones.in_use", { name: shape.name }), true);
      return;
    }
    this.#newRules = this.#newRules.filter((rule) => rule[shape.kind] !== shape.name);
    this.editor.removeShape(index);
  }

  // ---- what is to happen there

  #ask(index) {
    const shape = this.editor.shapes[index];
    if (shape.kind === "mask") return;
    const name = element("input", { class: "wp-field", value: shape.name, maxlength: "64", required: true, "aria-label": text("zones.name") });
    const choices = shape.kind === "line" ? lineChoices() : zoneChoices();
    const form = element("form", { method: "dialog" },
      element("label", { class: "line" }, text("zones.name"), name), ...choices.map((choice) => choice.row),
      element("div", { class: "wp-bar" }, element("span", { class: "push" }), element("button", { class: "wp-button primary", value: "yes" }, text("zones.done"))));
    this.dialog.replaceChildren(element("header", {}, element("h2", {}, text(`zones.what_${shape.kind}`)),
      iconButton("close", text("top.close"), () => this.dialog.close())), form);
    form.addEventListener("submit", () => {
      const fresh = name.value.trim();
      if (fresh && fresh !== shape.name) this.#rename(index, shape, name);
      const called = this.editor.shapes[index].name;
      const rules = choices.map((choice) => choice.rule()).filter(Boolean).map((rule) => ({ ...rule, [shape.kind]: called }));
      this.#newRules = [...this.#newRules.filter((rule) => rule[shape.kind] !== called), ...rules];
      if (rules.length) this.#isDirty = true;
      this.#show();
    });
    this.dialog.showModal();
    name.select();
  }
}

function choice(key, isChecked, extra, rule) {
  const box = element("input", { type: "checkbox", checked: isChecked });
  return { row: element("label", { class: "choice" }, box, element("span", {}, text(`zones.${key}`), ...(extra ?? []))), rule: () => (box.checked ? rule() : null) };
}

const amount = (value, min, label) => element("input", { type: "number", class: "wp-field", min, max: "3600", value, "aria-label": label });

function zoneChoices() {
  const [seconds, people] = [amount(30, 1, text("zones.seconds")), amount(3, 0, text("zones.people"))];
  const wantsDwell = choice("rule_dwell", false, [" ", seconds, " ", text("zones.seconds")], () => null);
  const visits = choice("rule_zone", true, null, () => null);
  const isChecked = (each) => each.row.querySelector("[type=checkbox]").checked;
  return [
    visits,
    { ...wantsDwell, rule: () => {
      if (isChecked(wantsDwell)) return { kind: "zone", dwell: Number(seconds.value) };
      return isChecked(visits) ? { kind: "zone" } : null;
    } },
    choice("rule_crowd", false, [" ", people, " ", text("zones.people")], () => ({ kind: "crowd", more_than: Number(people.value) })),
  ];
}

function lineChoices() {
  return [choice("rule_line", true, null, () => ({ kind: "line" }))];
}

customElements.define("wp-zone-panel", ZonePanel);
