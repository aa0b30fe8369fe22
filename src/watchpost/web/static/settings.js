// The parts of a camera's settings that are drawn and tried, read from and written into the server's configuration file.
import { ask, send } from "./dom.js";

const KINDS = { zone: "zones", line: "lines", mask: "masks" };
const DEFAULT_MODEL = "watchpost-person";
const FIRST_RULES = [{ kind: "presence" }];

const address = (camera) => `/api/settings/cameras/${encodeURIComponent(camera)}`;
const pointed = (name) => name.replaceAll("~", "~0").replaceAll("/", "~1");
const isSame = (a, b) => JSON.stringify(a) === JSON.stringify(b);

// A camera's shapes and rules, and all that saving them takes.
export async function readCamera(camera) {
  const all = await ask("/api/settings");
  const found = all.cameras[camera];
  const drawn = Object.fromEntries(Object.entries(KINDS).map(([kind, part]) => [kind, found.written[part] ?? {}]));
  const shapes = Object.entries(drawn).flatMap(([kind, named]) =>
    Object.entries(named).map(([name, points]) => ({ kind, name, points })));
  const rules = found.written.rules ?? all.written.defaults?.rules ?? FIRST_RULES;
  return { version: all.version, drawn, shapes, rules: rules.map((rule) => (typeof rule === "string" ? { kind: rule } : rule)), all };
}

// Write what differs from what was read, and nothing else: the rest of the file stays as somebody wrote it.
export async function saveShapes(camera, read, shapes, rules) {
  const change = { set: {}, remove: [] };
  for (const [kind, part] of Object.entries(KINDS)) {
    const before = read.drawn[kind];
    const now = Object.fromEntries(shapes.filter((shape) => shape.kind === kind).map((shape) => [shape.name, shape.points]));
    for (const [name, points] of Object.entries(now)) {
      if (!isSame(before[name], points)) change.set[`/${part}/${pointed(name)}`] = points;
    }
    const gone = Object.keys(before).filter((name) => !(name in now));
    if (gone.length && !Object.keys(now).length) change.remove.push(`/${part}`);
    else change.remove.push(...gone.map((name) => `/${part}/${pointed(name)}`));
  }
  if (!isSame(rules, read.rules)) change.set["/rules"] = rules;
  await send("PATCH", address(camera), change, { "If-Match": `"${read.version}"` });
}

// The camera is looked at by this model from now on, and its rules count what reaches the confidence.
export async function chooseModel(camera, model, confidence) {
  const read = await readCamera(camera);
  const place = `/cameras/${pointed(camera)}`;
  const models = read.all.written.models ?? {};
  const name = Object.entries(models).find(([, section]) => section === model || section?.model === model)?.[0] ?? model;
  const set = {
    [`${place}/model`]: name,
    [`${place}/rules`]: read.rules.map((rule) => ({ ...rule, minimum_score: confidence })),
  };
  if (!(name in models) && name !== DEFAULT_MODEL) {
    set[`/models/${pointed(name)}`] = { model };
    // alone in the file, a model is everybody's: the others keep theirs
    if (!Object.keys(models).length) set[`/models/${DEFAULT_MODEL}`] = { model: DEFAULT_MODEL };
  } else if (!(name in models) && Object.keys(models).length) set[`/models/${name}`] = { model };
  await send("PATCH", "/api/settings", { set }, { "If-Match": `"${read.version}"` });
}
