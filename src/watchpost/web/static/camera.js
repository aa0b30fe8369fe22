// <wp-camera camera="NAME">: one camera, now and in the past, on one line of time; its zones; its model tried live.
import "./player.js";
import "./timeline.js";
import { EventsPanel } from "./camera_events.js";
import { ExplainPanel } from "./explain.js";
import { Playback } from "./playback.js";
import { TryPanel } from "./try_model.js";
import { ZonePanel } from "./zone_panel.js";
import { ask, cameraApi, element, icon, iconButton, isTyping, kept, reader } from "./dom.js";
import { subscribe } from "./news.js";
import { fullMoment, number, text } from "./texts.js";
import { delayOf, detailOf, playerOf, stateMark, stateOf } from "./words.js";

const SPEEDS = [0.5, 1, 2, 4, 8];
const LOAD_MS = 300;
const RELOAD_MS = 10_000;
const WAKE_S = 60;

class CameraPage extends HTMLElement {
  #status = null;
  #isLive = true;
  #gone = null;
  #events = [];
  #marked = null;
  #loading = 0;

  connectedCallback() {
    this.camera = this.getAttribute("camera");
    this.canOperate = reader().role !== "viewer";
    this.canSet = reader().role === "admin" && this.getAttribute("settable") === "yes"; // a demo has no file to write
    this.#gone = new AbortController();
    const { signal } = this.#gone;
    this.#build();
    subscribe({
      status: (cameras) => this.#update(cameras.find((camera) => camera.name === this.camera)),
      event: (event) => event.camera === this.camera && this.#happened(event),
    }, signal);
    document.addEventListener("keydown", (press) => this.#press(press), { signal });
    document.addEventListener("visibilitychange", () => this.#settle(), { signal });
    addEventListener("pagehide", () => this.#stream(false), { signal });
    const reload = setInterval(() => !document.hidden && this.#load(), RELOAD_MS);
    signal.addEventListener("abort", () => clearInterval(reload));
    this.#load();
    const at = Number(new URLSearchParams(location.search).get("at"));
    if (at > 0) this.#goTo(at);
    else this.#goLive();
  }

  disconnectedCallback() {
    this.#gone.abort();
    this.playback.stop();
  }

  #build() {
    this.video = element("video", { muted: true, playsinline: true, preload: "auto", hidden: true, "aria-label": text("camera.past") });
    this.video.muted = true;
    this.screen = element("div", { class: "screen" }, this.video);
    this.veil = element("div", { class: "veil", hidden: true });
    this.waiting = element("div", { class: "waiting", hidden: true }, icon("hourglass_empty"));
    this.screen.append(this.veil, this.waiting);
    this.status = element("div", { class: "wp-bar status", "aria-live": "off" });
    this.playback = new Playback(this.camera, this.video);
    this.playback.addEventListener("time", () => this.#showTime());
    this.playback.addEventListener("wait", (message) => { this.waiting.hidden = !message.detail; });
    this.playback.addEventListener("end", () => { this.#goLive(); this.clock.textContent = text("camera.no_film"); });
    this.playback.addEventListener("fail", () => { this.#goLive(); this.clock.textContent = text("camera.unplayable"); });
    for (const kind of ["play", "pause"]) this.video.addEventListener(kind, () => this.#showTime());
    this.line = element("wp-timeline");
    this.line.addEventListener("seek", (message) => this.#goTo(message.detail));
    this.line.addEventListener("live", () => this.#goLive());
    this.line.addEventListener("view", () => { clearTimeout(this.#loading); this.#loading = setTimeout(() => this.#load(), LOAD_MS); });
    const stage = element("div", { class: "stage" },
      element("div", { class: "wp-panel view" }, this.status, element("div", { class: "frame" }, this.screen)),
      element("div", { class: "wp-panel past" }, this.#transport(), this.line));
    this.replaceChildren(stage, this.#side());
  }

  // ---- tools

  #transport() {
    const marked = (name, label, key, work) => iconButton(name, label, work, { "aria-keyshortcuts": key });
    this.playButton = marked("play_arrow", text("camera.play"), "k", () => this.#toggle());
    this.liveButton = element("button", { type: "button", class: "wp-button live", "aria-pressed": "true", "aria-keyshortcuts": "End", onclick: () => this.#goLive() },
      icon("sensors"), text("time.live"));
    this.clock = element("output", { class: "at" });
    this.speeds = element("select", { class: "wp-field", "aria-label": text("camera.speed"), title: text("camera.speed"),
      onchange: () => { this.playback.speed = Number(this.speeds.value); } },
    ...SPEEDS.map((speed) => element("option", { value: speed, selected: speed === 1 }, `${number(speed, speed % 1 ? 1 : 0)}×`)));
    this.download = element("a", { class: "wp-button", hidden: true, download: "" }, icon("download"), text("camera.download"));
    this.chosen = element("span", { class: "wp-note" });
    return element("div", { class: "wp-bar tools", role: "toolbar", "aria-label": text("camera.transport") },
      this.liveButton,
      iconButton("replay_10", text("camera.back"), () => this.#jump(-10)),
      marked("navigate_before", text("camera.frame_back"), ",", () => this.#step(-1)),
      this.playButton,
      marked("navigate_next", text("camera.frame_on"), ".", () => this.#step(1)),
      iconButton("forward_10", text("camera.on"), () => this.#jump(10)),
      this.speeds, this.clock, element("span", { class: "push" }),
      marked("first_page", text("camera.mark_in"), "i", () => this.#mark("since")),
      marked("last_page", text("camera.mark_out"), "o", () => this.#mark("until")),
      this.chosen, this.download,
      marked("zoom_in", text("time.zoom_in"), "+", () => this.line.zoom(0.5)),
      marked("zoom_out", text("time.zoom_out"), "-", () => this.line.zoom(2)));
  }

  #side() {
    const parts = [["now", "monitor_heart", new ExplainPanel(this.camera, JSON.parse(this.getAttribute("reasons")))], ["events", "notifications", new EventsPanel((event) => this.#goTo(event.start.wall_time_s - 2))]];
    if (this.canSet) parts.push(["zones", "polyline", new ZonePanel(this.camera, this.screen)]);
    if (this.canOperate) parts.push(["model", "model_training", new TryPanel(this.camera, this.screen, this.canSet)]);
    this.panels = Object.fromEntries(parts.map(([name, , panel]) => [name, panel]));
    this.tabs = element("div", { class: "tabs", role: "tablist", "aria-label": text("camera.parts") },
      ...parts.map(([name, glyph]) => element("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": `panel-${name}`, "data-tab": name, onclick: () => this.#choose(name) },
        icon(glyph), text(`camera.tab_${name}`))));
    this.tabs.addEventListener("keydown", (press) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[press.key];
      if (!step) return;
      press.preventDefault();
      press.stopPropagation();
      const all = [...this.tabs.children];
      const next = all[(all.indexOf(document.activeElement) + step + all.length) % all.length];
      next.focus();
      this.#choose(next.dataset.tab);
    });
    for (const [name, , panel] of parts) {
      panel.id = `panel-${name}`;
      panel.setAttribute("role", "tabpanel");
      panel.setAttribute("aria-labelledby", `tab-${name}`);
      panel.classList.add("part");
    }
    const side = element("aside", { class: "wp-panel side" }, this.tabs, ...parts.map(([, , panel]) => panel));
    const wished = location.hash.slice(1);
    this.#choose(wished in this.panels ? wished : "now");
    return side;
  }

  #choose(name) {
    for (const [each, panel] of Object.entries(this.panels)) {
      panel.hidden = each !== name;
      panel.isShown = each === name;
    }
    this.screen.querySelector("wp-player")?.setAttribute("zones", this.#hasZones ? "on" : "off");
    for (const tab of this.tabs.children) {
      tab.setAttribute("aria-selected", String(tab.dataset.tab === name));
      tab.tabIndex = tab.dataset.tab === name ? 0 : -1;
    }
    history.replaceState(null, "", `${location.pathname}${location.search}${name === "now" ? "" : `#${name}`}`);
  }

  // ---- how it is

  #update(camera) {
    this.#status = camera ?? null;
    if (!camera) {
      this.status.replaceChildren(element("span", { class: "wp-error" }, text("camera.unknown")));
      return;
    }
    if (camera.width) {
      this.screen.style.aspectRatio = `${camera.width} / ${camera.height}`;
      this.screen.style.setProperty("--ratio", camera.width / camera.height);
    }
    const player = this.screen.querySelector("wp-player");
    const delay_ms = delayOf(player, camera);
    const parts = [stateMark(camera)];
    if (camera.state === "live") {
      parts.push(element("span", {}, text("status.fps", { fps: number(camera.fps, 1) })));
      if (delay_ms !== null) parts.push(element("span", {}, text("wall.ms", { ms: number(delay_ms) })));
      parts.push(element("span", {}, text("status.objects", { count: camera.detections })));
    }
    if (camera.width) parts.push(element("span", {}, `${camera.width}×${camera.height}`));
    if (camera.dropped) parts.push(element("span", {}, text("status.dropped", { count: camera.dropped })));
    if (detailOf(camera)) parts.push(element("span", { class: "wp-error" }, detailOf(camera)));
    const words = element("div", { class: "figures" }, ...parts);
    if (!this.firstStatus) {
      this.firstStatus = true;
      this.wakeButton = element("button", { type: "button", class: "wp-button", onclick: () => this.#wake() }, icon("wb_sunny"), text("wake.button"));
      this.soundButton = iconButton("volume_off", text("camera.listen"), () => this.#listen(), { "aria-keyshortcuts": "m" });
      this.zonesButton = iconButton("polyline", text("wall.zones"), () => this.#toggleZones(), { "aria-keyshortcuts": "z" });
      this.status.replaceChildren(words, element("span", { class: "push" }), this.wakeButton, this.soundButton, this.zonesButton,
        iconButton("fullscreen", text("wall.full"), () => this.#fullScreen(), { "aria-keyshortcuts": "f" }));
    } else this.status.firstChild.replaceWith(words);
    this.wakeButton.hidden = !this.canOperate || camera.gate !== "asleep" || camera.state !== "live";
    const state = stateOf(camera);
    const isSeen = state === "blind" && player?.state?.state === "playing"; // dark or frozen, it is looked at all the same
    this.veil.hidden = !this.#isLive || isSeen || ["live", "asleep", "heavy"].includes(state);
    this.veil.replaceChildren(stateMark(camera), element("small", {}, detailOf(camera)));
    this.#marks(player);
  }

  // ---- what is drawn and heard with the live picture

  #marks(player) {
    const sound = player?.state?.sound ?? "";
    const isHeard = Boolean(player?.isHeard);
    const label = sound && !player.hasSound ? text("camera.no_sound", { codec: sound }) : text(isHeard ? "camera.mute" : "camera.listen");
    this.soundButton.hidden = !sound;
    this.soundButton.disabled = !player?.hasSound;
    this.soundButton.title = label;
    this.soundButton.setAttribute("aria-label", label);
    this.soundButton.setAttribute("aria-pressed", String(isHeard));
    this.soundButton.firstChild.textContent = isHeard ? "volume_up" : "volume_off";
    this.zonesButton.hidden = !this.#isLive || this.panels.zones?.hidden === false;
    this.zonesButton.setAttribute("aria-pressed", String(kept.get("camera.zones", true)));
  }

  #listen() {
    const player = this.screen.querySelector("wp-player");
    if (player?.hasSound) player.isHeard = !player.isHeard;
    this.#marks(player);
  }

  #toggleZones() {
    kept.set("camera.zones", !kept.get("camera.zones", true));
    const player = this.screen.querySelector("wp-player");
    player?.setAttribute("zones", this.#hasZones ? "on" : "off");
    this.#marks(player);
  }

  // Who draws them sees the editor's instead.
  get #hasZones() {
    return kept.get("camera.zones", true) && this.panels?.zones?.hidden !== false;
  }

  async #wake() {
    this.wakeButton.disabled = true;
    await ask(`${cameraApi(this.camera, "wake")}?seconds=${WAKE_S}`, { method: "POST" }).catch(() => null);
    this.wakeButton.disabled = false;
  }

  #fullScreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.screen.parentElement.requestFullscreen();
  }

  // ---- now and then

  #stream(isWanted) {
    const player = this.screen.querySelector("wp-player");
    if (isWanted && !player) this.screen.prepend(this.#player());
    else if (!isWanted) player?.remove();
  }

  #player() {
    const player = playerOf(this.camera, { fit: "fill", hasZones: this.#hasZones });
    player.addEventListener("state", () => this.firstStatus && this.#marks(player));
    return player;
  }

  #settle() {
    this.#stream(this.#isLive && !document.hidden);
  }

  #goLive() {
    this.#isLive = true;
    this.playback.stop();
    this.video.hidden = true;
    this.waiting.hidden = true;
    this.#settle();
    this.line.at = null;
    this.#showTime();
  }

  async #goTo(at) {
    this.#isLive = false;
    this.video.hidden = false;
    this.veil.hidden = true;
    this.#settle();
    this.line.at = at;
    try {
      await this.playback.seek(at, true);
    } catch (error) {
      this.clock.textContent = error.message;
    }
    this.#showTime();
  }

  #toggle() {
    if (this.#isLive) this.#goTo(Date.now() / 1000 - 10);
    else this.playback.toggle();
  }

  #jump(seconds) {
    this.#goTo((this.#isLive ? Date.now() / 1000 : this.playback.at ?? Date.now() / 1000) + seconds);
  }

  async #step(direction) {
    if (this.#isLive) await this.#goTo(Date.now() / 1000 - 5);
    this.playback.step(direction);
  }

  #showTime() {
    const at = this.#isLive ? null : this.playback.at;
    this.liveButton.setAttribute("aria-pressed", String(this.#isLive));
    this.clock.textContent = this.#isLive ? text("time.live") : at === null ? "" : fullMoment(at);
    const isMoving = !this.#isLive && !this.video.paused;
    this.playButton.firstChild.textContent = isMoving ? "pause" : "play_arrow";
    const label = text(isMoving ? "camera.pause" : "camera.play");
    this.playButton.title = label;
    this.playButton.setAttribute("aria-label", label);
    if (at !== null) this.line.at = at;
  }

  #mark(end) {
    const at = this.playback.at ?? Date.now() / 1000;
    const other = this.#marked ?? { since: at - 30, until: at };
    const span = { ...other, [end]: at };
    if (span.until <= span.since) span[end === "since" ? "until" : "since"] = end === "since" ? at + 30 : at - 30;
    this.#marked = span;
    this.line.marked = span;
    this.download.hidden = false;
    this.download.href = `${cameraApi(this.camera, "recording.mp4")}?since=${span.since.toFixed(3)}&until=${span.until.toFixed(3)}`;
    const stamp = new Date(span.since * 1000).toISOString().slice(0, 19).replaceAll(":", "-");
    this.download.download = `${this.camera.replaceAll("/", "_")}_${stamp}Z.mp4`;
    this.chosen.textContent = text("camera.marked", { seconds: number(span.until - span.since, 1) });
  }

  #press(press) {
    if (isTyping(press.target) || press.ctrlKey || press.metaKey || press.altKey || document.querySelector("dialog[open]")) return;
    const work = {
      k: () => this.#toggle(), ",": () => this.#step(-1), ".": () => this.#step(1), i: () => this.#mark("since"),
      o: () => this.#mark("until"), f: () => this.#fullScreen(), j: () => this.#jump(-10), l: () => this.#jump(10),
      End: () => this.#goLive(), "+": () => this.line.zoom(0.5), "-": () => this.line.zoom(2),
      m: () => this.#listen(), z: () => this.zonesButton?.hidden === false && this.#toggleZones(),
      w: () => this.wakeButton?.hidden === false && this.#wake(),
    }[press.key];
    if (!work) return;
    press.preventDefault();
    work();
  }

  // ---- what is known of the past

  async #load() {
    const { since, until } = this.line.view;
    const query = `since=${Math.max(0, since).toFixed(1)}&until=${until.toFixed(1)}`;
    const [spans, events] = await Promise.allSettled([
      ask(`${cameraApi(this.camera, "recordings")}?${query}`), ask(`${cameraApi(this.camera, "events")}?${query}`)]);
    if (spans.status === "fulfilled") this.line.spans = spans.value.spans;
    if (events.status === "fulfilled") this.#show(events.value);
  }

  #show(events) {
    this.#events = events;
    this.line.events = events.map((event) => ({ id: event.id, start: event.start.wall_time_s, end: event.end.wall_time_s, event }));
    this.panels.events.events = events;
  }

  #happened(event) {
    if (this.#events.some((each) => each.id === event.id)) return;
    const { since, until } = this.line.view;
    if (event.end.wall_time_s >= since && event.start.wall_time_s <= until) this.#show([...this.#events, event]);
  }
}

customElements.define("wp-camera", CameraPage);
