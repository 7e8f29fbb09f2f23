"""An engine asked once more about a picture: for another answer, or for a map where its verdict gave none."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol, cast, runtime_checkable

import numpy as np

from fakeshield_core.domain import (
    Analysis,
    ClaimsReady,
    Engine,
    EngineInfo,
    MapReady,
    Update,
    VerdictReady,
)
from fakeshield_core.errors import EngineError, EngineUnavailable
from fakeshield_core.picture import Picture

OTHER, MAP = "other", "map"  # what can be asked for
SAMPLED = "This answer was sampled with seed {seed}; the first one is the engine's own."
ON_REQUEST = "The map was asked for; the engine itself marks nothing with this verdict."
NO_MAP = "There is no map on request: {what}"
CHANGED = "Another engine or adapter answers by now; choose the picture again."
SEEDS = 2**31


@runtime_checkable
class Askable(Engine, Protocol):
    """An engine that samples other answers and finds a map for any words."""

    def regenerate(self, picture: Picture, seed: int) -> Iterator[Update]:
        """Another answer; the same seed gives the same."""
        ...

    def map_on_request(self, picture: Picture, words: str) -> MapReady:
        """Where the tampering that the words tell of would be."""
        ...


@dataclass(frozen=True, slots=True)
class Other:
    """The engine with another answer."""

    engine: Askable
    seed: int

    @property
    def info(self) -> EngineInfo:
        """The engine's own."""
        return self.engine.info

    def analyze(self, picture: Picture) -> Iterator[Update]:
        """Its updates; the verdict tells the seed."""
        told = SAMPLED.format(seed=self.seed)
        for update in self.engine.regenerate(picture, self.seed):
            if isinstance(update, VerdictReady):
                yield replace(update, warnings=(*update.warnings, told))
            else:
                yield update


@dataclass(frozen=True, slots=True)
class Mapped:
    """The engine with the answer it gave before, and a map that was asked for."""

    engine: Askable
    given: Analysis

    @property
    def info(self) -> EngineInfo:
        """The engine's own."""
        return self.engine.info

    def analyze(self, picture: Picture) -> Iterator[Update]:
        """The answer and the map; where the engine fails, the answer with an empty map and its reason."""
        given, told = self.given, self.given.explanation
        shown = MapReady(np.zeros(picture.rgb.shape[:2], np.float32), given.mask_threshold)
        try:
            shown, note = self.engine.map_on_request(picture, told.text if told else ""), ON_REQUEST
        except EngineError as error:
            note = NO_MAP.format(what=error)
        yield VerdictReady(
            given.verdict,
            given.score,
            given.band,
            given.threshold,
            given.findings,
            given.stability,
            warnings=(*_own(given, picture), note),
            domain_tag=given.domain_tag,
        )
        yield shown
        if told is not None:
            yield ClaimsReady(told)


def can_be_asked(engine: Engine | None, info: EngineInfo | None) -> bool:
    """Whether that engine, which gave an answer, is here and can be asked again."""
    return isinstance(engine, Askable) and info is not None and _who(engine.info) == _who(info)


def asked_again(engine: Engine, what: str, given: Analysis) -> Engine:
    """The engine as it answers that question.

    Args:
        engine: in use now.
        what: OTHER or MAP.
        given: its answer before.

    Raises:
        EngineUnavailable: it is not the engine that gave the answer, or cannot be asked.
    """
    if what not in (OTHER, MAP) or not can_be_asked(engine, given.engine):
        raise EngineUnavailable(CHANGED)
    askable = cast(Askable, engine)
    return Other(askable, secrets.randbelow(SEEDS)) if what == OTHER else Mapped(askable, given)


def _own(given: Analysis, picture: Picture) -> list[str]:
    """What the engine warned of: not what the file is warned of again, nor notes on earlier questions."""
    notes = (ON_REQUEST, NO_MAP.partition("{")[0], SAMPLED.partition("{")[0])
    kept = (warning for warning in given.warnings if warning not in picture.warnings)
    return [warning for warning in kept if not warning.startswith(notes)]


def _who(info: EngineInfo) -> tuple[str, ...]:
    return info.name, info.version, info.weights, info.adapter or ""
