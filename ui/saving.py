"""The store behind the page: opened in the background, tried again where it could not be opened."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Literal

from fakeshield_core.errors import FakeShieldError, StoreUnavailable
from feedback.store import FeedbackStore

log = logging.getLogger(__name__)

State = Literal["opening", "open", "off"]

PATIENCE_S = 30.0  # for which a Save waits while the store opens
AGAIN_S = 20.0  # after which it is tried once more
OFF = "Saving is off on this server for now; what you marked stays in your browser, so save again later."
FAILED = "The store could not be opened; the reason is in the log."


class Saving:
    """Holds the store once it is open, or the reason why it is not. Safe to use from any thread."""

    def __init__(
        self, open_store: Callable[[], FeedbackStore], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._open_store = open_store
        self._clock = clock
        self._lock = threading.Lock()  # held while the store opens
        self._store: FeedbackStore | None = None
        self._problem: str | None = None
        self._tried_at: float | None = None
        self._closed = False

    def start(self) -> None:
        """Opens the store in a thread of its own."""
        threading.Thread(target=self._try, name="store", daemon=True).start()

    @property
    def state(self) -> State:
        """Whether corrections can be saved now."""
        return "open" if self._store is not None else "opening" if self._problem is None else "off"

    @property
    def problem(self) -> str | None:
        """Why nothing can be saved, in words for the operator; None while it opens and once it is open."""
        return self._problem

    def store(self) -> FeedbackStore:
        """The open store.

        Raises:
            StoreUnavailable: it could not be opened, or is closed.
        """
        found = self._store or self._try()
        if found is None:
            raise StoreUnavailable(OFF)
        return found

    def close(self) -> None:
        """Closes the store for good."""
        with self._lock:
            self._closed = True
            if self._store is not None:
                self._store.close()
            self._store, self._problem = None, OFF

    def _try(self) -> FeedbackStore | None:
        """The store, after trying to open it unless that failed a moment ago."""
        if not self._lock.acquire(timeout=PATIENCE_S):
            return None
        try:
            if self._store is None and not self._closed and self._is_due():
                self._open()
            return self._store
        finally:
            self._lock.release()

    def _is_due(self) -> bool:
        return self._tried_at is None or self._clock() - self._tried_at >= AGAIN_S

    def _open(self) -> None:
        began = self._clock()
        try:
            self._store, self._problem = self._open_store(), None
            log.info("store open after %.1f s", self._clock() - began)
        except FakeShieldError as error:
            log.error("no store: %s", error)
            self._problem = str(error)
        except Exception:  # anything a database driver may raise: analysing goes on without it
            log.exception("no store")
            self._problem = FAILED
        self._tried_at = self._clock()
