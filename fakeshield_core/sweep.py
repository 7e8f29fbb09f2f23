"""Threshold sweeps: what a soft map would mark at every threshold at once, from one histogram."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from fakeshield_core.domain import BoolMask, Plane, SoftMap
from fakeshield_core.errors import EngineOutputInvalid, MaskShapeMismatch

STEPS = 1024  # a power of two, so that k / STEPS and value * STEPS are exact in float32; 0.5 is on the grid
Curve: TypeAlias = npt.NDArray[np.float64]  # (STEPS + 1,), one value for each threshold k / STEPS


@dataclass(frozen=True, slots=True)
class Sweep:
    """Counts of pixels strictly above each threshold k / STEPS, k = 0..STEPS."""

    hits: npt.NDArray[np.int64]  # (STEPS + 1,), marked and tampered
    marked: npt.NDArray[np.int64]  # (STEPS + 1,), marked
    tampered: int  # pixels of the mask

    def f1(self) -> Curve:
        """Pixel F1 at every threshold; 0 where nothing is marked or the mask is empty."""
        total = self.marked + self.tampered
        return np.asarray(2.0 * self.hits / np.maximum(total, 1), np.float64)


def sweep(soft_map: SoftMap, gt_mask: BoolMask) -> Sweep:
    """Counts at every threshold.

    Args:
        soft_map: (H, W), 0..1.
        gt_mask: (H, W), True = tampered.

    Raises:
        MaskShapeMismatch: the two differ in size.
        EngineOutputInvalid: a value of the map is not within 0..1.
    """
    if soft_map.shape != gt_mask.shape:
        raise MaskShapeMismatch(
            f"The map has {soft_map.shape} pixels and the mask {gt_mask.shape}; give one of its size."
        )
    if not (soft_map.min() >= 0.0 and soft_map.max() <= 1.0):
        raise EngineOutputInvalid(
            "The map has values outside 0 to 1; please report this with the engine's version."
        )
    level = np.ceil(soft_map.astype(np.float32, copy=False) * np.float32(STEPS)).astype(np.int64)
    all_at = np.bincount(level.ravel(), minlength=STEPS + 1)
    tampered_at = np.bincount(level[gt_mask], minlength=STEPS + 1)
    return Sweep(_above(tampered_at), _above(all_at), int(gt_mask.sum()))


def best_single_threshold(curves: Sequence[Curve]) -> tuple[float, Curve]:
    """The threshold best for the mean of the curves (lowest of equals), and each curve's value there."""
    table = np.stack(curves)
    best = int(table.mean(axis=0).argmax())
    return best / STEPS, table[:, best]


def at_threshold(curve: Curve, threshold: float) -> float:
    """A curve's value at the grid threshold nearest below or at `threshold`, 0..1."""
    return float(curve[int(threshold * STEPS)])


def unit_scale(values: Plane) -> SoftMap:
    """Non-negative values divided by their largest; zeros where all are zero. (H, W), 0..1."""
    largest = float(values.max())
    return np.zeros_like(values) if largest <= 0 else np.clip(values / np.float32(largest), 0.0, 1.0)


def _above(at: npt.NDArray[np.intp]) -> npt.NDArray[np.int64]:
    """Level k holds values in ((k - 1) / STEPS, k / STEPS]; above k / STEPS are the levels after k."""
    total = at[::-1].cumsum()[::-1]
    return np.append(total[1:], 0).astype(np.int64)
