// The picture of an event with its box drawn over it, letterboxed into 16:9 whatever its own shape is.
const SHAPE = 16 / 9;

export default {
  template: `
    <span class="wp-shot">
      <span v-if="source && !lost" class="inner" :class="{ wide: ratio > ${SHAPE} }" :style="{ aspectRatio: ratio }">
        <img :src="source" :alt="alt" loading="lazy" decoding="async" @load="loaded" @error="lost = true">
        <i v-if="box" :style="place"></i>
      </span>
      <span v-else class="none">{{ missing }}</span>
      <slot></slot>
    </span>`,
  props: { source: String, box: Array, alt: { type: String, default: "" }, missing: String },
  data: () => ({ ratio: SHAPE, lost: false }),
  watch: {
    source() {
      this.lost = false;
    },
  },
  computed: {
    place() {
      const [left, top, right, bottom] = this.box.map((edge) => 100 * edge);
      return { left: `${left}%`, top: `${top}%`, width: `${right - left}%`, height: `${bottom - top}%` };
    },
  },
  methods: {
    loaded(event) {
      const { naturalWidth, naturalHeight } = event.target;
      if (naturalHeight) this.ratio = naturalWidth / naturalHeight;
    },
  },
};
