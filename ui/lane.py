"""One analysis at a time: a fair line of bounded length in front of the engine."""

from __future__ import annotations

import threading
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
        self.is_again = False  # whether it gave way once: all who come for the first time go first

    @property
    def ahead(self) -> int:
        """How many go first; 0 when it is this one's turn."""
        return self._lane.ahead_of(self)

    def give_way(self) -> bool:
        """Lets all who come for the first time go first; False, and no change, where too many did already."""
        return self._lane.move_back(self)

    def wait(self, timeout_s: float) -> bool:
        """Whether it is this one's turn, after at most `timeout_s` seconds."""
        return self._lane.wait_for(self, timeout_s)


class Lane:
    """First come, first served, before those who come again. Safe to use from any thread."""

    def __init__(self, places: int) -> None:
        """A lane in which `places` people may wait behind the one who is served, and as many again."""
        self._most = places + 1
        self._line: list[Place] = []  # the first one is served
        self._moved = threading.Condition()

    @contextmanager
    def enter(self) -> Iterator[Place]:
        """A place, given up at the end of the block.

        Raises:
            LaneFull: nobody more may wait.
        """
        place = Place(self)
        with self._moved:
            firsts = sum(not other.is_again for other in self._line)
            if firsts >= self._most:
                raise LaneFull(say("why_busy", n=firsts - 1))
            behind = (at for at, other in enumerate(self._line) if at and other.is_again)
            self._line.insert(next(behind, len(self._line)), place)
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

    def move_back(self, place: Place) -> bool:
        """Puts a place at the end of the line, unless too many are there who come again."""
        with self._moved:
            if sum(other.is_again for other in self._line) >= self._most:
                return False
            place.is_again = True
            self._line.remove(place)
            self._line.append(place)
            self._moved.notify_all()
            return True

    def wait_for(self, place: Place, timeout_s: float) -> bool:
        """Whether the place is first, after at most `timeout_s` seconds."""
        with self._moved:
            return self._moved.wait_for(lambda: self._line[0] is place, timeout_s)
