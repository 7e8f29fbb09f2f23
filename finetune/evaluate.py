"""Measuring an engine on examples, once for each engine and set, and pairing champion with challenger."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from fakeshield_core import imaging
from fakeshield_core.domain import BoolMask
from fakeshield_core.engines.compact import MASK_THRESHOLD, CompactEngine
from fakeshield_core.engines.tiles import analysed_size
from fakeshield_core.metrics import pixel_f1
from feedback import durable
from finetune.config import key
from finetune.dataset import Example
from finetune.gate import Comparison, Pairs, Scores

log = logging.getLogger(__name__)

POINTS = 100.0  # F1 is compared in points


@dataclass(frozen=True, slots=True)
class Measured:
    """What an engine says about one picture, and how right it is."""

    name: str
    group: str
    domain: str
    is_tampered: bool
    f1: float | None  # pixel F1 at the engine's mask threshold, 0..1; None: authentic
    score: float  # calibrated, 0..1
    alarm: bool  # the score is above the engine's threshold


def measure(
    engine: CompactEngine, examples: Sequence[Example], cache: Path | None, pulse: Callable[[], None]
) -> list[Measured]:
    """Every example read once; taken from the cache where this engine was measured on them before.

    Args:
        engine: with or without adapter.
        cache: folder; what is in it counts for exactly these pixels, masks and groups. None: measure.
        pulse: called between pictures; may raise to stop.
    """
    path = None if cache is None else cache / f"{_key(engine, examples)}.json"
    kept = None if path is None else _kept(path)
    if kept is not None:
        return kept
    found = []
    for example in examples:
        found.append(_measured(engine, example))
        pulse()
    if path is not None:
        durable.replace(path, json.dumps([asdict(one) for one in found]).encode())
    return found


@dataclass(frozen=True, slots=True)
class Side:
    """Everything measured about one of the two."""

    target: Sequence[Measured]  # what must gain
    holdout: Sequence[Measured]  # corrections that were never trained on
    frozen: Sequence[Measured]  # base data


def compared(champion: Side, challenger: Side) -> Comparison:
    """The figures of the gate; both sides hold the same pictures in the same order."""
    both = list(zip(champion.frozen, challenger.frozen, strict=True))
    held = list(zip(champion.holdout, challenger.holdout, strict=True))
    tampered = [pair for pair in both if pair[0].is_tampered]
    authentic = [pair for pair in both if not pair[0].is_tampered]
    domains = sorted({old.domain for old, _ in (*tampered, *held) if old.is_tampered})
    return Comparison(
        target=_pairs(list(zip(champion.target, challenger.target, strict=True))),
        domains={
            domain: _pairs([pair for pair in (*tampered, *held) if pair[0].domain == domain])
            for domain in domains
        },
        base=_pairs(tampered),
        alarms=[(old.alarm, new.alarm) for old, new in authentic],
        calibration=Scores(
            truth=[old.is_tampered for old, _ in both],
            champion=[old.score for old, _ in both],
            challenger=[new.score for _, new in both],
        ),
    )


def _pairs(both: Sequence[tuple[Measured, Measured]]) -> Pairs:
    kept = [(old, old.f1, new.f1) for old, new in both if old.f1 is not None and new.f1 is not None]
    return Pairs(
        groups=[old.group for old, _, _ in kept],
        champion=[POINTS * before for _, before, _ in kept],
        challenger=[POINTS * after for _, _, after in kept],
    )


def _kept(path: Path) -> list[Measured] | None:
    """What a cached file says; None where there is none, or it cannot be read."""
    try:
        return [Measured(**said) for said in json.loads(path.read_text())]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        log.warning("%s cannot be read, and is measured again: %s", path.name, error)
        return None


def _measured(engine: CompactEngine, example: Example) -> Measured:
    rgb, mask, table = example.rgb, example.mask, example.table
    height, width = rgb.shape[:2]
    size = analysed_size(height, width)
    if size != (height, width):
        rgb, table = imaging.resize_rgb(rgb, *size), np.ones((8, 8), np.float32)
    reading = engine.read(rgb, table)
    soft = reading.soft_map(*size)
    if size != (height, width):
        soft = imaging.resize_map(soft, height, width)
    marked: BoolMask = soft > MASK_THRESHOLD
    score = engine.score(reading)
    return Measured(
        name=example.name,
        group=example.group,
        domain=example.domain,
        is_tampered=example.is_tampered,
        f1=None if mask is None else pixel_f1(marked, mask),
        score=score,
        alarm=score > engine.threshold,
    )


def _key(engine: CompactEngine, examples: Sequence[Example]) -> str:
    info = engine.info
    return key(info.weights, info.adapter, info.version, [_digest(example) for example in examples])


def _digest(example: Example) -> str:
    """Of everything that decides what is measured and how it counts."""
    names = [example.name, example.group, example.domain, list(example.rgb.shape), example.is_tampered]
    digest = hashlib.sha256(json.dumps(names).encode())
    for values in (example.rgb, example.table, example.mask):
        if values is not None:
            digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()
