"""What the requests of an engine share: caches, turns, and the thread that finds masks beside the words."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from fakeshield_core.domain import ClaimsReady, VerdictReady
from fakeshield_core.fakeshield import forcing
from fakeshield_core.fakeshield.caches import Lru
from fakeshield_core.fakeshield.forcing import MaskStart
from fakeshield_core.fakeshield.localising import Localisation, MflmStage
from fakeshield_core.fakeshield.options import FakeShieldOptions
from fakeshield_core.fakeshield.turns import Turns
from fakeshield_core.networks.mflm import place_states
from fakeshield_core.picture import Picture

EMBEDDINGS = 256  # SAM's, 2.1 MB each in half precision: 0.5 GB of the machine's memory
RESULTS = 256  # words, and 0.26 MB for each mask

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Kept:
    """A finished answer; its map is grown again from the decoder's own resolution."""

    verdict: VerdictReady
    text: str
    low_resolution: npt.NDArray[np.float32]  # (n, 1, 256, 256)
    claims: ClaimsReady


@dataclass(slots=True)
class Workshop:
    """Shared by an engine and those made from it by a swap of adapter or options; keys tell them apart."""

    embeddings: Lru[Tensor] = field(default_factory=lambda: Lru[Tensor](EMBEDDINGS))
    results: Lru[Kept] = field(default_factory=lambda: Lru[Kept](RESULTS))
    turns: Turns = field(default_factory=Turns)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _aside: ThreadPoolExecutor | None = None

    def submit(self, work: Callable[[], Result]) -> Future[Result]:
        """Work for the one thread beside the words, first come, first served."""
        with self._lock:  # made at first use: a process that is forked before has no thread to lose
            if self._aside is None:
                self._aside = ThreadPoolExecutor(1, thread_name_prefix="masks")
            return self._aside.submit(work)


class MaskJob:
    """The mask of one picture: the constant half at once, the rest when there are words to ask with."""

    def __init__(
        self, stage: MflmStage, picture: Picture, options: FakeShieldOptions, shop: Workshop
    ) -> None:
        self._stage, self._picture, self._options, self._shop = stage, picture, options, shop
        self._prepared: Future[tuple[Tensor, MaskStart | None]] | None = None
        self._found: Future[Localisation] | None = None

    @property
    def is_asked(self) -> bool:
        """Whether words were given."""
        return self._found is not None

    @property
    def is_ready(self) -> bool:
        """Whether `result` gives the mask without waiting."""
        return self._found is not None and self._found.done()

    def prepare(self) -> None:
        """Begins what needs no words: SAM's embedding, and the prompt up to the description."""
        if self._prepared is None:
            self._prepared = self._shop.submit(self._prepare)

    def ask(self, words: str) -> None:
        """Begins to find the mask that these words describe."""
        self.prepare()
        self._found = self._shop.submit(lambda: self._locate(words))

    def result(self) -> Localisation:
        """The mask, once it was asked for; raises what went wrong on the way."""
        if self._found is None:
            raise RuntimeError("the mask was not asked for")
        return self._found.result()

    def cancel(self) -> None:
        """Gives up what has not begun; what has begun ends by itself."""
        for future in (self._found, self._prepared):
            if future is not None:
                future.cancel()

    def _prepare(self) -> tuple[Tensor, MaskStart | None]:
        stage, rgb = self._stage, self._picture.rgb
        with beside_the_words(stage):
            forced = self._options.seg == "forced" and self._options.with_explanation
            start = forcing.begin(stage, rgb, self._options.mask) if forced else None
            key = self._picture.facts.sha256
            kept = self._shop.embeddings.get(key)
            if kept is None:
                kept = stage.embed(rgb).cpu()
                self._shop.embeddings.put(key, kept)
            return kept, start

    def _locate(self, words: str) -> Localisation:
        stage, rgb, options = self._stage, self._picture.rgb, self._options
        if self._prepared is None:
            raise RuntimeError("the mask was not prepared")
        embedding, start = self._prepared.result()
        with beside_the_words(stage):
            if start is not None:
                states = forcing.forced_states(stage, start, words, options.mask)
            else:
                asked = stage.prompt(words if options.with_explanation else None, options.mask)
                given = stage.answer(rgb, stage.tokenizer.encode_with_image(asked))
                states = place_states(given.states, list(given.places))
            return stage.locate(states, embedding.to(states.device), *rgb.shape[:2])


@contextmanager
def beside_the_words(stage: MflmStage) -> Iterator[None]:
    """On a card: a stream of its own, so that masks and words do not wait for one another."""
    device = stage.network.language.lm_head.weight.device
    if device.type != "cuda":
        yield
        return
    stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    with torch.cuda.stream(stream):
        yield
        stream.synchronize()
