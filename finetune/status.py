"""What the retraining says of itself: champion, runs, what waits. Reads only, and loads no network."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from fakeshield_core.adapters import read_champion
from fakeshield_core.domain import JsonValue
from fakeshield_core.errors import AdapterIncompatible
from feedback.events import plain
from feedback.records import AdapterMove, Run
from feedback.store import FeedbackStore
from finetune.config import Places


@dataclass(frozen=True, slots=True)
class Status:
    """The state of the loop."""

    champion: str | None
    problem: str | None  # with the champion pointer
    trainable: int  # accepted corrections that may train
    runs: tuple[Run, ...]  # newest first
    moves: tuple[AdapterMove, ...]  # oldest first

    def to_json(self) -> dict[str, JsonValue]:
        """All of it."""
        return plain(self)


def status(store: FeedbackStore, places: Places, newest: int = 10) -> Status:
    """The state of the loop now."""
    champion, problem = None, None
    try:
        champion = read_champion(places.adapters)
    except AdapterIncompatible as error:
        problem = str(error)
    runs, moves = tuple(store.runs(newest)), tuple(store.moves())
    return Status(champion, problem, store.stats().trainable, runs, moves)


def described(found: Status) -> str:
    """The state for a terminal."""
    lines = [
        f"champion: {found.champion or 'the base alone'}",
        f"corrections that may train: {found.trainable}",
        *(f"problem: {found.problem}" for _ in range(found.problem is not None)),
        *(run_line(run) for run in found.runs),
    ]
    return "\n".join(lines)


def run_line(run: Run) -> str:
    """One run in a line."""
    said = run.detail
    about = str(said.get("sentence") or "")
    if run.state == "running":
        about = f"{said.get('phase')}, step {said.get('step')} of {said.get('steps')}{_eta(run)}"
    when = datetime.fromisoformat(run.created_at).strftime("%Y-%m-%d %H:%M")
    return f"{when}  {run.id}  {run.state}  adapter {run.adapter or 'none yet'}  {about}".rstrip()


def _eta(run: Run) -> str:
    eta = run.detail.get("eta_s")
    return f", about {eta:.0f} s left" if isinstance(eta, int | float) else ""
