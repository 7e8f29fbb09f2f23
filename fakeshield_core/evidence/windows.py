"""How far a region's average lies from the rest, held against how much such averages vary elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from fakeshield_core.domain import Plane
from fakeshield_core.evidence.contrast import PATCH_BLOCKS, GridMask

Stack = npt.NDArray[np.float32]  # (p, h, w), p planes on one block grid
PerPlane = npt.NDArray[np.float64]  # (p,)
HALF_FULL = 0.5  # share of the usual weight that a window needs to count


@dataclass(frozen=True, slots=True)
class Rest:
    """The picture outside all regions. Averages are sums of `values` over sums of `weights`."""

    values: Stack  # sums over each block
    weights: Plane  # (h, w), how much each block says, 0 or more
    level: PerPlane  # average outside
    spread: PerPlane  # deviation of 40 x 40 pixel averages outside; infinite where it cannot be told
    usual: float  # mean weight of a block outside

    @classmethod
    def of(cls, values: Stack, weights: Plane, outside: GridMask, floor: float) -> Rest:
        """What lies outside.

        Args:
            outside: blocks elsewhere; without weight there, nothing differs.
            floor: smallest spread believed.
        """
        heft = float(weights[outside].sum(dtype=np.float64))
        if not heft:
            nothing = np.zeros(len(values))
            return cls(values, weights, nothing, nothing + np.inf, 1.0)
        usual = heft / int(np.count_nonzero(outside))
        total, weight = _summed(values * outside), _summed((weights * outside)[None])[0]
        enough = weight > HALF_FULL * usual
        spread = (total[:, enough] / weight[enough]).std(axis=1) if enough.any() else np.inf
        level = values[:, outside].sum(axis=1, dtype=np.float64) / heft
        return cls(values, weights, level, np.asarray(spread + floor + 0 * level, np.float64), usual)

    def level_in(self, inside: GridMask) -> PerPlane:
        """Average in a region, at least one block of it of weight."""
        total = self.values[:, inside].sum(axis=1, dtype=np.float64)
        return np.asarray(total / self.weights[inside].sum(dtype=np.float64), np.float64)

    def effect(self, inside: GridMask) -> PerPlane:
        """Region minus rest, in spreads, small regions discounted."""
        count = self.weights[inside].sum() / self.usual
        small = np.sqrt(1 + PATCH_BLOCKS**2 / count)
        return np.asarray((self.level_in(inside) - self.level) / (self.spread * small), np.float64)


def smoothed(planes: Stack, blocks: int) -> Stack:
    """Each plane averaged over squares of that many blocks."""
    return np.asarray(ndimage.uniform_filter(planes, (1, blocks, blocks)), np.float32)


def spread_out(blocks: GridMask) -> GridMask:
    """The blocks and their eight neighbours."""
    return np.asarray(ndimage.binary_dilation(blocks, np.ones((3, 3), np.bool_)))


def _summed(planes: Stack) -> Stack:
    window = (1, PATCH_BLOCKS, PATCH_BLOCKS)
    return np.asarray(ndimage.uniform_filter(planes, window, mode="constant"), np.float32)
