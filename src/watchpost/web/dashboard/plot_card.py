"""A chart with everything around it: its title, what it means, its figures as a file, and what to do when empty."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from nicegui import ui

from watchpost.errors import WatchpostError
from watchpost.web.dashboard.frame import View
from watchpost.web.dashboard.plot import Plot, PlotElement


class PlotCard:
    """One card; `load` makes its chart, and is asked again at each `refresh`.

    The words are those of `insights.NAME.title`, `.means` and `.empty`: why there may be nothing and what to do.
    """

    def __init__(self, view: View, name: str, load: Callable[[], Awaitable[Plot]], *, is_wide: bool = False) -> None:
        self._view = view
        self._name = name
        self._load = load
        self._plot = Plot()
        self._asked = 0
        title = self._text("title")
        with ui.element("section").classes("wp-card" + (" wp-wide" if is_wide else "")).props(f'aria-label="{title}"'):
            with ui.element("header"):
                with ui.element("div"):
                    ui.label(title).classes("wp-card-title").props("role=heading aria-level=2")
                    self._means = ui.label(self._text("means")).classes("wp-note")
                self._download = ui.button("CSV", icon="download", on_click=self._save).props(
                    f'flat dense aria-label="{view.text("insights.csv", title=title)}"'
                )
            with ui.element("div").classes("wp-card-body") as self._body:
                ui.spinner(size="lg").classes("wp-waiting")  # until there is a chart, or a word why there is none
        self._download.visible = False

    async def refresh(self) -> None:
        """Load and draw; what fails is told on the card, the others are there all the same."""
        self._asked += 1
        number = self._asked
        problem = ""
        try:
            plot = await self._load()
        except WatchpostError as error:
            plot, problem = Plot(), str(error)
        if number != self._asked:
            return  # the reader wants to see something else by now
        self._plot = plot
        self._download.visible = bool(plot.traces)
        self._means.text = f"{plot.note}: {self._text('means')}" if plot.note else self._text("means")
        self._body.clear()
        with self._body:
            if plot.traces:
                PlotElement(plot, self._text("title"))
            elif problem:
                ui.label(problem).classes("wp-error").props("role=alert")
            else:
                ui.label(self._text("empty")).classes("wp-empty")

    def _save(self) -> None:
        ui.download.content(self._plot.as_csv(), f"watchpost-{self._name}.csv", "text/csv")

    def _text(self, what: str) -> str:
        return self._view.text(f"insights.{self._name}.{what}")
