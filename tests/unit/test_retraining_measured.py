"""What was measured of an engine is kept for exactly the pictures, masks and groups it was measured on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fakeshield_core.engines.compact import CompactEngine
from fakeshield_core.training.samples import NO_TABLE
from finetune.dataset import Example
from finetune.evaluate import Measured, measure
from tests.adapter_folders import checkpoint
from tests.fakes import textured
from tests.renames import renames

SIDE = 64
LEFT = np.arange(SIDE) < SIDE // 2
EXAMPLE = Example("a.jpg", "g", "phone", textured(SIDE, SIDE), NO_TABLE, np.tile(LEFT, (SIDE, 1)))


@pytest.fixture(scope="module")
def engine() -> CompactEngine:
    return CompactEngine(checkpoint())


def measured(engine: CompactEngine, examples: list[Example], cache: Path) -> tuple[list[Measured], int]:
    """What was measured, and how many pictures were read for it."""
    reads: list[None] = []
    found = measure(engine, examples, cache, lambda: reads.append(None))
    return found, len(reads)


def test_what_was_measured_once_is_taken_from_the_cache(engine: CompactEngine, tmp_path: Path) -> None:
    first, reads = measured(engine, [EXAMPLE], tmp_path)
    assert reads == 1
    assert measured(engine, [replace(EXAMPLE)], tmp_path) == (first, 0)


CORRECTED: dict[str, dict[str, Any]] = {
    "mask": {"mask": np.tile(~LEFT, (SIDE, 1))},
    "no mask": {"mask": None},
    "pixels": {"rgb": textured(SIDE, SIDE, 1)},
    "shape": {"rgb": EXAMPLE.rgb.reshape(SIDE // 2, SIDE * 2, 3), "mask": np.tile(LEFT, (SIDE // 2, 2))},
    "table": {"table": NO_TABLE + 1},
    "group": {"group": "h"},
    "domain": {"domain": "scan"},
}


@pytest.mark.parametrize("changed", CORRECTED)
def test_a_corrected_example_of_the_same_name_is_measured_anew(
    engine: CompactEngine, tmp_path: Path, changed: str
) -> None:
    measured(engine, [EXAMPLE], tmp_path)
    corrected = replace(EXAMPLE, **CORRECTED[changed])
    found, reads = measured(engine, [corrected], tmp_path)
    assert reads == 1
    assert found == measure(engine, [corrected], None, lambda: None)


DAMAGE = {
    "empty": b"",
    "cut off": b'[{"name": "a.jpg", "gro',
    "zeros": bytes(40),
    "no list": b"null",
    "no rows": b"[1]",
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_cache_is_measured_anew(engine: CompactEngine, tmp_path: Path, damage: str) -> None:
    with renames() as seen:
        first, _ = measured(engine, [EXAMPLE], tmp_path)
    (cached,) = tmp_path.iterdir()
    assert seen[cached.name], "not synced before it got its name"
    cached.write_bytes(DAMAGE[damage])
    assert measured(engine, [EXAMPLE], tmp_path) == (first, 1)
    assert measured(engine, [EXAMPLE], tmp_path) == (first, 0)
