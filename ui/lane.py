"""One analysis at a time: a fair line of bounded length in front of the engine."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from fakeshield_core.errors import FakeShieldError
from ui.words import say


class LaneFull(FakeShieldError):
    """As many people wait as the operator allows."""


class Place:
    """One person's place in the line."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane

    @property
    def ahead(self) -> int:
        """How many go first; 0 when it is this one's turn."""
        return self._lane.ahead_of(self)

    def give_way(self) -> None:
        """Lets all who wait now go first."""
        self._lane.move_back(self)

    def wait(self, timeout_s: float) -> bool:
        """Whether it is this one's turn, after at most `timeout_s` seconds."""
        return self._lane.wait_for(self, timeout_s)


class Lane:
    """First come, first served. Safe to use from any thread."""

    def __init__(self, places: int) -> None:
        """A lane in which `places` people may wait behind the one who is served."""
        self._most = places + 1
        self._line: deque[Place] = deque()
        self._moved = threading.Condition()

    @contextmanager
    def enter(self) -> Iterator[Place]:
        """A place, given up at the end of the block.

        Raises:
            LaneFull: nobody more may wait.
        """
        place = Place(self)
        with self._moved:
            if len(self._line) >= self._most:
                raise LaneFull(say("why_busy", n=len(self._line) - 1))
            self._line.append(place)
        try:
            yield place
        finally:
            with self._moved:
                self._line.remove(place)
                self._moved.notify_all()

    def ahead_of(self, place: Place) -> int:
        """How many stand before this place."""
        with self._moved:
            return self._line.index(place)

    def move_back(self, place: Place) -> None:
        """Puts a place at the end of the line."""
        with self._moved:
            self._line.remove(place)
            self._line.append(place)
            self._moved.notify_all()

    def wait_for(self, place: Place, timeout_s: float) -> bool:
        """Whether the place is first, after at most `timeout_s` seconds."""
        with self._moved:
            return self._moved.wait_for(lambda: self._line[0] is place, timeout_s)
