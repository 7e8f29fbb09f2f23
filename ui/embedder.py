"""The segmenter in use, and pictures as it remembers them: one at a time, in the background."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from typing import NamedTuple, TypeVar

from fakeshield_core.domain import Candidates, Embedding, Logits, Prompts, Segmenter
from fakeshield_core.errors import EngineUnavailable, FakeShieldError
from fakeshield_core.picture import Picture

log = logging.getLogger(__name__)

T = TypeVar("T")

MOST_BYTES = 256 * 1024 * 1024  # of pictures and embeddings kept: about 50 of one megapixel, 2 of the largest
EMBEDDING_BYTES = 2 * 1024 * 1024  # set aside for one; ours is below 1.5 MB, SAM's is 2 MB
PATIENCE_S = 60.0  # for which a click waits for its embedding
AT_ONCE = 2  # clicks that are decoded together; more would only take turns on the cores
FAILED = "Clicks could not be started; the operator finds the reason in the log. The brush works."
SLOW = "The picture is not ready for clicks yet; try again in a moment."


class Held(NamedTuple):
    """A picture and, now or soon, what the segmenter remembers of it."""

    picture: Picture
    embedding: Future[Embedding]


class Embedder:
    """Holds the segmenter and the latest pictures; the oldest are dropped. Safe to use from any thread."""

    def __init__(self, build: Callable[[], Segmenter], most_bytes: int = MOST_BYTES) -> None:
        """Nothing is built before it is needed or `start` is called.

        Args:
            build: makes the segmenter; called once, in the background.
            most_bytes: of pictures and embeddings together; the newest is kept whatever its size.
        """
        self._build = build
        self._most_bytes = most_bytes
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="embed")
        self._segmenter: Future[Segmenter] | None = None
        self._held: OrderedDict[str, Held] = OrderedDict()
        self._lock = threading.Lock()
        self._turns = threading.BoundedSemaphore(AT_ONCE)

    def start(self) -> Future[Segmenter]:
        """Builds the segmenter in the background, once."""
        with self._lock:
            if self._segmenter is None:
                self._segmenter = self._worker.submit(self._built)
            return self._segmenter

    @property
    def problem(self) -> str | None:
        """Why there are no clicks; None while the segmenter is built and once it is there."""
        built = self._segmenter
        if built is None or not built.done() or built.cancelled():
            return None
        error = built.exception()
        return None if error is None else str(error)

    def hold(self, picture: Picture) -> Held:
        """Keeps the picture and embeds it in the background, unless it is here already."""
        segmenter = self.start()
        with self._lock:
            held = self._held.get(picture.facts.sha256)
            if held is None or _failed(held.embedding):
                held = Held(picture, self._worker.submit(_embed, segmenter, picture))
                self._held[picture.facts.sha256] = held
                self._drop_oldest()
            self._held.move_to_end(picture.facts.sha256)
        return held

    def held(self, sha256: str) -> Picture | None:
        """The picture of that digest if it is still here."""
        with self._lock:
            found = self._held.get(sha256)
            return found.picture if found else None

    def forget(self, sha256: str) -> None:
        """Drops the picture of that digest."""
        with self._lock:
            found = self._held.pop(sha256, None)
        if found is not None:
            found.embedding.cancel()

    def segment(self, picture: Picture, prompts: Prompts, prior: Logits | None) -> Candidates:
        """What the segmenter offers; waits for the embedding where it is still being made.

        Raises:
            EngineUnavailable: there is no segmenter, or it takes too long.
        """
        embedding = _waited(self.hold(picture).embedding)
        segmenter = _waited(self.start())
        with self._turns:
            return segmenter.segment(embedding, prompts, prior)

    def close(self) -> None:
        """Ends after the embedding that is being made; those that wait are given up."""
        self._worker.shutdown(wait=True, cancel_futures=True)

    def _built(self) -> Segmenter:
        began = time.perf_counter()
        try:
            segmenter = self._build()
        except FakeShieldError as error:
            log.error("no clicks: %s", error)
            raise
        except Exception as error:  # anything a library may raise: the page must say that there are no clicks
            log.exception("no clicks")
            raise EngineUnavailable(FAILED) from error
        log.info("clicks ready in %.1f s", time.perf_counter() - began)
        return segmenter

    def _drop_oldest(self) -> None:
        while len(self._held) > 1 and sum(map(_bytes_of, self._held.values())) > self._most_bytes:
            _, oldest = self._held.popitem(last=False)
            oldest.embedding.cancel()


def _bytes_of(held: Held) -> int:
    return held.picture.rgb.nbytes + len(held.picture.data) + EMBEDDING_BYTES


def _embed(segmenter: Future[Segmenter], picture: Picture) -> Embedding:
    return segmenter.result().embed(picture)  # it is built by the same thread, before this


def _failed(embedding: Future[Embedding]) -> bool:
    return embedding.cancelled() or (embedding.done() and embedding.exception() is not None)


def _waited(future: Future[T]) -> T:
    try:
        return future.result(PATIENCE_S)
    except (TimeoutError, CancelledError) as error:
        raise EngineUnavailable(SLOW) from error
