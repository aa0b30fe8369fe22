// A Plotly chart in the colours of the page around it: text, grid and ground come from the element's own style, so that
// the switch between light and dark reaches it without the server.
const FONT_SIZE = 12;

export default {
  template: '<div role="img" :aria-label="label"></div>',
  props: { figure: Object, label: String },
  async mounted() {
    const { Plotly } = await import("nicegui-plotly");
    if (!this.$el.isConnected) return; // the reader went on while the library came
    this.plotly = Plotly;
    this.draw();
    this.resized = new ResizeObserver(() => Plotly.Plots.resize(this.$el));
    this.resized.observe(this.$el);
    this.themed = new MutationObserver(() => this.draw());
    for (const element of [document.documentElement, document.body]) {
      this.themed.observe(element, { attributes: true, attributeFilter: ["class", "data-theme"] });
    }
    this.system = window.matchMedia("(prefers-color-scheme: dark)");
    this.onSystem = () => this.draw();
    this.system.addEventListener("change", this.onSystem);
  },
  unmounted() {
    this.resized?.disconnect();
    this.themed?.disconnect();
    this.system?.removeEventListener("change", this.onSystem);
    this.plotly?.purge(this.$el);
  },
  watch: {
    figure() {
      this.draw();
    },
  },
  methods: {
    draw() {
      if (!this.plotly) return;
      const { data, layout } = JSON.parse(JSON.stringify(this.figure)); // Plotly writes into what it is given
      for (const trace of data) if (trace.texttemplate) trace.textfont = { color: getComputedStyle(this.$el).color };
      const config = { displaylogo: false, displayModeBar: false, responsive: false };
      this.plotly.react(this.$el, data, themed(layout, getComputedStyle(this.$el)), config);
    },
  },
};

// The layout with the page's colours in it; what the layout says itself wins.
function themed(layout, style) {
  const text = style.color;
  const faint = `color-mix(in srgb, ${text} 18%, transparent)`;
  const [grid, soft] = [resolved(faint), resolved(`color-mix(in srgb, ${text} 75%, transparent)`)];
  const axis = { gridcolor: grid, linecolor: grid, zerolinecolor: grid, tickcolor: grid, automargin: true };
  const whole = {
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: style.fontFamily, size: FONT_SIZE, color: soft },
    hoverlabel: { font: { family: style.fontFamily, size: FONT_SIZE } },
    margin: { t: 8, r: 12, b: 40, l: 48 },
    ...layout,
  };
  for (const name of Object.keys(whole)) {
    if (/^[xy]axis\d*$/.test(name)) whole[name] = { ...axis, ...whole[name] };
  }
  whole.xaxis ??= axis;
  whole.yaxis ??= axis;
  return whole;
}

// A CSS colour as rgba(), which is what Plotly reads.
function resolved(colour) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const context = canvas.getContext("2d");
  context.fillStyle = colour;
  context.fillRect(0, 0, 1, 1);
  const [red, green, blue, alpha] = context.getImageData(0, 0, 1, 1).data;
  return `rgba(${red},${green},${blue},${(alpha / 255).toFixed(3)})`;
}
