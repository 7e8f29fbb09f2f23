"""How far the map's logits are moved so that 0.5 marks a forgery best: chosen on held-out groups.

Windows of training show forgeries more often and larger than pictures do, so the network's own 0.5 is not the
best place to cut.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fakeshield_core import imaging
from fakeshield_core.domain import BoolMask, Logits
from fakeshield_core.engines.compact import MAP_STRIDE, CompactEngine
from fakeshield_core.metrics import pixel_f1
from fakeshield_core.training.conditions import analysed, saved
from fakeshield_core.training.photographs import Photograph

OFFSETS = tuple(np.arange(-0.5, 0.51, 0.25).tolist())  # the held-out forgeries are too few to ask for more
QUALITIES = (None, 85, 70)  # the file as it is, and recompressed


def map_offset(engine: CompactEngine, photographs: Sequence[Photograph]) -> float:
    """What to add to the map's logits: the least that is not clearly worse than the best, by mean pixel F1.

    Clearly worse is a mean difference above its standard error over the pictures.

    Args:
        photographs: those without a mask are left out; 0 where none has one.
    """
    masked = [(p, p.mask) for p in photographs if p.mask is not None]
    if not masked:
        return 0.0
    return least_offset(np.array([_scores(engine, photograph, mask) for photograph, mask in masked]))


def least_offset(scores: npt.NDArray[np.float64]) -> float:
    """The offset that (pictures, OFFSETS) scores speak for."""
    lacking = scores[:, [int(scores.mean(axis=0).argmax())]] - scores
    doubt = lacking.std(axis=0) / np.sqrt(len(scores))
    return min((OFFSETS[int(at)] for at in np.flatnonzero(lacking.mean(axis=0) <= doubt)), key=abs)


def _scores(engine: CompactEngine, photograph: Photograph, mask: BoolMask) -> npt.NDArray[np.float64]:
    """(offsets,) pixel F1, the mean over QUALITIES."""
    rgb, table = analysed(photograph)
    size = rgb.shape[0], rgb.shape[1]
    if size != mask.shape:
        mask = imaging.resize_map(mask.astype(np.float32), *size) > 0.5
    found = []
    for quality in QUALITIES:
        logits = engine.read(*saved(rgb, table, quality)).logits
        found.append([pixel_f1(_marked(logits, offset, size), mask) for offset in OFFSETS])
    return np.mean(found, axis=0)


def _marked(logits: Logits, offset: float, size_hw: tuple[int, int]) -> BoolMask:
    """(H, W): each cell of the map as a square of pixels."""
    cells = logits + offset > 0
    marked = cells.repeat(MAP_STRIDE, axis=0).repeat(MAP_STRIDE, axis=1)
    return marked[: size_hw[0], : size_hw[1]]
