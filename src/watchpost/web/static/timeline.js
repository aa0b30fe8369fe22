// <wp-timeline>: what was recorded of a camera, what is missing, and what happened, on one line of time.
//
// Wheel or pinch zooms, dragging moves, a click goes there. With the keyboard: arrows go 5 s (with Shift a minute),
// + and - zoom, Home the oldest recording, End is live. Fires `seek` (detail: seconds since 1970), `live`, and `view`
// (detail: {since, until}) when other times have come into view.
import { fullMoment, language, moment, text } from "./texts.js";
import { whatHappened } from "./words.js";

const LEAST_S = 20;
const MOST_S = 31 * 86_400;
const STEPS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400, 172_800, 604_800];
const LABEL_PX = 84;
const TRACK = { top: 30, height: 18 };
const MARK = { top: 12, height: 14 };
const LIVE_WITHIN_S = 3;

export class Timeline extends HTMLElement {
  #since = Date.now() / 1000 - 3600;
  #until = Date.now() / 1000 + 60;
  #spans = [];
  #events = [];
  #at = null; // where the film is; null: live
  #marked = null; // the chosen span
  #hover = null;
  #pointers = new Map();
  #moved = 0;
  #gone = null;
  #frame = 0;
  #told = "";
  #follows = true;

  connectedCallback() {
    this.#gone = new AbortController();
    const { signal } = this.#gone;
    this.canvas = document.createElement("canvas");
    this.tip = document.createElement("output");
    this.replaceChildren(this.canvas, this.tip);
    this.tabIndex = 0;
    this.setAttribute("role", "slider");
    this.setAttribute("aria-label", text("time.line"));
    new ResizeObserver(() => this.#draw()).observe(this);
    this.addEventListener("wheel", (wheel) => this.#wheel(wheel), { passive: false, signal });
    this.addEventListener("pointerdown", (pointer) => this.#down(pointer), { signal });
    this.addEventListener("pointermove", (pointer) => this.#move(pointer), { signal });
    for (const kind of ["pointerup", "pointercancel"]) this.addEventListener(kind, (pointer) => this.#up(pointer), { signal });
    this.addEventListener("pointerleave", () => { this.#hover = null; this.#draw(); }, { signal });
    this.addEventListener("keydown", (press) => this.#press(press), { signal });
    addEventListener("watchpost:theme", () => this.#draw(), { signal });
    const clock = setInterval(() => this.#tick(), 1000);
    signal.addEventListener("abort", () => clearInterval(clock));
    this.#tick();
  }

  disconnectedCallback() {
    this.#gone.abort();
  }

  get view() {
    return { since: this.#since, until: this.#until };
  }

  // Stretches of recording: [{start, end}], seconds since 1970, in order.
  set spans(spans) {
    this.#spans = spans;
    this.#draw();
  }

  // [{id, start, end, event}]
  set events(events) {
    this.#events = events;
    this.#draw();
  }

  set at(seconds) {
    this.#at = seconds;
    if (seconds !== null && !this.#pointers.size && this.#follows) this.#keepInView(seconds);
    this.#draw();
  }

  // The chosen span, {since, until}, or null.
  set marked(span) {
    this.#marked = span;
    this.#draw();
  }

  // Show this moment in the middle of `width_s` seconds.
  show(seconds, width_s = this.#until - this.#since) {
    this.#set(seconds - width_s / 2, seconds + width_s / 2);
  }

  zoom(factor, seconds = this.#at ?? this.#now()) {
    const width = this.#until - this.#since;
    const wanted = Math.min(MOST_S, Math.max(LEAST_S, width * factor));
    const share = Math.min(1, Math.max(0, (seconds - this.#since) / width));
    this.#set(seconds - share * wanted, seconds + (1 - share) * wanted);
  }

  #now() {
    return Date.now() / 1000;
  }

  #set(since, until) {
    const most = this.#now() + (until - since) * 0.1;
    const back = Math.max(0, until - most);
    this.#since = since - back;
    this.#until = until - back;
    this.#draw();
    const key = `${Math.round(this.#since)} ${Math.round(this.#until)}`;
    if (key === this.#told) return;
    this.#told = key;
    this.dispatchEvent(new CustomEvent("view", { detail: this.view }));
  }

  #keepInView(seconds) {
    const width = this.#until - this.#since;
    if (seconds < this.#since || seconds > this.#until - width * 0.05) this.show(seconds + width * 0.3);
  }

  #tick() {
    if (this.#at === null && this.#follows && !this.#pointers.size) {
      const width = this.#until - this.#since;
      this.#set(this.#now() - width * 0.95, this.#now() + width * 0.05);
    }
    this.#draw();
  }

  #x(seconds) {
    return ((seconds - this.#since) / (this.#until - this.#since)) * this.clientWidth;
  }

  #time(x) {
    return this.#since + (x / this.clientWidth) * (this.#until - this.#since);
  }

  // ---- hands

  #wheel(wheel) {
    wheel.preventDefault();
    const width = this.#until - this.#since;
    if (Math.abs(wheel.deltaX) > Math.abs(wheel.deltaY) || wheel.shiftKey) {
      this.#follows = false;
      const step = ((wheel.deltaX || wheel.deltaY) / this.clientWidth) * width;
      this.#set(this.#since + step, this.#until + step);
    } else {
      this.zoom(1.0018 ** wheel.deltaY, this.#time(wheel.offsetX));
    }
  }

  #down(pointer) {
    this.setPointerCapture(pointer.pointerId);
    this.#pointers.set(pointer.pointerId, pointer.offsetX);
    this.#moved = 0;
  }

  #move(pointer) {
    this.#hover = pointer.offsetX;
    const before = this.#pointers.get(pointer.pointerId);
    if (before === undefined) { this.#draw(); return; }
    const others = [...this.#pointers.entries()].filter(([id]) => id !== pointer.pointerId).map(([, x]) => x);
    this.#pointers.set(pointer.pointerId, pointer.offsetX);
    this.#moved += Math.abs(pointer.offsetX - before);
    if (others.length) {
      const factor = Math.abs(before - others[0]) / Math.max(8, Math.abs(pointer.offsetX - others[0]));
      this.zoom(factor, this.#time((pointer.offsetX + others[0]) / 2));
    } else if (this.#moved > 4) {
      this.#follows = false;
      const step = ((before - pointer.offsetX) / this.clientWidth) * (this.#until - this.#since);
      this.#set(this.#since + step, this.#until + step);
    }
  }

  #up(pointer) {
    const had = this.#pointers.delete(pointer.pointerId);
    if (had && pointer.type === "pointerup" && this.#moved <= 4 && !this.#pointers.size) this.#go(this.#time(pointer.offsetX));
  }

  #go(seconds) {
    this.#follows = true;
    const isLive = seconds > this.#now() - LIVE_WITHIN_S;
    this.dispatchEvent(isLive ? new CustomEvent("live") : new CustomEvent("seek", { detail: seconds }));
  }

  #press(press) {
    const step = { ArrowLeft: -5, ArrowRight: 5 }[press.key];
    if (step) this.#go((this.#at ?? this.#now()) + step * (press.shiftKey ? 12 : 1));
    else if (press.key === "+" || press.key === "=") this.zoom(0.5);
    else if (press.key === "-") this.zoom(2);
    else if (press.key === "Home" && this.#spans.length) this.#go(this.#spans[0].start);
    else if (press.key === "End") this.dispatchEvent(new CustomEvent("live"));
    else return;
    press.preventDefault();
    press.stopPropagation();
  }

  // ---- the picture

  #draw() {
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame(() => this.#paint());
  }

  #paint() {
    const [width, height, scale] = [this.clientWidth, this.clientHeight, devicePixelRatio || 1];
    if (!width) return;
    if (this.canvas.width !== Math.round(width * scale) || this.canvas.height !== Math.round(height * scale)) {
      this.canvas.width = Math.round(width * scale);
      this.canvas.height = Math.round(height * scale);
    }
    const style = getComputedStyle(this);
    const colour = (name) => style.getPropertyValue(`--${name}`).trim();
    const c = this.canvas.getContext("2d");
    c.setTransform(scale, 0, 0, scale, 0, 0);
    c.clearRect(0, 0, width, height);
    c.font = `500 11px ${style.fontFamily}`;
    this.#paintTrack(c, width, colour);
    this.#paintTicks(c, width, height, colour);
    this.#paintEvents(c, width, colour);
    this.#paintHands(c, width, height, colour);
    this.#tell();
  }

  #paintTrack(c, width, colour) {
    const { top, height } = TRACK;
    const now = Math.min(width, this.#x(this.#now()));
    c.fillStyle = colour("raised");
    c.fillRect(0, top, Math.max(0, now), height);
    c.fillStyle = colour("accent");
    c.globalAlpha = 0.55;
    for (const { start, end } of this.#spans) {
      const [left, right] = [Math.max(0, this.#x(start)), Math.min(width, this.#x(end))];
      if (right >= 0 && left <= width) c.fillRect(left, top, Math.max(1, right - left), height);
    }
    c.globalAlpha = 1;
    if (this.#marked) {
      const [left, right] = [this.#x(this.#marked.since), this.#x(this.#marked.until)];
      c.fillStyle = colour("text");
      c.globalAlpha = 0.16;
      c.fillRect(left, 0, right - left, TRACK.top + height + 6);
      c.globalAlpha = 1;
      c.fillRect(left - 1, 6, 2, TRACK.top + height);
      c.fillRect(right - 1, 6, 2, TRACK.top + height);
    }
  }

  #paintTicks(c, width, height, colour) {
    const perPixel = (this.#until - this.#since) / width;
    const step = STEPS_S.find((each) => each / perPixel >= LABEL_PX) ?? STEPS_S.at(-1);
    const zone = new Date(this.#since * 1000).getTimezoneOffset() * 60;
    c.textAlign = "center";
    for (let at = Math.ceil((this.#since - zone) / step) * step + zone; at <= this.#until; at += step) {
      const x = Math.round(this.#x(at)) + 0.5;
      c.fillStyle = colour("line");
      c.fillRect(x, TRACK.top, 1, TRACK.height + 5);
      c.fillStyle = colour("soft");
      c.fillText(tickText(at, step), x, TRACK.top + TRACK.height + 18);
    }
  }

  #paintEvents(c, width, colour) {
    c.fillStyle = colour("wait");
    for (const { start, end } of this.#events) {
      const [left, right] = [this.#x(start), this.#x(end)];
      if (right < 0 || left > width) continue;
      c.globalAlpha = 0.3;
      c.fillRect(left, MARK.top, Math.max(2, right - left), MARK.height);
      c.globalAlpha = 1;
      c.fillRect(left - 1, MARK.top, 2.5, MARK.height);
    }
  }

  #paintHands(c, width, height, colour) {
    const hand = (x, name, top) => {
      c.fillStyle = colour(name);
      c.fillRect(x - 1, top, 2, height - top - 16);
      c.beginPath();
      c.moveTo(x - 6, top);
      c.lineTo(x + 6, top);
      c.lineTo(x, top + 8);
      c.fill();
    };
    if (this.#hover !== null) {
      c.fillStyle = colour("soft");
      c.fillRect(this.#hover, 4, 1, height - 20);
    }
    hand(this.#x(this.#at ?? this.#now()), this.#at === null ? "live" : "text", 2);
  }

  #tell() {
    const at = this.#at ?? this.#now();
    this.setAttribute("aria-valuenow", String(Math.round(at)));
    this.setAttribute("aria-valuemin", String(Math.round(this.#since)));
    this.setAttribute("aria-valuemax", String(Math.round(this.#until)));
    this.setAttribute("aria-valuetext", this.#at === null ? text("time.live") : fullMoment(at));
    this.tip.hidden = this.#hover === null;
    if (this.#hover === null) return;
    const seconds = this.#time(this.#hover);
    const reach = ((this.#until - this.#since) / this.clientWidth) * 5;
    const near = this.#events.find((each) => seconds >= each.start - reach && seconds <= each.end + reach);
    const isRecorded = this.#spans.some((each) => seconds >= each.start && seconds <= each.end);
    const more = near ? ` · ${whatHappened(near.event)}` : isRecorded || seconds > this.#now() ? "" : ` · ${text("time.gap")}`;
    this.tip.textContent = moment(seconds) + more;
    this.tip.style.left = `${Math.min(this.clientWidth - this.tip.offsetWidth, Math.max(0, this.#hover - this.tip.offsetWidth / 2))}px`;
  }
}

function tickText(at, step) {
  const day = new Date(at * 1000);
  const isMidnight = day.getHours() === 0 && day.getMinutes() === 0 && day.getSeconds() === 0;
  if (step >= 86_400 || (isMidnight && step >= 60)) return day.toLocaleDateString(language, { month: "short", day: "numeric" });
  const shown = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", ...(step < 60 && { second: "2-digit" }) };
  return day.toLocaleTimeString(language, shown);
}

customElements.define("wp-timeline", Timeline);
