// The past of one camera as a film: stretch after stretch of its recording, at any speed, frame by frame.
// Fires `time` (while it moves), `wait` (detail: whether it waits for data), `end` (no recording after here) and `fail` (the browser can not play it).
import { ask, cameraApi } from "./dom.js";

const FILM_S = 600; // asked for at once; the server makes a film's index in memory
const LOOK_S = 3600;
const ONE_FRAME_S = 1 / 15; // until the film tells its own

export class Playback extends EventTarget {
  #camera;
  #video;
  #film = null; // {start, until}: seconds since 1970
  #asked = 0;
  #frame_s = ONE_FRAME_S;
  #speed = 1;

  constructor(camera, video) {
    super();
    this.#camera = camera;
    this.#video = video;
    video.addEventListener("timeupdate", () => this.#tell());
    video.addEventListener("seeked", () => this.#tell());
    video.addEventListener("ended", () => this.#next());
    video.addEventListener("error", () => video.hasAttribute("src") && this.dispatchEvent(new CustomEvent("fail")));
    for (const kind of ["waiting", "playing", "canplay"]) {
      video.addEventListener(kind, () => this.dispatchEvent(new CustomEvent("wait", { detail: kind === "waiting" })));
    }
    this.#measure();
  }

  // Where it is, in seconds since 1970; null while nothing is loaded.
  get at() {
    return this.#film ? this.#film.start + this.#video.currentTime : null;
  }

  get isPaused() {
    return this.#video.paused;
  }

  set speed(speed) {
    this.#speed = speed;
    this.#video.playbackRate = speed;
  }

  // Go to a moment; where nothing was recorded then, to the next recording. Throws an Error where there is none.
  async seek(at, isPlaying = !this.#video.paused || !this.#film) {
    const film = this.#film;
    if (film && at >= film.start && at < film.until - 0.1 && this.#video.duration > at - film.start) {
      this.#video.currentTime = at - film.start;
      if (isPlaying) await this.#play();
      return;
    }
    const asked = ++this.#asked;
    this.dispatchEvent(new CustomEvent("wait", { detail: true }));
    const span = await this.#span(at);
    if (asked !== this.#asked) return;
    if (!span) { this.dispatchEvent(new CustomEvent("end")); return; }
    const since = Math.max(at, span.start);
    const until = Math.min(span.end, since + FILM_S);
    const url = `${cameraApi(this.#camera, "recording.mp4")}?since=${since.toFixed(3)}&until=${until.toFixed(3)}`;
    const head = await fetch(url, { headers: { Range: "bytes=0-0" } });
    if (asked !== this.#asked) return;
    if (!head.ok) { this.dispatchEvent(new CustomEvent("end")); return; }
    const start = Number(head.headers.get("X-Watchpost-Start"));
    this.#film = { start, until };
    this.#video.src = url;
    this.#video.currentTime = Math.max(0, since - start);
    this.#video.playbackRate = this.#speed;
    if (isPlaying) await this.#play();
  }

  async toggle() {
    if (this.#video.paused) await this.#play();
    else this.#video.pause();
  }

  // One frame on (1) or back (-1).
  step(direction) {
    this.#video.pause();
    const at = this.#video.currentTime + direction * this.#frame_s;
    if (at >= 0) this.#video.currentTime = at;
    else if (this.#film) this.seek(this.#film.start - 1, false);
  }

  stop() {
    this.#asked += 1;
    this.#film = null;
    this.#video.pause();
    this.#video.removeAttribute("src");
    this.#video.load();
  }

  async #play() {
    try {
      await this.#video.play();
    } catch (error) {
      if (error.name !== "AbortError") throw error; // another film was asked for meanwhile
    }
  }

  async #span(at) {
    for (const reach of [LOOK_S, 24 * LOOK_S, 31 * 24 * LOOK_S]) {
      const { spans } = await ask(`${cameraApi(this.#camera, "recordings")}?since=${at.toFixed(3)}&until=${(at + reach).toFixed(3)}`);
      const found = spans.find((span) => span.end > at + 0.2);
      if (found) return found;
    }
    return null;
  }

  #next() {
    if (this.#film) this.seek(this.#film.until + 0.05, true).catch(() => this.dispatchEvent(new CustomEvent("end")));
  }

  #tell() {
    if (this.#film) this.dispatchEvent(new CustomEvent("time", { detail: this.at }));
  }

  // The time of a frame, from two that followed each other on the screen at normal speed or below.
  #measure() {
    if (!this.#video.requestVideoFrameCallback) return;
    let before = null;
    const look = (_now, { mediaTime, presentedFrames }) => {
      const apart = before && (mediaTime - before.mediaTime) / (presentedFrames - before.presentedFrames);
      if (apart > 0.004 && apart < 1.1) this.#frame_s = apart;
      before = { mediaTime, presentedFrames };
      this.#video.requestVideoFrameCallback(look);
    };
    this.#video.requestVideoFrameCallback(look);
  }
}
