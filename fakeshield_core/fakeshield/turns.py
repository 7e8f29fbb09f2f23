"""One card, several people: turns in the order they were asked for, a few tokens long each."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")


class Turns:
    """First come, first served; whoever wants another turn goes to the end. Safe to use from any thread."""

    def __init__(self) -> None:
        self._line: deque[object] = deque()
        self._moved = threading.Condition()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Waits for a turn, and gives it up at the end of the block."""
        place = object()
        with self._moved:
            self._line.append(place)
            self._moved.wait_for(lambda: self._line[0] is place)
        try:
            yield
        finally:
            with self._moved:
                self._line.popleft()
                self._moved.notify_all()

    def each(self, items: Iterator[Item]) -> Iterator[Item]:
        """The same items, a turn for each; nothing is held while the reader has one."""
        end = object()
        while True:
            with self.turn():
                item: Item | object = next(items, end)
            if item is end:
                return
            yield item  # type: ignore[misc]  # everything but `end` is an Item
