// The page's words in the reader's language, and numbers and times as that language writes them.
const documentLanguage = document.documentElement.lang.slice(0, 2);
export const language = documentLanguage === "ko" ? "ko" : "en";

const flat = (tree, prefix = "") => Object.entries(tree).flatMap(([key, value]) =>
  typeof value === "string" ? [[prefix + key, value]] : flat(value, `${prefix}${key}.`));
const texts = Object.fromEntries(flat(await (await fetch(`/locales/${language}.json`)).json()));

export const text = (key, values = {}) => texts[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
export const textOr = (key, otherwise) => (key in texts ? texts[key] : otherwise);
// All texts below a key: their last part -> the text.
export const family = (prefix) => Object.fromEntries(Object.entries(texts)
  .filter(([key]) => key.startsWith(`${prefix}.`)).map(([key, value]) => [key.slice(prefix.length + 1), value]));
export const knows = (key) => key in texts;

export const number = (value, digits = 0) =>
  value.toLocaleString(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });

const CLOCK = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };

// Seconds since 1970 as hours, minutes and seconds, with the day where it is not today.
export function moment(seconds) {
  const at = new Date(seconds * 1000);
  const isToday = at.toDateString() === new Date().toDateString();
  return at.toLocaleString(language, isToday ? CLOCK : { ...CLOCK, month: "short", day: "numeric" });
}

export const fullMoment = (seconds) =>
  new Date(seconds * 1000).toLocaleString(language, { ...CLOCK, year: "numeric", month: "short", day: "numeric" });

export const duration = (seconds) => {
  const whole = Math.max(0, Math.round(seconds));
  const pad = (value) => String(value).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours ? `${hours}:${pad(minutes)}:${pad(whole % 60)}` : `${minutes}:${pad(whole % 60)}`;
};
