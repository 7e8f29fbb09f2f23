"""The mask metrics of the published training loop: gIoU and cIoU."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fakeshield_core.domain import BoolMask
from fakeshield_core.errors import MaskShapeMismatch

UNION_EPSILON, SUM_EPSILON = 1e-5, 1e-10  # GLaMM `train.py`, `validate_model_performance`


@dataclass(frozen=True, slots=True)
class Overlap:
    """Pixels of one picture, background first, then tampered."""

    intersection: npt.NDArray[np.float64]  # (2,)
    union: npt.NDArray[np.float64]  # (2,)

    @property
    def iou(self) -> npt.NDArray[np.float64]:
        """(2,): I / (U + 1e-5), and 1 where the union is empty."""
        ratio: npt.NDArray[np.float64] = self.intersection / (self.union + UNION_EPSILON)
        ratio[self.union == 0] += 1
        return ratio


def overlap(pred_mask: BoolMask, gt_mask: BoolMask) -> Overlap:
    """The overlap of two masks (H, W).

    Raises:
        MaskShapeMismatch: the two differ in size.
    """
    if pred_mask.shape != gt_mask.shape:
        raise MaskShapeMismatch(
            f"Masks of {pred_mask.shape} and {gt_mask.shape} cannot be compared; take both from one picture."
        )
    pairs = ((~pred_mask, ~gt_mask), (pred_mask, gt_mask))
    return Overlap(
        np.array([np.count_nonzero(a & b) for a, b in pairs], np.float64),
        np.array([np.count_nonzero(a | b) for a, b in pairs], np.float64),
    )


def g_iou(overlaps: Sequence[Overlap]) -> float:
    """Mean over pictures of the IoU of the tampered class; chooses the best checkpoint in training.

    Raises:
        ValueError: no pictures.
    """
    if not overlaps:
        raise ValueError("gIoU needs at least one picture")
    return float(np.mean([one.iou[1] for one in overlaps]))


def c_iou(overlaps: Iterable[Overlap]) -> float:
    """Sum of intersections over sum of unions of the tampered class."""
    both = np.array([(one.intersection[1], one.union[1]) for one in overlaps], np.float64).reshape(-1, 2)
    intersection, union = both.sum(axis=0)
    return float(intersection / (union + SUM_EPSILON))
