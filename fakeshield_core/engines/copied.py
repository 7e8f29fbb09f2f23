"""Copied areas in the map of the compact engine: which of two equal areas is the copy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fakeshield_core import masks
from fakeshield_core.domain import BoolMask, SoftMap
from fakeshield_core.evidence.copies import Copies

COPIED = 0.9  # of the map where an area was copied to
TOLD_APART = 1.0  # logits; of two equal areas, the one that is ahead by more is the copy
LEAST_ODDS = 1e-4  # probabilities are kept this far from 0 and 1


def with_copies(soft_map: SoftMap, copies: Copies) -> SoftMap:
    """The map with clear copies raised: matching sees copy-move better than the network.

    Where the network finds one of the two areas clearly more suspect, the other counts as the original and is
    lowered; otherwise both are raised.
    """
    if not copies.clear:
        return soft_map
    first, second = copies.areas(*soft_map.shape)
    ahead = _mean_logit(soft_map, first) - _mean_logit(soft_map, second)
    if abs(ahead) <= TOLD_APART:
        return np.maximum(soft_map, np.float32(COPIED) * (first | second))
    copy, original = (first, second) if ahead > 0 else (second, first)
    lowered = np.where(original, np.minimum(soft_map, np.float32(1 - COPIED)), soft_map)
    return np.where(copy, np.maximum(soft_map, np.float32(COPIED)), lowered)


def copied_region(labels: npt.NDArray[np.int32], copies: Copies) -> int:
    """The number of the region that holds most of the copied areas; 1, the largest, without clear ones.

    Args:
        labels: (H, W) of `masks.label_regions`.
    """
    if not copies.clear:
        return 1
    first, second = copies.areas(*labels.shape)
    counts = np.bincount(labels[first | second], minlength=2)[1 : masks.MAX_REGIONS + 1]
    return 1 + int(counts.argmax())


def _mean_logit(soft_map: SoftMap, area: BoolMask) -> float:
    """Over the area; 0, even odds, where it is empty."""
    inside = np.clip(soft_map[area].astype(np.float64), LEAST_ODDS, 1 - LEAST_ODDS)
    return float(np.log(inside / (1 - inside)).mean()) if inside.size else 0.0
