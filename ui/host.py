"""The engine in use: built and warmed in the background, so that the page opens at once.

A champion named by the adapter pointer is built and warmed beside the engine in use, then one reference is
exchanged: requests that run finish on the engine they began with.
"""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path
from typing import Protocol

import numpy as np

from fakeshield_core.adapters import read_champion
from fakeshield_core.domain import Engine
from fakeshield_core.errors import EngineUnavailable, FakeShieldError
from fakeshield_core.imaging import decode, encode_display_jpeg
from fakeshield_core.pipeline import analyze_to_end

log = logging.getLogger(__name__)

STARTING = "The engine is still starting; try again in a few seconds."
FAILED = "The engine could not be started; the operator finds the reason in the log."
KEPT = "The new adapter could not be loaded; the operator finds the reason in the log."
WARM_SIDE_PX = 256  # of the picture that is analysed once before anyone else's
POLL_S = 2.0  # between two looks at the champion pointer


class Build(Protocol):
    """Makes an engine; with the folder of an adapter where one is in use."""

    def __call__(self, *, adapter: Path = ...) -> Engine:
        """The engine."""
        ...


class EngineHost:
    """Holds the engine once it is there, or the reason why it will not be."""

    def __init__(self, build: Build, adapters: Path | None = None, poll_s: float = POLL_S) -> None:
        """Nothing is built before `start`.

        Args:
            build: called without arguments for the base alone.
            adapters: folder of adapters and champion pointer; None: the base alone for good.
            poll_s: seconds between two looks at the pointer.
        """
        self._build, self._adapters, self._poll_s = build, adapters, poll_s
        self._settled, self._stopped = threading.Event(), threading.Event()
        self._engine: Engine | None = None
        self._problem: str | None = None
        self._pointer: str | None = None  # what is wrong with the champion pointer
        self._tried: str | None = None  # champion the engine in use was built for, or could not be

    def start(self) -> None:
        """Builds and warms the engine in a thread of its own, which then watches the pointer."""
        threading.Thread(target=self._live, name="engine", daemon=True).start()

    def stop(self) -> None:
        """Stops watching the pointer."""
        self._stopped.set()

    @property
    def problem(self) -> str | None:
        """Why there is no engine, or not the champion's; None while it starts and where all is well."""
        return self._problem or self._pointer

    def ready(self) -> Engine | None:
        """The engine if it is warm, without waiting."""
        return self._engine

    def wait(self, timeout_s: float) -> bool:
        """Whether the engine is there or has failed, after at most `timeout_s` seconds."""
        return self._settled.wait(timeout_s)

    def engine(self) -> Engine:
        """The engine; a request takes it once and keeps it to its end.

        Raises:
            EngineUnavailable: it is still starting, or could not be built.
        """
        if self._engine is None:
            raise EngineUnavailable(self._problem or STARTING)
        return self._engine

    def _live(self) -> None:
        try:
            self._tried = self._champion()
            built = self._try(self._tried, FAILED)
            if built is None and self._tried is not None:  # better the base, and said so, than nothing
                why = self._problem
                built = self._try(None, FAILED)
                self._problem = self._problem if built is None else why
            self._engine = built
        finally:
            self._settled.set()
        while self._adapters is not None and not self._stopped.wait(self._poll_s):
            self._look()

    def _look(self) -> None:
        """Serves another champion where the pointer names one."""
        champion = self._champion()
        if champion == self._tried or self._pointer is not None:
            return
        self._tried = champion
        built = self._try(champion, KEPT)
        if built is not None:
            self._engine, self._problem = built, None

    def _champion(self) -> str | None:
        """Digest the pointer names; where it cannot be read, None, and `_pointer` says why."""
        if self._adapters is None:
            return None
        try:
            champion, wrong = read_champion(self._adapters), None
        except FakeShieldError as error:
            champion, wrong = None, str(error)
            if wrong != self._pointer:
                log.error("the champion pointer: %s", wrong)
        self._pointer = wrong
        return champion

    def _try(self, champion: str | None, unexpected: str) -> Engine | None:
        """A warm engine, or None with the reason in `problem`."""
        began = time.perf_counter()
        try:
            if champion is None or self._adapters is None:
                engine = self._build()
            else:
                engine = self._build(adapter=self._adapters / champion)
            analyze_to_end(engine, decode(_grey_picture(), "warm-up.jpg"))
        except FakeShieldError as error:
            log.error("no engine with %s: %s", _named(champion), error)
            self._problem = str(error)
            return None
        except Exception:  # anything a library may raise: the page must say that there is no engine
            log.exception("no engine with %s", _named(champion))
            self._problem = unexpected
            return None
        seconds = time.perf_counter() - began
        log.info("engine %s with %s ready in %.1f s", engine.info.name, _named(champion), seconds)
        return engine


def _named(champion: str | None) -> str:
    return "the base alone" if champion is None else f"adapter {champion}"


def _grey_picture() -> bytes:
    ramp = np.linspace(60, 190, WARM_SIDE_PX).astype(np.uint8)
    return encode_display_jpeg(np.broadcast_to(ramp[:, None, None], (WARM_SIDE_PX, WARM_SIDE_PX, 3)).copy())
