// How a camera's state and an event are told, in one place: icon, words, and where they are seen.
import { element, icon, cameraPage } from "./dom.js";
import { family, knows, moment, fullMoment, number, text, textOr } from "./texts.js";

const ICONS = {
  live: "videocam", asleep: "bedtime", heavy: "hourglass_bottom", connecting: "sync", reconnecting: "sync_problem",
  blind: "visibility_off", failed: "error", ended: "stop_circle",
};

// What an operator has to know of a camera, in one word.
export function stateOf(camera) {
  if (camera.state !== "live") return camera.state;
  return camera.gate === "asleep" || camera.gate === "heavy" ? camera.gate : "live";
}

// What is wrong with it, if something is.
export const detailOf = (camera) => (camera.blindness ? text(`blindness.${camera.blindness}`) : camera.detail);

// A player of a camera, with the reader's words for what it finds.
export function playerOf(camera, { fit = "contain", hasZones = false } = {}) {
  const player = element("wp-player", { camera, fit, zones: hasZones ? "on" : null });
  player.names = family("class");
  return player;
}

// How far its picture lies behind, in milliseconds; where it can not tell, how old the newest analysed frame is.
export function delayOf(player, camera) {
  const delay_s = player?.delay ?? camera.delay_s;
  return delay_s === null ? null : delay_s * 1000;
}

export const stateText = (state) => text(`watch.${state}`);

export function stateMark(camera, withWords = true) {
  const state = stateOf(camera);
  const words = stateText(state);
  const mark = element("span", { class: "wp-state", "data-state": state, title: detailOf(camera) || words }, icon(ICONS[state]));
  if (withWords) mark.append(words);
  else mark.setAttribute("aria-label", words), mark.setAttribute("role", "img");
  return mark;
}

export function whatHappened(event) {
  const name = textOr(`class.${event.class_name}`, event.class_name);
  const who = event.track_id === null ? name : `${name} #${event.track_id}`;
  return knows(`kind.${event.kind}`) ? text(`kind.${event.kind}`, { who }) : `${who} ${event.kind}`;
}

const attribute = (value) => (typeof value === "number" ? number(value) : textOr(`direction.${value}`, String(value)));

export function whereHappened(event, withCamera = true) {
  const more = Object.entries(event.attributes)
    .filter(([name]) => knows(`attribute.${name}`))
    .map(([name, value]) => text(`attribute.${name}`, { value: attribute(value) }));
  return [withCamera ? event.camera : null, event.zone, ...more].filter(Boolean).join(" · ");
}

export const snapshotUrl = (event) => `/api/events/${encodeURIComponent(event.id)}/snapshot.jpg`;

// One row of a list of events; it leads to the camera at that moment, or does what `onopen` does.
export function eventRow(event, { isNew = false, withCamera = true, onopen = null } = {}) {
  let thumb = element("span", { class: "thumb" });
  if (event.has_snapshot) {
    thumb = element("img", { class: "thumb", alt: "", loading: "lazy", src: snapshotUrl(event) });
    thumb.addEventListener("error", () => thumb.replaceWith(element("span", { class: "thumb" })), { once: true });
  }
  const [at, told] = [event.start.wall_time_s, event.end.wall_time_s]; // told when it was over
  const parts = [
    thumb,
    element("span", { class: "what" }, whatHappened(event)),
    element("time", { datetime: event.end.time, title: fullMoment(told) }, moment(told)),
    element("span", { class: "where" }, whereHappened(event, withCamera)),
  ];
  const opener = onopen
    ? element("button", { type: "button", onclick: () => onopen(event) }, ...parts)
    : element("a", { href: cameraPage(event.camera, at) }, ...parts);
  return element("li", { class: isNew ? "new" : null, "data-event": event.id }, opener);
}
