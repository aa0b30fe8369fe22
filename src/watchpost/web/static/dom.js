// Making elements without markup: what comes from cameras and people is text, never HTML.
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") made.className = value;
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export const icon = (name) => element("i", { class: "material-icons", "aria-hidden": "true" }, name);

export const iconButton = (name, label, onclick, more = {}) =>
  element("button", { type: "button", class: "wp-icon", title: label, "aria-label": label, onclick, ...more }, icon(name));

export const cameraApi = (camera, what) => `/api/cameras/${encodeURIComponent(camera)}/${what}`;
export const cameraPage = (camera, at = null) =>
  `/cameras/${encodeURIComponent(camera)}${at === null ? "" : `?at=${at.toFixed(2)}`}`;

// What a session has to show with everything that changes something; asked for once.
let csrf = null;

async function guarded(options) {
  if ((options.method ?? "GET") === "GET") return options;
  csrf ??= fetch("/api/accounts/me").then((answer) => (answer.ok ? answer.json() : {})).then((me) => me.csrf ?? "");
  return { ...options, headers: { ...options.headers, "X-CSRF-Token": await csrf } };
}

// Asks the API; throws an Error with the server's own words where it refuses.
export async function ask(url, options = {}) {
  const answer = await fetch(url, await guarded(options));
  if (answer.status === 401) location.assign("/login");
  const isJson = (answer.headers.get("content-type") ?? "").startsWith("application/json");
  const body = isJson ? await answer.json() : null;
  if (!answer.ok) throw new Error(detail(body) ?? `${answer.status} ${answer.statusText}`);
  return body;
}

function detail(body) {
  const told = body?.detail;
  if (Array.isArray(told)) return told.map((each) => `${(each.loc ?? []).slice(1).join(".")}: ${each.msg}`).join("; ");
  return typeof told === "string" ? told : null;
}

export const send = (method, url, data, headers = {}) =>
  ask(url, { method, headers: { "Content-Type": "application/json", ...headers }, body: JSON.stringify(data) });

// What the frame knows of the reader: language, user, role.
export const reader = () => JSON.parse(document.querySelector("meta[name=watchpost-reader]")?.content ?? '{"user":"","role":"viewer"}');

// The reader's own small things, kept by this browser, apart for each user.
export const kept = {
  get: (key, otherwise) => {
    try { return JSON.parse(localStorage.getItem(`watchpost.${reader().user}.${key}`)) ?? otherwise; } catch { return otherwise; }
  },
  set: (key, value) => localStorage.setItem(`watchpost.${reader().user}.${key}`, JSON.stringify(value)),
};

export const isTyping = (target) => target.closest?.("input, textarea, select, [contenteditable], .q-field") !== null;
