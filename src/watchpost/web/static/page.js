// The live page: one stream of news for everything that is said, one moving picture for the chosen camera.
const language = document.documentElement.lang;
const texts = await (await fetch(`/locales/${language}.json`)).json();
const MAX_EVENTS = 200;
const THUMBNAILS_EVERY_MS = 2000;
const RETRY_MS = 2000;
const NEW_FOR_MS = 10_000;
const WAKE_S = 60;

const $ = (id) => document.getElementById(id);
const seen = new Map(); // event id -> event
let cameras = [];
let chosen = null;

const text = (key, values = {}) => texts[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
const textOr = (key, otherwise) => (key in texts ? texts[key] : otherwise);
const number = (value, digits) =>
  value.toLocaleString(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });
const cameraUrl = (name, what) => `/api/cameras/${encodeURIComponent(name)}/${what}`;
const snapshotUrl = (event) => `/api/events/${encodeURIComponent(event.id)}/snapshot.jpg`;

function element(tag, className, content) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (content !== undefined) made.textContent = content;
  return made;
}

// ---- the picture

function showPicture() {
  const picture = $("picture");
  // CSS pixels, not the screen's: what is written in a picture drawn for them can be read on a small, fine screen
  const width = picture.clientWidth || 1280;
  // a new address each time: a browser keeps the still of an address that it has shown before
  picture.src = `${cameraUrl(chosen, "live.mjpg")}?width=${width}&at=${Date.now()}`;
}

function hidePicture() {
  $("picture").removeAttribute("src"); // ends the stream: nothing is drawn for a page nobody sees
}

function choose(name) {
  chosen = name;
  $("view").hidden = name === null;
  $("no-cameras").hidden = name !== null;
  if (name === null) hidePicture();
  else showPicture();
}

$("picture").addEventListener("error", () => {
  if ($("picture").hasAttribute("src")) setTimeout(() => chosen !== null && showPicture(), RETRY_MS);
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) hidePicture();
  else if (chosen !== null) showPicture();
});
addEventListener("pagehide", hidePicture);

// ---- status

function stateMark(camera) {
  const mark = element("span", "state", text(`state.${camera.state}`));
  mark.dataset.state = camera.state;
  return mark;
}

function showStatus() {
  const camera = cameras.find((one) => one.name === chosen);
  if (!camera) return;
  const parts = [element("strong", "", camera.name), stateMark(camera)];
  if (camera.state === "live") {
    parts.push(element("span", "", text("status.fps", { fps: number(camera.fps, 1) })));
    parts.push(element("span", "", text("status.delay", { seconds: number(camera.delay_s, 1) })));
    parts.push(element("span", "", text("status.objects", { count: camera.detections })));
  }
  if (camera.state === "live" && camera.gate) {
    const gate = element("span", "", text(`gate.${camera.gate}`));
    gate.title = text(`reason.${camera.gate_reason}`);
    parts.push(gate);
  }
  $("wake").hidden = camera.state !== "live" || camera.gate !== "asleep";
  if (camera.width) parts.push(element("span", "", `${camera.width}×${camera.height}`));
  if (camera.dropped) parts.push(element("span", "", text("status.dropped", { count: camera.dropped })));
  if (camera.detail) parts.push(element("span", "detail", camera.detail));
  $("status").replaceChildren(...parts);
  $("picture").alt = `${text("page.live")}: ${camera.name}`;
}

$("wake").addEventListener("click", async () => {
  $("wake").disabled = true;
  await fetch(`${cameraUrl(chosen, "wake")}?seconds=${WAKE_S}`, { method: "POST" }).catch(() => null);
  $("wake").disabled = false;
});

function showChooser() {
  const chooser = $("cameras");
  chooser.hidden = cameras.length < 2;
  const known = [...chooser.children].map((button) => button.dataset.camera);
  if (JSON.stringify(known) !== JSON.stringify(cameras.map((camera) => camera.name))) {
    chooser.replaceChildren(
      ...cameras.map((camera) => {
        const button = element("button");
        button.dataset.camera = camera.name;
        button.append(element("img"), element("span", "", camera.name), element("span"));
        button.firstChild.alt = "";
        button.addEventListener("click", () => { choose(camera.name); show(cameras); });
        return button;
      }),
    );
    refreshThumbnails();
  }
  cameras.forEach((camera, index) => {
    const button = chooser.children[index];
    button.setAttribute("aria-pressed", String(camera.name === chosen));
    button.lastChild.replaceWith(stateMark(camera));
  });
}

function refreshThumbnails() {
  if (document.hidden || cameras.length < 2) return;
  for (const button of $("cameras").children) {
    const camera = cameras.find((one) => one.name === button.dataset.camera);
    if (camera?.width) {
      button.firstChild.src = `${cameraUrl(camera.name, "picture.jpg")}?width=320&at=${Date.now()}`;
    }
  }
}
setInterval(refreshThumbnails, THUMBNAILS_EVERY_MS);

function show(list) {
  cameras = list;
  if (!cameras.some((camera) => camera.name === chosen)) choose(cameras.length ? cameras[0].name : null);
  showStatus();
  showChooser();
}

// ---- events

function what(event) {
  const name = textOr(`class.${event.class_name}`, event.class_name);
  const who = event.track_id === null ? name : `${name} #${event.track_id}`;
  return `kind.${event.kind}` in texts ? text(`kind.${event.kind}`, { who }) : `${who} ${event.kind}`;
}

const attributeValue = (value) =>
  typeof value === "number" ? number(value, 0) : textOr(`direction.${value}`, String(value));

function where(event) {
  const more = Object.entries(event.attributes)
    .filter(([name]) => `attribute.${name}` in texts)
    .map(([name, value]) => text(`attribute.${name}`, { value: attributeValue(value) }));
  return [event.zone, ...more, event.camera].filter(Boolean).join(" · ");
}

const happenedAt = (event) => new Date(event.end.wall_time_s * 1000);

function time(event) {
  const moment = happenedAt(event);
  const today = moment.toDateString() === new Date().toDateString();
  const clock = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
  const made = element("time", "", moment.toLocaleString(language, today ? clock : { ...clock, month: "short", day: "numeric" }));
  made.dateTime = event.end.time;
  made.title = moment.toLocaleString(language);
  return made;
}

function showEvent(event) {
  if (seen.has(event.id)) return;
  seen.set(event.id, event);
  const row = element("li");
  const button = element("button");
  let thumb = element("span", "thumb");
  if (event.has_snapshot) {
    thumb = element("img", "thumb");
    thumb.alt = "";
    thumb.loading = "lazy";
    thumb.src = snapshotUrl(event);
    thumb.addEventListener("error", () => thumb.replaceWith(element("span", "thumb")));
  }
  button.append(thumb, element("span", "what", what(event)), time(event), element("span", "where", where(event)));
  button.addEventListener("click", () => openSnapshot(event));
  row.append(button);
  if (Date.now() - happenedAt(event) < NEW_FOR_MS) row.className = "new";
  $("events").prepend(row);
  $("no-events").hidden = true;
  if ($("events").children.length > MAX_EVENTS) {
    $("events").lastChild.remove();
    seen.delete(seen.keys().next().value);
  }
}

function openSnapshot(event) {
  const picture = $("snapshot-picture");
  picture.hidden = !event.has_snapshot;
  picture.alt = text("event.snapshot", { what: what(event) });
  if (event.has_snapshot) picture.src = snapshotUrl(event);
  else picture.removeAttribute("src");
  const box = $("snapshot-box");
  box.hidden = !event.has_snapshot || event.box === null;
  if (event.box !== null) {
    const [left, top, right, bottom] = event.box.map((edge) => edge * 100);
    Object.assign(box.style, { left: `${left}%`, top: `${top}%`, width: `${right - left}%`, height: `${bottom - top}%` });
  }
  $("snapshot-title").textContent = what(event);
  const when = happenedAt(event).toLocaleString(language);
  const score = text("event.score", { score: number(event.score, 2) });
  $("snapshot-detail").textContent = [when, where(event), score].join(" · ");
  $("snapshot").showModal();
}

// ---- news

function listen() {
  const source = new EventSource("/api/events/stream");
  source.addEventListener("open", () => {
    if (!$("link").hidden && chosen !== null) showPicture();
    $("link").hidden = true;
  });
  source.addEventListener("status", (message) => show(JSON.parse(message.data)));
  source.addEventListener("event", (message) => showEvent(JSON.parse(message.data)));
  source.addEventListener("error", async () => {
    $("link").hidden = false;
    if (source.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
    const answer = await fetch("/api/cameras").catch(() => null);
    if (answer?.status === 401) location.assign("/login");
    else setTimeout(listen, RETRY_MS);
  });
}
listen();
