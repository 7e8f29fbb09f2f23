"""What is worth keeping between two questions, bounded in number and age, by digest."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")
HOUR_S = 3600.0  # the page says that a picture is gone within an hour: so is what was found in it


class Lru(Generic[Value]):
    """The values used last, none of them older than an hour; safe to use from any thread.

    Each use drops what is too old, whatever it asked for.
    """

    def __init__(self, most: int, age_s: float = HOUR_S, clock: Callable[[], float] = time.monotonic) -> None:
        """A cache of at most `most` values; 0 keeps none."""
        self._most, self._age_s, self._clock = most, age_s, clock
        self._kept: OrderedDict[Hashable, tuple[float, Value]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> Value | None:
        """The value, which becomes the one used last; None where it is not kept."""
        with self._lock:
            self._drop_old()
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return self._kept[key][1]

    def put(self, key: Hashable, value: Value) -> None:
        """Keeps a value; the one that was not used for longest goes where there are too many."""
        with self._lock:
            self._drop_old()
            self._kept[key] = self._clock(), value
            self._kept.move_to_end(key)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)

    def _drop_old(self) -> None:
        oldest = self._clock() - self._age_s
        for key in [key for key, (since, _) in self._kept.items() if since <= oldest]:
            del self._kept[key]

    def __len__(self) -> int:
        return len(self._kept)
