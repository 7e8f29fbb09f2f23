"""The offset of the map: the least that pictures speak for."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np
import pytest

from fakeshield_core.domain import RgbImage
from fakeshield_core.engines.compact import CompactEngine, Reading
from fakeshield_core.training.map_offset import OFFSETS, least_offset, map_offset
from tests.unit.test_compact_engine import engine_with
from tests.unit.test_training import photograph


def scores_with(best: float, gain: float, spread: float) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """40 pictures whose scores fall with the distance from an offset."""
    noise = np.random.default_rng(0).normal(0, spread, (40, len(OFFSETS)))
    return 0.5 - gain * np.abs(np.array(OFFSETS) - best) + noise


@pytest.mark.parametrize("best", [-0.5, 0.0, 0.25])
def test_a_clear_best_is_taken(best: float) -> None:
    assert least_offset(scores_with(best, gain=0.3, spread=0.01)) == best


def test_of_offsets_that_cannot_be_told_apart_the_least_is_taken() -> None:
    assert least_offset(scores_with(0.5, gain=0.001, spread=0.2)) == 0.0


def test_pictures_without_masks_move_nothing() -> None:
    assert map_offset(engine_with(), [photograph(1, False)]) == 0.0


class Level:
    """Gives the same logit everywhere, whatever the picture."""

    def __init__(self, logit: float) -> None:
        self.logit = logit

    def read(self, rgb: RgbImage, table: object) -> Reading:
        logits = np.full((rgb.shape[0] // 4, rgb.shape[1] // 4), self.logit, np.float32)
        return Reading(logits, np.zeros(2, np.float32), 0.0, self.logit)


@pytest.mark.parametrize(("logit", "offset"), [(-0.1, 0.25), (-0.3, 0.5), (0.1, 0.0)])
def test_a_map_that_marks_too_little_is_raised_no_further_than_needed(logit: float, offset: float) -> None:
    whole = photograph(2, True)
    everywhere = replace(whole, mask=np.ones(whole.rgb.shape[:2], np.bool_))
    assert map_offset(cast("CompactEngine", Level(logit)), [everywhere]) == offset
