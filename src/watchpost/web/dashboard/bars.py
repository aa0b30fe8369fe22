"""The top bar, the navigation and the help of every page, as HTML; `static/frame.js` makes them work."""

from __future__ import annotations

import html
from typing import Final
from urllib.parse import quote

from watchpost.web.dashboard.view import Theme, View
from watchpost.web.texts import LANGUAGES

Shortcut = tuple[str, str]
"""Keys, with a space between those pressed in turn, and the last part of their words' key, `shortcut.NAME`."""

_SHORTCUTS: Final[tuple[Shortcut, ...]] = (("?", "help"), ("/", "find"), ("t", "theme"))
_THEMES: Final[dict[Theme, str]] = {"auto": "contrast", "dark": "dark_mode", "light": "light_mode"}


def skip_link(view: View) -> str:
    """The first thing that Tab reaches."""
    return f'<a class="wp-skip" href="#main">{_words(view, "nav.skip")}</a>'


def top_bar(view: View, title: str, path: str, *, is_logged_in: bool) -> str:
    """Drawer button, name, title, finder, clock and menu."""
    return (
        f'<button type="button" class="wp-icon wp-burger" aria-controls="wp-side" aria-expanded="false"'
        f' aria-label="{_words(view, "nav.open")}">{_icon("menu")}</button>'
        '<a class="wp-brand" href="/"><img src="/static/icon.svg" alt="" width="24" height="24">'
        f'<span>Watchpost</span></a><h1 id="wp-title">{html.escape(title)}</h1>'
        f'<div class="wp-link" role="status" hidden>{_icon("cloud_off")}'
        f"<span>{_words(view, 'top.link_lost')}</span></div>"
        f'<button type="button" class="wp-find" aria-keyshortcuts="/" aria-label="{_words(view, "top.find")}">'
        f"{_icon('search')}<span>{_words(view, 'top.find')}</span><kbd>/</kbd></button>"
        '<time class="wp-clock" aria-hidden="true"></time>'
        f"{_menu(view, path, is_logged_in)}"
    )


def navigation(view: View, current: str) -> str:
    """The links to the pages."""
    return "".join(
        f'<a href="{entry.path}" data-key="{entry.key}"{" aria-current=page" if entry.name == current else ""}>'
        f"{_icon(entry.icon)}<span>{_words(view, f'nav.{entry.name}')}</span></a>"
        for entry in view.entries()
    )


def dialogs(view: View, shortcuts: tuple[Shortcut, ...]) -> str:
    """The help, and the place of the finder."""
    explained = [(keys, f"shortcut.{name}") for keys, name in (*_SHORTCUTS, *shortcuts)]
    explained += [(f"g {entry.key}", f"nav.{entry.name}") for entry in view.entries()]
    rows = "".join(f"<dt>{_keys(keys)}</dt><dd>{_words(view, key)}</dd>" for keys, key in explained)
    return (
        '<dialog id="wp-help" class="wp-dialog" aria-labelledby="wp-help-title">'
        f'<header><h2 id="wp-help-title">{_words(view, "top.help")}</h2><form method="dialog">'
        f'<button class="wp-icon" aria-label="{_words(view, "top.close")}">{_icon("close")}</button></form></header>'
        f"<dl>{rows}</dl></dialog>"
        f'<dialog id="wp-finder" class="wp-dialog" aria-label="{_words(view, "top.find")}"></dialog>'
    )


def _menu(view: View, path: str, is_logged_in: bool) -> str:
    themes = "".join(
        f'<button type="button" data-theme-choice="{theme}" aria-pressed="{str(theme == view.theme).lower()}">'
        f"{_icon(icon)}{_words(view, f'theme.{theme}')}</button>"
        for theme, icon in _THEMES.items()
    )
    languages = "".join(
        f'<a href="/language/{code}?back={quote(path, safe="")}" lang="{code}" hreflang="{code}"'
        f"{' aria-current=true' if code == view.language else ''}>{name}</a>"
        for code, name in LANGUAGES.items()
    )
    name = html.escape(view.user.name) or _words(view, "top.menu")
    return (
        '<details class="wp-menu">'
        f'<summary aria-label="{_words(view, "top.menu")}">{_icon("account_circle")}<span>{name}</span></summary>'
        f"<div>{_account(view) if is_logged_in else ''}"
        f'<p>{_words(view, "top.theme")}</p><div class="wp-choices">{themes}</div>'
        f'<p>{_words(view, "top.language")}</p><div class="wp-choices">{languages}</div>'
        f'<button type="button" class="wp-help-open" aria-keyshortcuts="?">{_icon("keyboard")}'
        f"{_words(view, 'top.help')}<kbd>?</kbd></button></div></details>"
    )


def _account(view: View) -> str:
    name = html.escape(view.user.name) or "Watchpost"
    return (
        f'<div class="wp-who">{_icon("account_circle")}<b>{name}</b>'
        f"<small>{_words(view, f'role.{view.user.role}')}</small></div>"
        f'<form action="/logout" method="post"><button type="submit">{_icon("logout")}{_words(view, "login.out")}'
        "</button></form>"
    )


def _keys(keys: str) -> str:
    return "".join(f"<kbd>{html.escape(key)}</kbd>" for key in keys.split(" "))


def _icon(name: str) -> str:
    return f'<i class="material-icons" aria-hidden="true">{name}</i>'


def _words(view: View, key: str) -> str:
    return html.escape(view.text(key))
