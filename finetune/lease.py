"""One retraining at a time: the lease of the store, held by a heartbeat while a process works."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from fakeshield_core.errors import FakeShieldError, RunRefused
from feedback.records import Lease
from feedback.store import FeedbackStore

log = logging.getLogger(__name__)

NAME = "finetune"
SECONDS = 60.0  # a lease runs out this long after its holder was killed
LEAST_SECONDS = 5.0  # heartbeats of a shorter one would keep the app from writing
MOST_SECONDS = 86_400.0  # a longer one locks everybody out once its holder was killed
BEATS = 4  # in that time


class Heartbeat:
    """The lease, extended by a thread of its own."""

    def __init__(self, store: FeedbackStore, lease: Lease, seconds: float) -> None:
        self.lease = lease
        self._store, self._seconds = store, seconds
        self._stop = threading.Event()
        self._lost: str | None = None
        self._thread = threading.Thread(target=self._beat, name="lease", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Nothing while the lease is ours.

        Raises:
            RunRefused: another process has it; stop, and write nothing.
        """
        if self._lost is not None:
            raise RunRefused(self._lost)

    def stop(self) -> None:
        """Lets the lease go."""
        self._stop.set()
        self._thread.join()
        with suppress(FakeShieldError):  # somebody else has it, or the store is gone: nothing to let go
            self._store.extend_lease(self.lease, 0.0)

    def _beat(self) -> None:
        while not self._stop.wait(self._seconds / BEATS):
            try:
                self._store.extend_lease(self.lease, self._seconds)
            except FakeShieldError as error:
                log.error("the lease is lost: %s", error)
                self._lost = str(error)
                return


@contextmanager
def held(store: FeedbackStore, seconds: float = SECONDS) -> Iterator[Heartbeat]:
    """The lease for as long as the block runs.

    Raises:
        RunRefused: another process has it.
    """
    lease = store.take_lease(NAME, f"{socket.gethostname()}:{os.getpid()}", seconds)
    if lease is None:
        raise RunRefused(
            f"Another retraining is at work, or was stopped less than {seconds:.0f} s ago; look at "
            "`python -m finetune status`, and try again in a minute."
        )
    heartbeat = Heartbeat(store, lease, seconds)
    try:
        yield heartbeat
    finally:
        heartbeat.stop()
