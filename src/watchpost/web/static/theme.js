// Before anything is painted: the reader's theme, so that a dark room is not lit up by a white page.
(() => {
  const wish = /(?:^|; )watchpost_theme=(dark|light)/.exec(document.cookie)?.[1];
  const system = matchMedia("(prefers-color-scheme: light)");
  const show = () => { document.documentElement.dataset.theme = wish ?? (system.matches ? "light" : "dark"); };
  if (!wish) system.addEventListener("change", show);
  show();
})();
