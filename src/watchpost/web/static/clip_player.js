// The film of an event, driven by keys wherever on the page they are pressed, as long as nobody types; and, over the
// picture at which it is stopped, boxes around what the detector missed.
const STEP_S = 2;
const FRAME_S = 1 / 25; // a browser does not tell a film's frame rate
const RATES = [0.25, 0.5, 1, 2, 4];
const LEAST = 0.01; // of the picture's side: less is a click and no box

export default {
  template: `
    <figure class="wp-clip">
      <div v-show="!failed" ref="stage" class="stage" :style="{ aspectRatio: ratio }">
        <video ref="video" :controls="!marking" playsinline preload="metadata" :src="source"
               :aria-label="texts.label" @error="failed = true" @loadedmetadata="loaded"></video>
        <div v-if="marking" class="marking" :aria-label="texts.mark" @pointerdown="begin" @pointermove="draw"
             @pointerup="end" @pointercancel="end">
          <i v-for="(box, place) in boxes" :key="place" :style="style(box)"></i>
        </div>
      </div>
      <p v-if="failed" class="wp-empty" role="status">{{ texts.missing }}</p>
      <div v-if="marking" class="wp-bar">
        <span class="wp-note" role="status">{{ texts.mark }}</span>
        <button type="button" class="wp-button push" @click="marking = false">{{ texts.cancel }}</button>
        <button type="button" class="wp-button primary" :disabled="!boxes.length" @click="tell">{{ texts.save }}</button>
      </div>
      <figcaption v-else v-show="!failed">{{ texts.keys }}<b v-if="rate !== 1"> {{ rate }}×</b></figcaption>
    </figure>`,
  props: { source: String, texts: Object },
  emits: ["missed"],
  data: () => ({ failed: false, rate: 1, ratio: 16 / 9, marking: false, boxes: [], from: null }),
  mounted() {
    this.onKey = (event) => this.key(event);
    document.addEventListener("keydown", this.onKey);
  },
  beforeUnmount() {
    document.removeEventListener("keydown", this.onKey);
    this.$refs.video.removeAttribute("src"); // ends the download
    this.$refs.video.load();
  },
  methods: {
    loaded() {
      const { videoWidth, videoHeight } = this.$refs.video;
      if (videoHeight) this.ratio = videoWidth / videoHeight;
    },
    key(event) {
      if (this.failed || this.marking || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.target.closest?.("input, textarea, select, [contenteditable], dialog")) return;
      const video = this.$refs.video;
      if (event.target === video && event.key.startsWith("Arrow")) return; // the browser's own
      const seek = (seconds) => (video.currentTime = Math.max(0, video.currentTime + seconds));
      const actions = {
        p: () => (video.paused ? video.play() : video.pause()),
        ArrowLeft: () => seek(-STEP_S),
        ArrowRight: () => seek(STEP_S),
        ",": () => (video.pause(), seek(-FRAME_S)),
        ".": () => (video.pause(), seek(FRAME_S)),
        "<": () => this.pace(-1),
        ">": () => this.pace(1),
        f: () => (document.fullscreenElement ? document.exitFullscreen() : video.requestFullscreen()),
      };
      if (!Object.hasOwn(actions, event.key)) return;
      event.preventDefault();
      actions[event.key]();
    },
    pace(step) {
      const at = RATES.indexOf(this.rate) + step;
      this.rate = RATES[Math.min(RATES.length - 1, Math.max(0, at))];
      this.$refs.video.playbackRate = this.rate;
    },
    // Boxes are drawn over the picture that is shown now.
    mark() {
      if (this.failed) return;
      this.$refs.video.pause();
      Object.assign(this, { marking: true, boxes: [], from: null });
      this.$nextTick(() => this.$refs.stage.scrollIntoView({ block: "nearest" }));
    },
    point(event) {
      const area = event.currentTarget.getBoundingClientRect();
      const share = (value) => Math.min(1, Math.max(0, value));
      return [share((event.clientX - area.left) / area.width), share((event.clientY - area.top) / area.height)];
    },
    begin(event) {
      event.currentTarget.setPointerCapture(event.pointerId);
      this.from = this.point(event);
      this.boxes.push([...this.from, ...this.from]);
    },
    draw(event) {
      if (!this.from) return;
      const [[x, y], [left, top]] = [this.point(event), this.from];
      this.boxes[this.boxes.length - 1] = [Math.min(x, left), Math.min(y, top), Math.max(x, left), Math.max(y, top)];
    },
    end() {
      this.from = null;
      this.boxes = this.boxes.filter(([left, top, right, bottom]) => right - left > LEAST && bottom - top > LEAST);
    },
    style([left, top, right, bottom]) {
      const percent = (share) => `${100 * share}%`;
      return { left: percent(left), top: percent(top), width: percent(right - left), height: percent(bottom - top) };
    },
    // The film says in a header at what time it begins.
    async tell() {
      const head = await fetch(this.source, { headers: { Range: "bytes=0-0" } });
      const start = Number(head.headers.get("X-Watchpost-Start"));
      this.marking = false;
      this.$emit("missed", { time: start + this.$refs.video.currentTime, boxes: this.boxes });
    },
  },
};
