"""What each step learns from: windows of corrections and of base data in fixed shares, seeded."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from fakeshield_core.domain import BoolMask
from fakeshield_core.training.objective import Batch, collated
from fakeshield_core.training.samples import Sample, Sampler
from finetune.config import TrainConfig
from finetune.dataset import Example, groups

NEAR_MASK = 0.75  # of the windows of a tampered picture show part of its mask
JPEG_GRID = 8  # pixels


class Diet:
    """Draws batches; the same seed, step and process give the same batch, so that a run resumes exactly."""

    def __init__(self, corrections: Sequence[Example], replay: Sampler, config: TrainConfig) -> None:
        self._groups = list(groups(corrections))
        self._replay = replay
        self._config = config

    @property
    def replayed(self) -> int:
        """Base windows in a batch; they come first."""
        return math.ceil(self._config.batch * self._config.replay)

    def batch(self, step: int, process: int = 0) -> Batch:
        """The windows of one step: base data, then corrections."""
        config = self._config
        rng = np.random.default_rng([config.seed, step, process])
        base = [self._replay.draw(rng, config.window, config.window) for _ in range(self.replayed)]
        learnt = [self._correction(rng) for _ in range(config.batch - self.replayed)]
        return collated([*base, *learnt])

    def _correction(self, rng: np.random.Generator) -> Sample:
        group = self._groups[rng.integers(len(self._groups))]
        return window(group[rng.integers(len(group))], rng, self._config.window)


def window(example: Example, rng: np.random.Generator, side: int) -> Sample:
    """A square window at a corner of the JPEG grid, mirrored and turned on its side at random.

    Args:
        example: any size; what the window hangs over is padded and does not count.
        side: pixels, a multiple of 16.
    """
    mask = np.zeros(example.rgb.shape[:2], np.bool_) if example.mask is None else example.mask
    rgb, table = example.rgb, example.table
    if rng.random() < 0.5:
        rgb, mask, table = rgb.transpose(1, 0, 2), mask.T, table.T
    top, left = _corner(mask, side, rng)
    cut = np.s_[top : top + side, left : left + side]
    missing = tuple((0, side - length) for length in mask[cut].shape)
    flip = np.s_[:, :: -1 if rng.random() < 0.5 else 1]  # sides are multiples of 8: the grid keeps its phase
    return Sample(
        rgb=np.ascontiguousarray(np.pad(rgb[cut], (*missing, (0, 0)), mode="edge")[flip]),
        table=np.ascontiguousarray(table),
        mask=np.ascontiguousarray(np.pad(mask[cut], missing)[flip]),
        valid=np.ascontiguousarray(np.pad(np.ones_like(mask[cut]), missing)[flip]),
        class_counts=True,
    )


def _corner(mask: BoolMask, side: int, rng: np.random.Generator) -> tuple[int, int]:
    """Top and left of a window, mostly one that shows part of the mask."""
    last = np.maximum(0, np.array(mask.shape) - side)
    corner = rng.integers(last + 1)
    if mask.any() and rng.random() < NEAR_MASK:
        spots = np.argwhere(mask)
        corner = np.clip(spots[rng.integers(len(spots))] - rng.integers(side, size=2), 0, last)
    top, left = (int(place) // JPEG_GRID * JPEG_GRID for place in corner)
    return top, left
