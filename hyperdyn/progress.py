"""How far a long piece of work is: a bar on a terminal, lines in a log."""

from __future__ import annotations

import time
from datetime import timedelta
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

LOG_EVERY = 10.0
"""Seconds between two lines of a log."""


class Meter:
    """Counts `total` parts of a piece of work and the `unit`s done in them; shows the rate and the time left.

    On a terminal it is one bar; elsewhere a line every ten seconds and one at the end. Writes to stderr.

    done: parts that an earlier piece of the work did. note: set at any time, shown behind the rate.
    """

    def __init__(
        self,
        title: str,
        total: int,
        unit: str,
        *,
        done: int = 0,
        enabled: bool = True,
        console: Console | None = None,
    ) -> None:
        self.title = title
        self.total = total
        self.unit = unit
        self.enabled = enabled
        self.console = console or Console(stderr=True)
        self.done = self.parts = done
        self.units = 0
        self.note = ""
        self.bar: Progress | None = None

    def __enter__(self) -> Self:
        self.began = self.last = time.perf_counter()
        if self.enabled and self.console.is_terminal:
            self.bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}"),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                console=self.console,
            )
            self.task = self.bar.add_task(self.title, total=self.total, completed=self.done, rate="")
            self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bar is not None:
            self.bar.stop()
        elif self.enabled and (self.parts > self.done or self.parts >= self.total):  # work left at once says nothing
            self._log()

    @property
    def rate(self) -> float:
        """Units per second since the start."""
        return self.units / max(time.perf_counter() - self.began, 1e-9)

    def advance(self, units: int) -> None:
        """One more part is done, and `units` in it."""
        self.parts += 1
        self.units += units
        now = time.perf_counter()
        if self.bar is not None:
            self.bar.update(self.task, completed=self.parts, rate=self._rate)
        elif self.enabled and now - self.last >= LOG_EVERY and self.parts < self.total:
            self.last = now
            self._log()

    @property
    def _rate(self) -> str:
        return f"{self.rate:,.0f} {self.unit}/s" + (f", {self.note}" if self.note else "")

    def _log(self) -> None:
        spent = time.perf_counter() - self.began
        here = self.parts - self.done
        left = spent / here * (self.total - self.parts) if here else float("nan")
        ends = f", {timedelta(seconds=round(left))} left" if here and self.parts < self.total else ""
        self.console.print(
            f"{self.title}: {self.parts}/{self.total}, {self._rate}, {timedelta(seconds=round(spent))} spent{ends}",
            highlight=False,
            soft_wrap=True,
        )
