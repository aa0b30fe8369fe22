// The frame of every page: menu, drawer, theme, clock, help, finding a camera, and the state of the connection.
import "./camera_list.js";
import { cameraPage, element, isTyping } from "./dom.js";
import { subscribe } from "./news.js";
import { language } from "./texts.js";

const GO_MS = 1200;
const YEAR_S = 31_536_000;
const $ = (selector) => document.querySelector(selector);

function setTheme(theme) {
  document.cookie = `watchpost_theme=${theme}; path=/; max-age=${theme === "auto" ? 0 : YEAR_S}; samesite=lax`;
  const isLight = theme === "light" || (theme === "auto" && matchMedia("(prefers-color-scheme: light)").matches);
  document.documentElement.dataset.theme = isLight ? "light" : "dark";
  globalThis.Quasar?.Dark.set(theme === "auto" ? "auto" : !isLight);
  for (const button of document.querySelectorAll("[data-theme-choice]")) {
    button.setAttribute("aria-pressed", String(button.dataset.themeChoice === theme));
  }
  dispatchEvent(new CustomEvent("watchpost:theme", { detail: isLight ? "light" : "dark" }));
}

function setDrawer(isOpen) {
  document.body.classList.toggle("wp-drawer", isOpen);
  $(".wp-burger").setAttribute("aria-expanded", String(isOpen));
  if (isOpen) $(".wp-side a").focus();
}

function openFinder() {
  const finder = $("#wp-finder");
  if (finder.open) return;
  const list = element("wp-camera-list");
  list.addEventListener("pick", (picked) => location.assign(cameraPage(picked.detail)));
  finder.replaceChildren(list);
  finder.showModal();
  list.focusSearch();
}

document.addEventListener("click", (click) => {
  const target = click.target;
  const theme = target.closest("[data-theme-choice]");
  if (theme) setTheme(theme.dataset.themeChoice);
  if (target.closest(".wp-burger")) setDrawer(!document.body.classList.contains("wp-drawer"));
  else if (document.body.classList.contains("wp-drawer") && !target.closest(".wp-side")) setDrawer(false);
  if (target.closest(".wp-find")) openFinder();
  if (target.closest(".wp-help-open")) $("#wp-help").showModal();
  if (target.matches("dialog.wp-dialog")) target.close(); // its backdrop
  const menu = $(".wp-menu[open]");
  if (menu && (!menu.contains(target) || target.closest(".wp-help-open"))) menu.open = false;
});

let leader = 0;

document.addEventListener("keydown", (press) => {
  if (press.key === "Escape") {
    const menu = $(".wp-menu[open]");
    if (menu) { menu.open = false; menu.firstElementChild.focus(); }
    if (document.body.classList.contains("wp-drawer")) { setDrawer(false); $(".wp-burger").focus(); }
  }
  if (isTyping(press.target) || press.ctrlKey || press.metaKey || press.altKey || $("dialog[open]")) return;
  const isLed = performance.now() - leader < GO_MS;
  leader = 0;
  if (press.key === "g") leader = performance.now();
  else if (isLed) {
    press.stopImmediatePropagation(); // the page may have a use of its own for the key
    document.querySelector(`.wp-side a[data-key="${CSS.escape(press.key)}"]`)?.click();
  } else if (press.key === "?") $("#wp-help").showModal();
  else if (press.key === "/") { press.preventDefault(); openFinder(); }
  else if (press.key === "t") setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark");
}, { capture: true });

function tick() {
  const now = new Date();
  const clock = $(".wp-clock");
  if (clock) {
    clock.textContent = now.toLocaleString(language, {
      weekday: "short", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
    });
  }
  setTimeout(tick, 1000 - now.getMilliseconds());
}

subscribe({
  link: (isLinked) => { const mark = $(".wp-link"); if (mark) mark.hidden = isLinked; },
});
tick();
