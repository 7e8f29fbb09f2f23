"""Room for so many at once; who waits too long for it is told so."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from fakeshield_core.errors import FakeShieldError

BUSY = "Too many people ask for this at once; try again in a moment."


class Busy(FakeShieldError):
    """Others take up all the room."""


@dataclass(frozen=True)
class Turns:
    """Safe to use from any thread."""

    at_once: int = 2
    patience_s: float = 20.0
    _room: threading.BoundedSemaphore = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_room", threading.BoundedSemaphore(self.at_once))

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Waits for room, and gives it back at the end.

        Raises:
            Busy: there was none in time.
        """
        if not self._room.acquire(timeout=self.patience_s):
            raise Busy(BUSY)
        try:
            yield
        finally:
            self._room.release()
