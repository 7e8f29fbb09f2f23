"""Retraining by the clock: a line for cron, or a loop in a process of its own, never the web process."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fakeshield_core.errors import RunRefused
from feedback.store import FeedbackStore

log = logging.getLogger(__name__)

HOURS = 24.0
MOST_HOURS = 8760.0  # a year
LEAST = 20  # new accepted corrections that make a run worth it
POLL_S = 60.0


@dataclass(frozen=True, slots=True)
class Plan:
    """When a run is due."""

    hours: float = HOURS  # between two runs
    least: int = LEAST  # corrections accepted since the last release

    def __post_init__(self) -> None:
        if not 0 < self.hours <= MOST_HOURS or self.least < 1:
            raise RunRefused(
                f"A run comes every so many hours, above 0 and at most {MOST_HOURS:g}, after 1 new "
                "correction or more; give such as --every 24 --least 20."
            )


def cron_line(python: str, folder: Path, plan: Plan, settings: Sequence[str] = ()) -> str:
    """A crontab line that looks every hour, and runs with these settings when the plan says so."""
    how = ["--once", "--every", f"{plan.hours:g}", "--least", str(plan.least), *settings]
    command = shlex.join([python, "-m", "finetune", "schedule", *how])
    line = f"cd {shlex.quote(str(folder))} && {command}"
    return "0 * * * * " + line.replace("%", "\\%")  # cron ends a command at a bare %


def is_due(store: FeedbackStore, plan: Plan, now: datetime) -> bool:
    """Whether enough time has passed and enough was accepted; an unfinished run always goes on."""
    last = next(iter(store.runs(1)), None)
    if last is not None and last.state == "running":
        return True
    if last is not None and now - datetime.fromisoformat(last.created_at) < timedelta(hours=plan.hours):
        return False
    return fresh(store) >= plan.least


def fresh(store: FeedbackStore) -> int:
    """Accepted corrections that may train and were in no release yet."""
    seen = {item.uuid for release in store.releases() for item in release.items}
    return sum(item.consent.train and item.uuid not in seen for item in store.items("accepted"))


def keep(turn: Callable[[], None], wait: Callable[[float], bool], poll_s: float = POLL_S) -> None:
    """Takes turns until `wait` says stop; a turn that raises is logged, and the next one comes.

    Args:
        turn: carries out decisions, and runs when due.
        wait: sleeps that many seconds; True: stop.
    """
    while True:
        try:
            turn()
        except Exception:  # the loop outlives whatever one turn may raise
            log.exception("this turn failed")
        if wait(poll_s):
            return


def utc_now() -> datetime:
    """Now, with its zone."""
    return datetime.now(UTC)
