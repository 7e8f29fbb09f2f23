"""The engine in use: built and warmed in the background, so that the page opens at once."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

import numpy as np

from fakeshield_core.domain import Engine
from fakeshield_core.errors import EngineUnavailable, FakeShieldError
from fakeshield_core.imaging import decode, encode_display_jpeg
from fakeshield_core.pipeline import analyze_to_end

log = logging.getLogger(__name__)

STARTING = "The engine is still starting; try again in a few seconds."
FAILED = "The engine could not be started; the operator finds the reason in the log."
WARM_SIDE_PX = 256  # of the picture that is analysed once before anyone else's


class EngineHost:
    """Holds the engine once it is there, or the reason why it will not be."""

    def __init__(self, build: Callable[[], Engine]) -> None:
        self._build = build
        self._settled = threading.Event()
        self._engine: Engine | None = None
        self._problem: str | None = None

    def start(self) -> None:
        """Builds and warms the engine in a thread of its own."""
        threading.Thread(target=self._warm, name="engine", daemon=True).start()

    @property
    def problem(self) -> str | None:
        """Why there is no engine, None while it starts and once it is there."""
        return self._problem

    def ready(self) -> Engine | None:
        """The engine if it is warm, without waiting."""
        return self._engine

    def wait(self, timeout_s: float) -> bool:
        """Whether the engine is there or has failed, after at most `timeout_s` seconds."""
        return self._settled.wait(timeout_s)

    def engine(self) -> Engine:
        """The engine.

        Raises:
            EngineUnavailable: it is still starting, or could not be built.
        """
        if self._engine is None:
            raise EngineUnavailable(self._problem or STARTING)
        return self._engine

    def _warm(self) -> None:
        began = time.perf_counter()
        try:
            engine = self._build()
            analyze_to_end(engine, decode(_grey_picture(), "warm-up.jpg"))
            self._engine = engine
            log.info("engine %s ready in %.1f s", engine.info.name, time.perf_counter() - began)
        except FakeShieldError as error:
            log.error("no engine: %s", error)
            self._problem = str(error)
        except Exception:  # anything a library may raise: the page must say that there is no engine
            log.exception("no engine")
            self._problem = FAILED
        finally:
            self._settled.set()


def _grey_picture() -> bytes:
    ramp = np.linspace(60, 190, WARM_SIDE_PX).astype(np.uint8)
    return encode_display_jpeg(np.broadcast_to(ramp[:, None, None], (WARM_SIDE_PX, WARM_SIDE_PX, 3)).copy())
