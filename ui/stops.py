"""Which questions were taken back."""

from __future__ import annotations

import threading
from collections import OrderedDict

MOST = 1000  # remembered; a question ends long before a thousand others were taken back


class Stops:
    """Safe to use from any thread."""

    def __init__(self) -> None:
        self._runs: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()

    def ask(self, run: str) -> None:
        """Takes a question back, also one that has not arrived yet; those without a name cannot be."""
        if not run:
            return
        with self._lock:
            self._runs[run] = None
            while len(self._runs) > MOST:
                self._runs.popitem(last=False)

    def asked(self, run: str) -> bool:
        """Whether it was taken back."""
        with self._lock:
            return run in self._runs
