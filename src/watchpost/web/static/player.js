// <wp-player camera="gate" fit="contain">: a camera's live picture with its boxes. docs/live-video.md tells the protocol.
//
// It plays while it is in the page, unless it has the attribute `stopped`; `start()` and `stop()` say otherwise. In a
// hidden tab it asks for nothing. Events, both with a `detail`:
//   state  {state, mode, camera, detail, sound, isHeard}  state: stopped, connecting, playing, waiting, failed; mode: mp4,
//          mjpeg, null; camera: the server's words on the camera (fps, delay_s, gate ...), about once a second; sound: the
//          codec of the camera's sound, "" without; isHeard: whether it is played
//   frame  {mediaTime, cameraTime, objects}  a picture is shown; in `mjpeg` mode there are none
// `names` (class -> word) puts the labels into the reader's language; `boxes="off"` draws none; `zones="on"` draws the
// camera's zones and lines. There is no sound until `isHeard` is set, after a click: the sound is not even sent before.
import { LiveMedia, canPlay, hasMediaSource } from "./player_media.js";
import { BoxTimeline, draw, placed } from "./player_boxes.js";
import { drawShapes, shapesOf } from "./player_shapes.js";

const LOOK_MS = 250;
const SILENT_MS = 6000; // the server says something each second
const NO_HEADER_MS = 8000; // a key frame may be that far away
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 15_000;
const STEADY_MS = 10_000; // so long a connection held: the next failure is a first one again
const LEAST_DELAY_S = 0.12;
const MOST_DELAY_S = 0.55;
const STALL_S = 0.04; // what a stall adds to the delay
const LATENESSES = 24; // boxes from which it is seen how late they come
const RECENT_S = 5;
const BROKEN_BEFORE_FALLBACK = 3;
const PLAYABLE_SOUND = ["aac", "mp3", "opus"]; // in MP4, by browsers
const CODES = { 4404: "no-camera", 1008: "logged-out", 1013: "too-many" };

const style = new CSSStyleSheet();
style.replaceSync(`
  :host { display: block; position: relative; overflow: hidden; background: #000; aspect-ratio: 16 / 9; }
  :host([hidden]) { display: none; }
  video, img, canvas { position: absolute; inset: 0; width: 100%; height: 100%; }
  canvas { pointer-events: none; }
  [hidden] { display: none; }
`);

class Player extends HTMLElement {
  static observedAttributes = ["camera", "fit", "boxes", "zones"];

  /** Class name -> word for the labels. */
  names = {};

  #video = document.createElement("video");
  #image = document.createElement("img");
  #canvas = document.createElement("canvas");
  #boxes = new BoxTimeline();
  #media = null;
  #socket = null;
  #isWanted = true;
  #isOn = false; // wanted, in the page and seen
  #state = { state: "stopped", mode: null, camera: null, detail: "", sound: "", isHeard: false };
  #shapes = null; // zones and lines, once they are asked for
  #tracks = 0; // in the stream: pictures, and perhaps sound
  #zero = 0; // camera time at media time 0
  #latenesses = []; // {at, late}: how far the newest picture was ahead of boxes when these came
  #stalls = 0;
  #broken = 0;
  #failures = 0;
  #openedAt = 0;
  #heardAt = 0;
  #retry = 0;
  #look = 0;
  #shown = null; // media time of the picture that is shown
  #sizes = new ResizeObserver(() => this.#redraw());

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [style];
    this.#video.muted = true;
    this.#video.playsInline = true;
    this.#image.hidden = true;
    this.#image.alt = "";
    root.append(this.#video, this.#image, this.#canvas);
    this.#video.addEventListener("waiting", () => this.#noteStall());
    this.#video.addEventListener("error", () => this.#break(this.#video.error?.message ?? "the video can not be shown"));
    this.#image.addEventListener("error", () => this.#image.hasAttribute("src") && this.#again("the picture ended"));
  }

  get video() { return this.#video; }
  get canvas() { return this.#canvas; }
  get state() { return this.#state; }
  /** Whether this browser could play the camera's sound. */
  get hasSound() { return PLAYABLE_SOUND.includes(this.#state.sound) && this.#state.mode === "mp4"; }
  get isHeard() { return this.#state.isHeard; }
  set isHeard(isHeard) {
    if (isHeard === this.#state.isHeard) return;
    this.#tell({ isHeard });
    this.#video.muted = !isHeard;
    if (!this.#isOn) return;
    this.#leave(); // and comes again, with the sound or without
    this.#weigh();
  }
  /** Seconds that the picture is shown behind the newest one received; null before the first. */
  get delay() { return this.#media?.delay ?? null; }

  connectedCallback() {
    if (this.hasAttribute("stopped")) this.#isWanted = false;
    document.addEventListener("visibilitychange", this.#weigh);
    this.#sizes.observe(this);
    this.#fit();
    this.#weigh();
  }

  disconnectedCallback() {
    document.removeEventListener("visibilitychange", this.#weigh);
    this.#sizes.disconnect();
    this.#weigh();
  }

  attributeChangedCallback(name, before, now) {
    if (before === now) return;
    if (name !== "camera") {
      this.#fit();
      if (name === "zones") this.#askShapes();
      this.#redraw();
      return;
    }
    this.#leave();
    this.#boxes.clear();
    this.#broken = this.#failures = 0;
    this.#shapes = null;
    this.#tell({ sound: "", isHeard: false });
    this.#video.muted = true;
    this.#weigh();
  }

  start() {
    this.#isWanted = true;
    this.#weigh();
  }

  stop() {
    this.#isWanted = false;
    this.#weigh();
  }

  /** Begin or end, by what is wished and whether anybody can see it. */
  #weigh = () => {
    const isOn = this.#isWanted && this.isConnected && !document.hidden && Boolean(this.getAttribute("camera"));
    if (isOn && !this.#isOn) {
      this.#isOn = true;
      this.#enter();
    } else if (!isOn && this.#isOn) {
      this.#leave();
      this.#tell({ state: "stopped", mode: null, detail: "" });
    }
  };

  #enter() {
    this.#tell({ state: "connecting", detail: "" });
    this.#openedAt = this.#heardAt = performance.now();
    this.#look = setInterval(() => this.#tend(), LOOK_MS);
    if (!hasMediaSource || this.#broken >= BROKEN_BEFORE_FALLBACK) this.#showImages();
    else this.#connect();
  }

  #leave() {
    this.#isOn = false;
    clearInterval(this.#look);
    clearTimeout(this.#retry);
    this.#hangUp();
    this.#image.removeAttribute("src"); // ends the stream: nothing is drawn for a page nobody sees
    this.#image.hidden = true;
    this.#video.hidden = false;
    this.#media?.close();
    this.#media = null;
    this.#latenesses.length = 0;
    this.#shown = null;
    this.#redraw();
  }

  #hangUp() {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  #connect() {
    const address = new URL(`/api/live/${encodeURIComponent(this.getAttribute("camera"))}`, location.href);
    address.protocol = address.protocol.replace("http", "ws");
    if (this.#state.isHeard) address.searchParams.set("sound", "true");
    const socket = new WebSocket(address);
    socket.binaryType = "arraybuffer";
    socket.addEventListener("message", ({ data }) => {
      if (socket !== this.#socket) return;
      this.#heardAt = performance.now();
      if (typeof data === "string") this.#hear(JSON.parse(data));
      else this.#media?.push(data);
    });
    socket.addEventListener("close", ({ code }) => {
      if (socket === this.#socket) this.#again(CODES[code] ?? "", code === 1008);
    });
    this.#socket = socket;
  }

  #hear(message) {
    switch (message.kind) {
      case "header": this.#begin(message); break;
      case "boxes": this.#take(message); break;
      case "state": this.#tell({ camera: message }); break;
      case "unsupported": this.#fallBack(message.detail); break;
    }
  }

  #begin({ mime, camera_time_s: zero, sound }) {
    if (!canPlay(mime)) {
      if (mime.includes(",")) this.isHeard = false; // without the sound it may do
      else this.#fallBack(mime);
      return;
    }
    this.#tell({ sound });
    this.#askShapes(); // a camera that was set up anew begins anew
    const tracks = mime.split(",").length;
    if (this.#media !== null && tracks !== this.#tracks) { // a buffer keeps its number of tracks
      this.#media.close();
      this.#media = null;
    }
    this.#tracks = tracks;
    if (zero !== this.#zero) this.#boxes.clear();
    this.#zero = zero;
    if (this.#media === null) {
      this.#media = new LiveMedia(this.#video, (reason) => this.#break(reason));
      this.#watch();
    }
    this.#media.header(mime);
  }

  async #askShapes() {
    const camera = this.getAttribute("camera");
    if (this.getAttribute("zones") !== "on" || !camera || !this.isConnected) return;
    const found = await shapesOf(camera);
    if (camera !== this.getAttribute("camera")) return;
    this.#shapes = found;
    this.#redraw();
  }

  #take({ media_time_s: time, objects }) {
    this.#boxes.add(time, objects);
    const edge = this.#media?.edge ?? null;
    if (edge === null || objects.length === 0) return;
    this.#latenesses.push({ at: performance.now(), late: edge - time });
    if (this.#latenesses.length > LATENESSES) this.#latenesses.shift();
  }

  /** How far it wants to stay behind: so far that boxes were there before their picture of late, where that is not too long. */
  get wishedDelay() {
    const oldest = performance.now() - RECENT_S * 1000;
    const recent = this.#latenesses.filter(({ at }) => at > oldest).map(({ late }) => late).sort((a, b) => a - b);
    const boxes = recent.length ? recent.at(-1) + Math.min(this.#boxes.step ?? 0, 0.2) : 0;
    return Math.min(MOST_DELAY_S, Math.max(LEAST_DELAY_S + this.#stalls * STALL_S, boxes));
  }

  #tend() {
    this.#media?.follow(this.wishedDelay);
    const now = performance.now();
    if (now - this.#openedAt > STEADY_MS) this.#failures = 0;
    if (this.#socket !== null && now - this.#heardAt > SILENT_MS) this.#again("silent");
    // a camera that plays a file has no packets for viewers
    const hasPictures = this.#state.camera?.state === "live" && this.#state.camera.fps > 0;
    if (this.#media === null && this.#socket !== null && hasPictures && now - this.#openedAt > NO_HEADER_MS) {
      this.#fallBack("no packets");
    }
  }

  #noteStall() {
    if (this.#shown === null || this.#media === null) return;
    this.#stalls = Math.min(6, this.#stalls + 1);
    const isLive = this.#state.camera?.state === "live";
    this.#tell({ state: isLive ? "playing" : "waiting", detail: "" });
  }

  // ---- what is shown

  #watch() {
    const media = this.#media;
    const seen = (_now, { mediaTime }) => {
      if (media !== this.#media) return;
      this.#show(mediaTime);
      this.#video.requestVideoFrameCallback(seen);
    };
    const looked = () => {
      if (media !== this.#media) return;
      if (this.#video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) this.#show(this.#video.currentTime);
      requestAnimationFrame(looked);
    };
    if ("requestVideoFrameCallback" in this.#video) this.#video.requestVideoFrameCallback(seen);
    else requestAnimationFrame(looked);
  }

  #show(mediaTime) {
    if (mediaTime === this.#shown) return;
    this.#shown = mediaTime;
    this.#broken = 0;
    this.#tell({ state: "playing", mode: "mp4", detail: "" });
    const objects = this.#redraw();
    const detail = { mediaTime, cameraTime: mediaTime + this.#zero, objects };
    this.dispatchEvent(new CustomEvent("frame", { detail }));
  }

  #redraw() {
    const scale = devicePixelRatio || 1;
    const width = Math.round(this.clientWidth * scale);
    const height = Math.round(this.clientHeight * scale);
    if (this.#canvas.width !== width) this.#canvas.width = width;
    if (this.#canvas.height !== height) this.#canvas.height = height;
    const isDrawn = this.#shown !== null && this.getAttribute("boxes") !== "off";
    const objects = isDrawn ? this.#boxes.at(this.#shown) : [];
    const area = placed(this.#fitting, this.#video.videoWidth, this.#video.videoHeight, width, height);
    const context = this.#canvas.getContext("2d");
    context.clearRect(0, 0, width, height);
    const hasShapes = this.#shown !== null && this.#shapes !== null && this.getAttribute("zones") === "on";
    if (hasShapes) drawShapes(context, area, this.#shapes, scale);
    draw(context, area, objects, (name) => this.names[name] ?? name, scale);
    return objects;
  }

  get #fitting() {
    const fit = this.getAttribute("fit");
    return fit === "cover" || fit === "fill" ? fit : "contain";
  }

  #fit() {
    for (const each of [this.#video, this.#image]) each.style.objectFit = this.#fitting;
    this.#video.setAttribute("aria-label", this.getAttribute("camera") ?? "");
    this.#image.alt = this.getAttribute("camera") ?? "";
  }

  // ---- when it does not work

  /** The browser could not go on with the stream. */
  #break(reason) {
    if (this.#media === null) return;
    if (this.#state.isHeard) { // perhaps it is the sound
      this.#tell({ isHeard: false });
      this.#video.muted = true;
    } else this.#broken += 1;
    this.#again(reason);
  }

  #again(detail, isFinal = false) {
    if (!this.#isOn) return;
    this.#leave();
    this.#isOn = !isFinal;
    const wait = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(this.#failures, 10));
    this.#failures += 1;
    this.#tell({ state: isFinal || detail === "no-camera" ? "failed" : "connecting", mode: null, detail });
    // varied, so that the players of a wall do not come back as one
    if (!isFinal) this.#retry = setTimeout(() => this.#enter(), wait * (0.75 + Math.random() / 2));
    else this.#isWanted = false;
  }

  /** Pictures drawn by the server, for browsers and codecs without anything better. */
  #fallBack(detail) {
    this.#broken = BROKEN_BEFORE_FALLBACK;
    this.#hangUp();
    this.#media?.close();
    this.#media = null;
    this.#showImages(detail);
  }

  #showImages(detail = "") {
    this.#video.hidden = true;
    this.#image.hidden = false;
    const width = Math.max(320, Math.round(this.clientWidth));
    const address = `/api/cameras/${encodeURIComponent(this.getAttribute("camera"))}/live.mjpg`;
    // a new address each time: a browser keeps the still of an address that it has shown before
    this.#image.src = `${address}?width=${width}&at=${Date.now()}`;
    this.#shown = null;
    this.#redraw();
    this.#tell({ state: "playing", mode: "mjpeg", detail });
  }

  #tell(change) {
    const before = this.#state;
    this.#state = { ...before, ...change };
    const isNews = Object.keys(change).some((name) => before[name] !== this.#state[name]);
    if (isNews) this.dispatchEvent(new CustomEvent("state", { detail: this.#state }));
  }
}

customElements.define("wp-player", Player);
