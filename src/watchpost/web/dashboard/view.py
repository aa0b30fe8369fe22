"""What a page function needs to know: who looks, at which server, in which language and theme, and where to go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from fastapi import Request

from watchpost.web.access import Role, User, user_of
from watchpost.web.dashboard.entrance import SCOPE_KEY, Given
from watchpost.web.page import LANGUAGE_COOKIE
from watchpost.web.services import Services
from watchpost.web.texts import catalogue, choose_language

THEME_COOKIE: Final = "watchpost_theme"
Theme = Literal["auto", "dark", "light"]
"""`auto` is what the reader's system wishes."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One page of the navigation."""

    name: str
    """The key of its words: `nav.NAME`."""
    path: str
    key: str
    """Leads there after g."""
    icon: str
    """A name of Google's Material Icons, which come along with NiceGUI."""
    role: Role = Role.VIEWER
    """Who does not have it is not shown the page."""


NAVIGATION: Final = (
    Entry("wall", "/", "w", "grid_view"),
    Entry("events", "/events", "e", "manage_search"),
    Entry("insights", "/insights", "i", "insights"),
    Entry("settings", "/settings", "s", "settings"),
)


@dataclass(frozen=True, slots=True)
class View:
    """Who looks, at what, and how."""

    services: Services
    user: User
    language: str
    theme: Theme

    def text(self, key: str, **values: object) -> str:
        """The words of a key of `web/locales`, with `{name}` replaced by `values`."""
        return catalogue(self.language)[key].format(**values)

    def entries(self) -> list[Entry]:
        """The pages that this reader may go to."""
        return [entry for entry in NAVIGATION if self.user.role.covers(entry.role)]


def view_of(request: Request) -> View:
    """What a page function needs to know, without anything global."""
    given: Given = request.scope[SCOPE_KEY]
    wish = request.headers.get("accept-language", "")
    language = choose_language(request.cookies.get(LANGUAGE_COOKIE), wish, given.language)
    chosen = request.cookies.get(THEME_COOKIE)
    theme: Theme = "dark" if chosen == "dark" else "light" if chosen == "light" else "auto"
    return View(given.services, user_of(request), language, theme)
