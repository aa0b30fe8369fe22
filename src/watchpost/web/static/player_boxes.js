// Boxes over a picture: kept by the time of the frame they were found in, drawn with the picture of that time.

const MOST = 240; // analysed frames that are kept
const LONGEST_STEP_S = 1.2; // between two analysed frames: further apart, nothing is known of what lies between
const FORESEEN_S = 0.5; // how far a box is moved on after the last analysed frame
const HELD_S = 0.8; // how long it stays: then the camera sleeps, or the analysis is behind
const SAME_S = 0.002; // two times of one frame, rounded differently
// the hues of Okabe and Ito, "Color Universal Design" (2008), which stay distinct for colour-blind eyes
const COLOURS = ["#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7", "#ffffff"];
const INK = "#0e1014";
const FONT = "system-ui, 'Noto Sans KR', sans-serif";

export const colourOf = (object) =>
  object.track === null ? COLOURS[0] : COLOURS[Math.abs(object.track) % COLOURS.length];

const mixed = (from, to, share) => from.map((edge, index) => edge + (to[index] - edge) * share);
const byTrack = (frame) => new Map(frame.objects.filter((each) => each.track !== null).map((each) => [each.track, each]));

export class BoxTimeline {
  #frames = []; // {time, objects}, by media time

  /** What was found at a media time: objects with `box` (left, top, right, bottom, 0-1), `class`, `track`. */
  add(time, objects) {
    let at = this.#frames.length;
    while (at > 0 && this.#frames[at - 1].time > time) at -= 1;
    const isKnown = at > 0 && Math.abs(this.#frames[at - 1].time - time) < SAME_S;
    this.#frames.splice(isKnown ? at - 1 : at, isKnown ? 1 : 0, { time, objects });
    if (this.#frames.length > MOST) this.#frames.shift();
  }

  clear() {
    this.#frames.length = 0;
  }

  /** Seconds between the last two analysed frames; null while there are none. */
  get step() {
    const [before, last] = this.#frames.slice(-2);
    return last === undefined ? null : last.time - before.time;
  }

  /** The objects of the picture at a media time: as found in it, between two frames, or moved on from the last. */
  at(time) {
    let index = this.#frames.length - 1;
    while (index >= 0 && this.#frames[index].time > time + SAME_S) index -= 1;
    if (index < 0) return [];
    const here = this.#frames[index];
    const next = this.#frames[index + 1];
    const passed = time - here.time;
    if (Math.abs(passed) <= SAME_S) return here.objects;
    if (next !== undefined && next.time - here.time <= LONGEST_STEP_S) return between(here, next, passed);
    return passed > HELD_S ? [] : onward(this.#frames[index - 1], here, passed);
  }
}

function between(here, next, passed) {
  const share = passed / (next.time - here.time);
  const later = byTrack(next);
  const objects = here.objects
    .filter((each) => later.has(each.track) || share < 0.5)
    .map((each) => (later.has(each.track) ? { ...each, box: mixed(each.box, later.get(each.track).box, share) } : each));
  const known = byTrack(here);
  const came = next.objects.filter((each) => share >= 0.5 && !known.has(each.track));
  return [...objects, ...came];
}

function onward(before, here, passed) {
  const step = before === undefined ? 0 : here.time - before.time;
  if (step <= 0 || step > LONGEST_STEP_S) return here.objects;
  const earlier = byTrack(before);
  const share = 1 + Math.min(passed, FORESEEN_S) / step;
  return here.objects.map((each) =>
    earlier.has(each.track) ? { ...each, box: mixed(earlier.get(each.track).box, each.box, share) } : each);
}

/** Where a picture of this size lies in an element of that size: `fit` as CSS object-fit has it. */
export function placed(fit, width, height, across, down) {
  if (fit === "fill" || !width || !height) return { left: 0, top: 0, width: across, height: down };
  const scale = (fit === "cover" ? Math.max : Math.min)(across / width, down / height);
  const size = { width: width * scale, height: height * scale };
  return { left: (across - size.width) / 2, top: (down - size.height) / 2, ...size };
}

/** Draw objects on a canvas, `area` in its pixels; `nameOf` gives the class in the reader's language. */
export function draw(context, area, objects, nameOf, scale) {
  const line = 2 * scale;
  const size = Math.max(11, Math.min(15, area.height / scale / 28)) * scale;
  context.font = `600 ${size}px ${FONT}`;
  context.textBaseline = "middle";
  for (const object of objects) {
    const [left, top, right, bottom] = object.box;
    const x = area.left + left * area.width;
    const y = area.top + top * area.height;
    const width = (right - left) * area.width;
    const height = (bottom - top) * area.height;
    const colour = colourOf(object);
    context.lineWidth = line * 2;
    context.strokeStyle = INK;
    context.strokeRect(x, y, width, height);
    context.lineWidth = line;
    context.strokeStyle = colour;
    context.strokeRect(x, y, width, height);
    label(context, object, nameOf(object.class), colour, { x, y, size, above: y - area.top > size * 1.5 });
  }
}

function label(context, object, name, colour, { x, y, size, above }) {
  const text = object.track === null ? name : `${name} ${object.track}`;
  const height = size * 1.4;
  const top = above ? y - height : y;
  context.fillStyle = colour;
  context.fillRect(x, top, context.measureText(text).width + size * 0.7, height);
  context.fillStyle = colour === "#0072b2" ? "#ffffff" : INK;
  context.fillText(text, x + size * 0.35, top + height / 2);
}
