// <wp-wall>: many cameras at once, and what happens at their side. What is not in view is not streamed.
import "./camera_list.js";
import "./player.js";
import { cameraPage, element, icon, iconButton, isTyping, kept } from "./dom.js";
import { Layouts } from "./layouts.js";
import { subscribe } from "./news.js";
import { text } from "./texts.js";
import { Tile } from "./tile.js";
import { eventRow } from "./words.js";

const GRIDS = [1, 4, 9, 16, 25, 36];
const MAX_EVENTS = 60;
const NEW_FOR_S = 10;
const RECORDED_EVERY_MS = 5000;
const DATA = "text/x-watchpost-camera";

class Wall extends HTMLElement {
  #state = { grid: 0, page: 0, order: [] };
  #cameras = new Map();
  #tiles = [];
  #gone = null;
  #sizes = null;
  #recorded = new Set();

  connectedCallback() {
    this.#gone = new AbortController();
    const { signal } = this.#gone;
    Object.assign(this.#state, kept.get("wall", {}));
    this.#build();
    this.#sizes = new ResizeObserver(() => this.#arrange());
    this.#sizes.observe(this.grid);
    subscribe({
      status: (cameras) => this.#update(cameras),
      event: (event) => this.#add(event),
    }, signal);
    document.addEventListener("keydown", (press) => this.#press(press), { signal });
    document.addEventListener("visibilitychange", () => this.#tiles.forEach((tile) => tile.settle()), { signal });
    document.addEventListener("fullscreenchange", () => this.#arrange(), { signal });
    addEventListener("pagehide", () => this.#tiles.forEach((tile) => tile.stop()), { signal });
    const recorded = setInterval(() => this.#askRecorded(), RECORDED_EVERY_MS);
    signal.addEventListener("abort", () => clearInterval(recorded));
    this.#askRecorded();
    addEventListener("pageshow", () => this.#tiles.forEach((tile) => tile.settle()), { signal });
  }

  disconnectedCallback() {
    this.#gone.abort();
    this.#sizes.disconnect();
    this.#tiles.forEach((tile) => tile.stop());
  }

  #build() {
    this.replaceChildren();
    this.grids = element("div", { class: "wp-group", role: "group", "aria-label": text("wall.grid") },
      ...GRIDS.map((count) => element("button", {
        type: "button", class: "wp-button", "data-grid": count, title: text("wall.grid_of", { count }),
        "aria-label": text("wall.grid_of", { count }), onclick: () => this.#set({ grid: count, page: 0 }),
      }, String(count))));
    this.pages = element("div", { class: "wp-bar pages", role: "group", "aria-label": text("wall.pages") },
      iconButton("chevron_left", text("wall.previous"), () => this.#turn(-1)),
      element("span", { "aria-live": "polite" }),
      iconButton("chevron_right", text("wall.next"), () => this.#turn(1)));
    this.listButton = iconButton("list", text("wall.list"), () => this.#toggle("list"), { "aria-pressed": "false", "aria-keyshortcuts": "l" });
    this.stripButton = iconButton("notifications", text("wall.strip"), () => this.#toggle("strip"), { "aria-pressed": "true", "aria-keyshortcuts": "e" });
    this.zonesButton = iconButton("polyline", text("wall.zones"), () => this.#toggleZones(), { "aria-keyshortcuts": "z" });
    this.counts = element("div", { class: "counts" });
    const bar = element("div", { class: "wp-bar tools", role: "toolbar", "aria-label": text("nav.wall") },
      this.listButton, this.grids, this.pages, new Layouts(
        () => ({ grid: this.#size(), cameras: this.#tiles.map((tile) => tile.camera) }),
        ({ grid, cameras }) => this.#set({ grid, page: 0, order: cameras })),
      this.counts, element("span", { class: "push" }),
      this.zonesButton, iconButton("fullscreen", text("wall.full"), () => this.#fullScreen(), { "aria-keyshortcuts": "f" }), this.stripButton);
    this.grid = element("div", { class: "grid", role: "group", "aria-label": text("nav.wall") });
    this.nothing = element("p", { class: "wp-empty" }, text("wall.no_cameras"));
    this.list = element("wp-camera-list", { class: "wp-panel list", hidden: true });
    this.list.addEventListener("pick", (picked) => this.#place(picked.detail, this.#focused()));
    this.events = element("ol", { class: "wp-events", "aria-live": "polite", "aria-relevant": "additions" });
    this.noEvents = element("p", { class: "wp-empty" }, text("wall.no_events"));
    this.strip = element("section", { class: "wp-panel strip", "aria-label": text("wall.events") },
      element("h2", {}, icon("notifications"), text("wall.events")), this.noEvents, this.events);
    this.append(bar, element("div", { class: "body" }, this.list, element("div", { class: "stage" }, this.nothing, this.grid), this.strip));
    this.list.hidden = !kept.get("wall.list", false);
    this.strip.hidden = !kept.get("wall.strip", true);
    this.#marks();
  }

  // ---- which cameras, in which order

  #ordered() {
    const known = new Set(this.#cameras.keys());
    const first = this.#state.order.filter((name) => known.delete(name));
    return [...first, ...known];
  }

  #size() {
    const chosen = this.#state.grid;
    if (chosen) return chosen;
    return GRIDS.find((count) => count >= this.#cameras.size) ?? 9; // few cameras: all of them
  }

  #update(cameras) {
    const before = [...this.#cameras.keys()].join("\n");
    this.#cameras = new Map(cameras.map((camera) => [camera.name, { ...camera, recording: this.#recorded.has(camera.name) }]));
    if ([...this.#cameras.keys()].join("\n") !== before || !this.#tiles.length) this.#show();
    for (const tile of this.#tiles) tile.update(this.#cameras.get(tile.camera));
    const off = cameras.filter((camera) => !["live", "connecting"].includes(camera.state)).length;
    this.counts.textContent = text(off ? "wall.counts" : "wall.all_well", { count: cameras.length, off });
    this.counts.dataset.off = off > 0;
  }

  async #askRecorded() {
    if (document.hidden) return;
    const answer = await fetch("/api/recorded").catch(() => null);
    this.#recorded = new Set(answer?.ok ? await answer.json() : []); // a server without figures does not tell
  }

  #set(change) {
    Object.assign(this.#state, change);
    kept.set("wall", this.#state);
    this.#show();
  }

  #show() {
    const [size, all] = [this.#size(), this.#ordered()];
    const pages = Math.max(1, Math.ceil(all.length / size));
    this.#state.page = Math.min(this.#state.page, pages - 1);
    const names = all.slice(this.#state.page * size, (this.#state.page + 1) * size);
    const before = new Map(this.#tiles.map((tile) => [tile.camera, tile]));
    this.#tiles = names.map((name) => before.get(name) ?? this.#tile(name));
    for (const tile of before.values()) if (!this.#tiles.includes(tile)) tile.stop();
    this.#tiles.forEach(({ figure }, index) => { // one that stays where it is goes on playing
      if (this.grid.children[index] !== figure) this.grid.insertBefore(figure, this.grid.children[index] ?? null);
    });
    while (this.grid.children.length > this.#tiles.length) this.grid.lastChild.remove();
    this.#tiles.forEach((tile) => { tile.update(this.#cameras.get(tile.camera)); tile.settle(); });
    this.nothing.hidden = this.#cameras.size > 0;
    this.list.shown = names;
    this.pages.hidden = pages < 2;
    this.pages.children[1].textContent = `${this.#state.page + 1} / ${pages}`;
    for (const button of this.grids.children) {
      button.setAttribute("aria-pressed", String(Number(button.dataset.grid) === size));
    }
    this.#arrange();
  }

  #tile(name) {
    const tile = new Tile(name, kept.get("wall.zones", false));
    const { figure } = tile;
    figure.addEventListener("dragstart", (drag) => drag.dataTransfer.setData(DATA, name));
    figure.addEventListener("dragover", (drag) => {
      if (drag.dataTransfer.types.includes(DATA)) { drag.preventDefault(); figure.classList.add("target"); }
    });
    figure.addEventListener("dragleave", () => figure.classList.remove("target"));
    figure.addEventListener("drop", (drag) => {
      drag.preventDefault();
      figure.classList.remove("target");
      this.#place(drag.dataTransfer.getData(DATA), this.#tiles.findIndex((each) => each.camera === name));
    });
    return tile;
  }

  // The camera takes that place on this page, and what was there takes its old one.
  #place(name, index) {
    if (!this.#cameras.has(name)) return;
    const order = this.#ordered();
    const to = this.#state.page * this.#size() + Math.max(0, index);
    const from = order.indexOf(name);
    [order[from], order[to]] = [order[to], order[from]];
    this.#set({ order: order.filter(Boolean) });
    this.#tiles.find((tile) => tile.camera === name)?.figure.focus();
  }

  #turn(step) {
    const pages = Math.max(1, Math.ceil(this.#cameras.size / this.#size()));
    this.#set({ page: (this.#state.page + step + pages) % pages });
  }

  // Rows and columns that make the pictures largest in the room there is.
  #arrange() {
    const count = Math.max(1, Math.min(this.#size(), Math.max(1, this.#tiles.length)));
    const { clientWidth: width, clientHeight: height } = this.grid.parentElement;
    if (!width || !height) return;
    if (matchMedia("(max-width: 48rem)").matches) {
      this.grid.style.gridTemplate = `auto / repeat(${this.#size() > 4 ? 2 : 1}, minmax(0, 1fr))`;
      return;
    }
    let best = { columns: 1, area: 0 };
    for (let columns = 1; columns <= count; columns += 1) {
      const rows = Math.ceil(count / columns);
      const tile = Math.min(width / columns, ((height / rows) * 16) / 9);
      if (tile > best.area) best = { columns, rows, area: tile };
    }
    this.grid.style.gridTemplate = `repeat(${best.rows}, minmax(0, 1fr)) / repeat(${best.columns}, minmax(0, 1fr))`;
  }

  // ---- tools

  #focused() {
    return this.#tiles.findIndex((tile) => tile.figure.contains(document.activeElement));
  }

  #toggle(which) {
    const part = which === "list" ? this.list : this.strip;
    part.hidden = !part.hidden;
    kept.set(`wall.${which}`, !part.hidden);
    this.#marks();
    if (which === "list" && !part.hidden) this.list.focusSearch();
  }

  #toggleZones() {
    kept.set("wall.zones", !kept.get("wall.zones", false));
    for (const tile of this.#tiles) tile.hasZones = kept.get("wall.zones", false);
    this.#marks();
  }

  #marks() {
    this.zonesButton.setAttribute("aria-pressed", String(kept.get("wall.zones", false)));
    this.listButton.setAttribute("aria-pressed", String(!this.list.hidden));
    this.stripButton.setAttribute("aria-pressed", String(!this.strip.hidden));
  }

  #fullScreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.requestFullscreen();
  }

  #press(press) {
    if (isTyping(press.target) || press.ctrlKey || press.metaKey || press.altKey || document.querySelector("dialog[open]")) return;
    const columns = getComputedStyle(this.grid).gridTemplateColumns.split(" ").length;
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[press.key];
    const at = this.#focused();
    if (step && at >= 0) {
      press.preventDefault();
      const to = at + step;
      if (press.shiftKey && to >= 0 && to < this.#tiles.length) this.#place(this.#tiles[at].camera, to);
      else this.#tiles[to]?.figure.focus();
    } else if (press.key === "Enter" && at >= 0 && press.target === this.#tiles[at].figure) {
      location.assign(cameraPage(this.#tiles[at].camera));
    } else if (press.key === "f") this.#fullScreen();
    else if (press.key === "l") { press.preventDefault(); this.#toggle("list"); }
    else if (press.key === "e") this.#toggle("strip");
    else if (press.key === "z") this.#toggleZones();
    else if (press.key === "PageDown" || press.key === "n") this.#turn(1);
    else if (press.key === "PageUp" || press.key === "p") this.#turn(-1);
    else if (/^[1-6]$/.test(press.key)) this.#set({ grid: GRIDS[press.key - 1], page: 0 });
  }

  #add(event) {
    const isNew = Date.now() / 1000 - event.end.wall_time_s < NEW_FOR_S;
    this.events.prepend(eventRow(event, { isNew }));
    if (this.events.children.length > MAX_EVENTS) this.events.lastChild.remove();
    this.noEvents.hidden = true;
    if (isNew) this.#tiles.find((tile) => tile.camera === event.camera)?.happened(event);
  }
}

customElements.define("wp-wall", Wall);
