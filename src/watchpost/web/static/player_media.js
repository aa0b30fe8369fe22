// A live stream of fragmented MP4 in a <video>: fed as it comes, played close behind its newest picture.

const KEEP_S = 8; // of what has been shown, for browsers that decode again when they seek
const TRIM_AT_S = 20;
const JUMP_S = 1.5; // further behind than wished: jump, as catching up would take half a minute
const CALM_S = 0.04; // so near to the wished delay nothing is corrected
const SLOWEST = 0.92;
const FASTEST = 1.12;
const GAIN = 0.3; // change of the playback rate for a second too much
const SMOOTHING = 8; // looks over which the delay is averaged: it jumps by a picture each time one comes
const MOST_WAITING = 600; // fragments; a browser that takes none for so long is given up

const Source = globalThis.ManagedMediaSource ?? globalThis.MediaSource;

/** Whether this browser plays what a header says. */
export const canPlay = (mime) => Source !== undefined && Source.isTypeSupported(mime);
export const hasMediaSource = Source !== undefined;

export class LiveMedia {
  #video;
  #onError;
  #source = new Source();
  #buffer = null;
  #mime = null;
  #waiting = []; // {mime} before a header, else bytes
  #hasBegun = false;
  #behind = null;
  #closed = false;

  /** `onError` hears, once, what can not go on. */
  constructor(video, onError) {
    this.#video = video;
    this.#onError = onError;
    const address = URL.createObjectURL(this.#source);
    this.#source.addEventListener("sourceopen", () => {
      URL.revokeObjectURL(address);
      this.#feed();
    }, { once: true });
    video.disableRemotePlayback = true; // else Safari offers no managed source
    video.src = address;
  }

  /** The next bytes are a header of this kind. */
  header(mime) {
    this.#waiting.push({ mime });
  }

  /** A header or a fragment: an ArrayBuffer. */
  push(bytes) {
    this.#waiting.push(new Uint8Array(bytes));
    if (this.#waiting.length > MOST_WAITING) this.#fail("the browser takes no more pictures");
    else this.#feed();
  }

  /** Media time of the end of the newest picture; null before the first. */
  get edge() {
    const ranges = this.#video.buffered;
    return ranges.length ? ranges.end(ranges.length - 1) : null;
  }

  /** Seconds behind that, averaged. */
  get delay() {
    return this.#behind;
  }

  /** Stay `wished` seconds behind the newest picture; call it a few times a second. */
  follow(wished) {
    const video = this.#video;
    const ranges = video.buffered;
    if (this.#closed || !ranges.length || video.seeking) return;
    const start = ranges.start(ranges.length - 1);
    const end = ranges.end(ranges.length - 1);
    const behind = end - video.currentTime;
    const isLost = video.currentTime < start && video.readyState < HTMLMediaElement.HAVE_FUTURE_DATA;
    if (!this.#hasBegun || behind > wished + JUMP_S || behind < -JUMP_S || isLost) {
      video.currentTime = Math.max(start, end - wished);
      video.playbackRate = 1;
      this.#behind = wished;
      this.#hasBegun = true;
    } else {
      this.#behind += (behind - this.#behind) / SMOOTHING;
      const wrong = this.#behind - wished;
      const rate = Math.abs(wrong) < CALM_S ? 1 : Math.min(FASTEST, Math.max(SLOWEST, 1 + GAIN * wrong));
      if (Math.abs(rate - video.playbackRate) > 0.01 || rate === 1) video.playbackRate = rate;
    }
    if (video.paused) video.play().catch(() => {}); // a browser may want the tab to be seen first
    this.#trim();
  }

  close() {
    this.#closed = true;
    this.#waiting.length = 0;
    this.#video.removeAttribute("src");
    this.#video.load();
  }

  #feed() {
    if (this.#closed || this.#source.readyState !== "open" || this.#buffer?.updating) return;
    try {
      while (this.#waiting[0]?.mime) this.#become(this.#waiting.shift().mime);
      const bytes = this.#next();
      if (bytes !== null) this.#buffer.appendBuffer(bytes);
    } catch (error) {
      this.#fail(String(error));
    }
  }

  #become(mime) {
    if (this.#buffer === null) {
      this.#buffer = this.#source.addSourceBuffer(mime);
      this.#buffer.mode = "segments";
      this.#buffer.addEventListener("updateend", () => this.#feed());
      this.#buffer.addEventListener("error", () => this.#fail("the browser can not read the stream"));
    } else if (mime !== this.#mime) {
      this.#buffer.changeType(mime);
    }
    this.#mime = mime;
  }

  /** All that waits, up to the next header, as one piece. */
  #next() {
    const until = this.#waiting.findIndex((each) => each.mime);
    const parts = this.#waiting.splice(0, until < 0 ? this.#waiting.length : until);
    if (parts.length < 2) return parts[0] ?? null;
    const joined = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
    let at = 0;
    for (const part of parts) {
      joined.set(part, at);
      at += part.length;
    }
    return joined;
  }

  #trim() {
    const ranges = this.#video.buffered;
    if (this.#buffer?.updating !== false || !ranges.length) return;
    if (this.#video.currentTime - ranges.start(0) > TRIM_AT_S) this.#buffer.remove(0, this.#video.currentTime - KEEP_S);
  }

  #fail(reason) {
    if (this.#closed) return;
    this.#closed = true;
    this.#onError(reason);
  }
}
