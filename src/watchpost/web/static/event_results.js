// Found events, as pictures or as a dense table. Rows come ready to be read from the server; this shows them, moves
// through them by keyboard and asks for more when the end comes near.
import EventShot from "/static/event_shot.js";

const NEAR_END = 6; // events before the end at which the keyboard asks for more

export default {
  components: { EventShot },
  template: `
    <div class="wp-results" :aria-busy="waiting">
      <table v-if="view === 'table'">
        <thead>
          <tr><th v-for="(name, key) in texts.columns" :key="key" scope="col" :class="key">{{ name }}</th></tr>
        </thead>
        <tbody>
          <tr v-for="row in rows" :key="row.id" :id="'event-' + row.id" :class="{ chosen: row.id === chosen }"
              @click="open(row.id)">
            <td class="time"><button type="button" :aria-current="row.id === chosen || null">{{ row.time }}</button></td>
            <td class="camera">{{ row.camera }}</td>
            <td class="what">{{ row.what }}</td>
            <td class="zone">{{ row.zone }}</td>
            <td class="duration">{{ row.duration }}</td>
            <td class="score">{{ row.score }}</td>
            <td class="marks" :aria-label="markText(row)">{{ marks(row) }}</td>
          </tr>
        </tbody>
      </table>
      <ol v-else>
        <li v-for="row in rows" :key="row.id" :id="'event-' + row.id">
          <button type="button" class="wp-event" :class="{ chosen: row.id === chosen }"
                  :aria-current="row.id === chosen || null" @click="open(row.id)">
            <event-shot :source="row.picture" :box="row.box" :missing="texts.no_picture">
              <span v-if="marks(row)" class="marks" role="img" :aria-label="markText(row)">{{ marks(row) }}</span>
            </event-shot>
            <span class="what">{{ row.what }}</span>
            <span class="where">{{ row.where }}</span>
            <time>{{ row.time }}</time>
          </button>
        </li>
      </ol>
      <div ref="end" class="end" aria-hidden="true"></div>
    </div>`,
  props: { texts: Object, view: String },
  emits: ["open", "close", "more"],
  data: () => ({ rows: [], chosen: null, hasMore: false, waiting: false }),
  mounted() {
    this.onKey = (event) => this.key(event);
    document.addEventListener("keydown", this.onKey);
    this.nearEnd = new IntersectionObserver(
      (entries) => entries.some((entry) => entry.isIntersecting) && this.more(),
      { root: this.$el.closest(".wp-main"), rootMargin: "600px" },
    );
    this.nearEnd.observe(this.$refs.end);
  },
  unmounted() {
    document.removeEventListener("keydown", this.onKey);
    this.nearEnd.disconnect();
  },
  methods: {
    // Shows these rows and no others.
    show(rows, hasMore, chosen) {
      Object.assign(this, { rows, hasMore, chosen, waiting: false });
      this.watchEnd();
    },
    // Shows these rows below the others.
    append(rows, hasMore) {
      const known = new Set(this.rows.map((row) => row.id));
      this.rows.push(...rows.filter((row) => !known.has(row.id)));
      Object.assign(this, { hasMore, waiting: false });
      this.watchEnd();
    },
    // Changes what is known of one event: its marks.
    mark(id, changes) {
      Object.assign(this.rows.find((row) => row.id === id) ?? {}, changes);
    },
    choose(id) {
      this.chosen = id;
    },
    open(id) {
      this.choose(id);
      this.$emit("open", id);
    },
    move(step) {
      if (!this.rows.length) return;
      const at = this.rows.findIndex((row) => row.id === this.chosen);
      const to = at < 0 ? 0 : Math.min(this.rows.length - 1, Math.max(0, at + step));
      if (to >= this.rows.length - NEAR_END) this.more();
      if (to === at) return;
      this.open(this.rows[to].id);
      this.$nextTick(() => document.getElementById(`event-${this.chosen}`)?.scrollIntoView({ block: "nearest" }));
    },
    more() {
      if (!this.hasMore || this.waiting) return;
      this.waiting = true;
      this.$emit("more");
    },
    // An observer speaks when the end comes into view; where it never left, it has to be asked anew.
    watchEnd() {
      this.nearEnd.unobserve(this.$refs.end);
      this.$nextTick(() => this.$refs.end && this.nearEnd.observe(this.$refs.end));
    },
    key(event) {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      if (document.querySelector("dialog[open], .q-dialog")) return;
      if (event.key === "j") this.move(1);
      else if (event.key === "k") this.move(-1);
      else if (event.key === "s") document.querySelector(".wp-query input")?.focus();
      else if (event.key === "Escape" && this.chosen) {
        this.choose(null);
        this.$emit("close");
      } else return;
      event.preventDefault();
    },
    marks(row) {
      return (row.bookmarked ? "★" : "") + (row.noted ? "✎" : "") + (row.judged ? "⚑" : "");
    },
    markText(row) {
      return ["bookmarked", "noted", "judged"].filter((name) => row[name]).map((name) => this.texts[name]).join(", ");
    },
  },
};

function isTyping(target) {
  return target instanceof HTMLElement && target.closest("input, textarea, select, [contenteditable]") !== null;
}
