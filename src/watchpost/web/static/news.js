// What the server says as it happens: one connection a page, whoever listens. Events: `status` (detail: all cameras, each
// second; the server sends what changed alone), `event` (detail: one event), `link` (detail: whether the server is reached).
const RETRY_MS = 2000;

export const news = new EventTarget();
export const known = { cameras: [], events: [], isLinked: false };
const MAX_EVENTS = 300;

function tell(kind, detail) {
  news.dispatchEvent(new CustomEvent(kind, { detail }));
}

function link(isLinked) {
  known.isLinked = isLinked;
  tell("link", isLinked);
}

function listen() {
  const source = new EventSource("/api/events/stream");
  source.addEventListener("open", () => link(true));
  source.addEventListener("status", (message) => {
    known.cameras = JSON.parse(message.data);
    tell("status", known.cameras);
  });
  source.addEventListener("changes", (message) => {
    known.cameras = changed(known.cameras, JSON.parse(message.data));
    tell("status", known.cameras);
  });
  source.addEventListener("event", (message) => {
    const event = JSON.parse(message.data);
    if (known.events.some((each) => each.id === event.id)) return;
    known.events.push(event);
    if (known.events.length > MAX_EVENTS) known.events.shift();
    tell("event", event);
  });
  source.addEventListener("error", async () => {
    link(false);
    if (source.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
    const answer = await fetch("/api/cameras").catch(() => null);
    if (answer?.status === 401) location.assign("/login");
    else setTimeout(listen, RETRY_MS);
  });
}

function changed(cameras, { changed: news, removed }) {
  const gone = new Set(removed);
  const all = new Map(cameras.filter(({ name }) => !gone.has(name)).map((camera) => [camera.name, camera]));
  for (const each of news) all.set(each.name, { ...all.get(each.name), ...each });
  return [...all.values()];
}

let isListening = false;

// Begin to listen; what is known already is told at once.
export function subscribe(handlers, signal) {
  for (const [kind, handler] of Object.entries(handlers)) {
    news.addEventListener(kind, (message) => handler(message.detail), { signal });
  }
  if (!isListening) {
    isListening = true;
    listen();
    return;
  }
  if (known.cameras.length) handlers.status?.(known.cameras);
  if (handlers.event) known.events.forEach((event) => handlers.event(event));
}
