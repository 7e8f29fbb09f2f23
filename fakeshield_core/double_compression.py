"""Which blocks of a JPEG look compressed once where the rest was compressed twice.

Saved twice on one grid, the coefficients of a frequency pile up on some steps and leave gaps at others. A
part that was pasted in between went through the last compression only and fills the gaps. For each frequency
the step of the first compression, and how much of the picture went through it, are found by comparing the
steps that occur with those that one and two compressions would give; each block then adds up what its steps
say.

Source: Z. Lin et al., "Fast, automatic and fine-grained tampered JPEG image detection via DCT coefficient
analysis", Pattern Recognition 42 (2009), with the likelihoods of T. Bianchi et al., ICASSP 2011: what one
compression would give is learnt from blocks moved by half a block, which carry no trace of either.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from fakeshield_core.domain import Plane
from fakeshield_core.jpeg import BLOCK_PX, Table, coefficients, zigzag

FREQUENCIES = tuple(zigzag()[1:16])
REACH = 256  # coefficient values looked at, either side of 0
MOST_STEPS = 40  # quantisation steps looked at, either side of 0
FEWEST_STEPS = 3  # a coarser frequency has no gaps to show
FEWEST_VALUES = 50  # coefficients other than 0 of a frequency
SMOOTHING = 1.0  # of the values learnt from moved blocks
ROUNDING = 0.7  # deviation of a coefficient between two compressions, from pixels rounded to whole levels
# On 109 forgeries of the training pool (2026-11-25) a gain of .1 to .2 and a share of .15 told forged pixels
# best; at .5 the area under the curve fell from .79 to .68 on CASIA v1.0.
LEAST_GAIN = 0.2  # by how much a first compression brings the steps that occur nearer to the expected
LEAST_SHARE = 0.15  # of the picture that has gone through it
DOUBT = 0.02  # of the likelihoods; no single coefficient decides
FEWEST_USED = 3  # frequencies, for a map
# Of 15 frequencies, 0 to 4 reached a gain of .5 in pictures saved once (our own making, and Kodak's), 14 and
# 15 in pictures saved at quality 60 and then 90, or 75 and then 85 (2026-11-25).
CLEAR_GAIN = 0.5
FEWEST_CLEAR = 6  # frequencies, to say that the picture was compressed twice
HIGHEST_FIRST = 80  # first steps tried are below

Histogram = npt.NDArray[np.float64]  # (2K + 1,), shares of steps -K..K
Blocks = npt.NDArray[np.bool_]  # (h, w)


@dataclass(frozen=True, slots=True)
class DoubleQuantised:
    """What the coefficients of a picture say."""

    likelihood: Plane  # (h, w), log of once against twice compressed, summed over the block's coefficients
    informative: Plane  # (h, w), how many coefficients that is
    tested: int  # frequencies
    used: int  # frequencies that show gaps enough to tell blocks apart
    clear: int  # frequencies that show clear gaps

    @property
    def tells_blocks_apart(self) -> bool:
        """Whether there are traces enough for a map, weak ones together."""
        return self.used >= FEWEST_USED

    @property
    def is_double(self) -> bool:
        """Whether the picture as a whole was clearly compressed twice."""
        return self.clear >= FEWEST_CLEAR


@dataclass(frozen=True, slots=True)
class _Frequency:
    """One frequency: the steps that occur, and what compressions would make of it."""

    steps: npt.NDArray[np.int64]  # (blocks,), 0..2K, K is a coefficient of 0
    single: Histogram
    double: Histogram  # of the first step that explains most
    used: npt.NDArray[np.bool_]  # (2K + 1,); 0 and the ends tell nothing
    share: float  # of the picture that went through both
    gain: float  # 0..1, part of the difference from `single` that the first compression explains

    @property
    def shows_gaps(self) -> bool:
        return self.gain >= LEAST_GAIN and self.share >= LEAST_SHARE

    def ratios(self) -> npt.NDArray[np.float32]:
        """(2K + 1,): log of once against twice compressed."""
        once = (1 + DOUBT) * self.single + 1e-4
        twice = (1 - DOUBT) * self.double + DOUBT * self.single + 1e-4
        return np.where(self.used, np.log(once / twice), 0).astype(np.float32)


def double_quantised(luma: Plane, luma_table: Table, joined: Blocks | None = None) -> DoubleQuantised:
    """What each block says about one or two compressions.

    Args:
        luma: (H, W) grey levels, its top left corner on the JPEG grid; whole blocks count.
        luma_table: (8, 8) steps of the last compression, natural order.
        joined: (h, w), True where the blocks right and below are neighbours in the picture too; None: always.
    """
    shape = luma.shape[0] // BLOCK_PX, luma.shape[1] // BLOCK_PX
    likelihood, informative = (np.zeros(shape[0] * shape[1], np.float32) for _ in range(2))
    tested = used = clear = 0
    for frequency in _frequencies(luma, luma_table, joined):
        tested += 1
        if frequency.shows_gaps:
            used += 1
            clear += frequency.gain >= CLEAR_GAIN
            likelihood += frequency.ratios()[frequency.steps]
            informative += frequency.used[frequency.steps]
    return DoubleQuantised(likelihood.reshape(shape), informative.reshape(shape), tested, used, clear)


def _frequencies(luma: Plane, luma_table: Table, joined: Blocks | None) -> Iterator[_Frequency]:
    """Those with enough steps and values to tell anything."""
    half = BLOCK_PX // 2
    values = coefficients(luma, FREQUENCIES)
    rows, columns = luma.shape[0] // BLOCK_PX, luma.shape[1] // BLOCK_PX
    inner = luma[half : rows * BLOCK_PX - half, half : columns * BLOCK_PX - half]
    moved = coefficients(inner, FREQUENCIES)
    if joined is not None:
        moved = moved[joined[:-1, :-1].ravel()]
    for at, place in enumerate(FREQUENCIES):
        frequency = _fitted(values[:, at], moved[:, at], int(luma_table.ravel()[place]))
        if frequency is not None:
            yield frequency


def _fitted(values: Plane, moved: Plane, last: int) -> _Frequency | None:
    """The first compression that explains most of the steps that occur, None where they tell nothing.

    Args:
        values: (blocks,), coefficients of one frequency.
        moved: the same of blocks moved by half a block.
        last: its step in the last compression.
    """
    most = min(REACH // last, MOST_STEPS)
    steps = np.clip(np.rint(values / last).astype(np.int64) + most, 0, 2 * most)
    occurring = np.bincount(steps, minlength=2 * most + 1)
    used = np.ones(2 * most + 1, np.bool_)
    used[[0, most, -1]] = False
    if most < FEWEST_STEPS or occurring[used].sum() < FEWEST_VALUES:
        return None
    never = _never_compressed(moved)
    to_steps = _last_compression(last, most)
    single = to_steps @ never
    doubles = _first_compressions(never, _firsts(last)) @ to_steps.T
    scale = 1 / np.sqrt(single[used] + 1e-4)
    change = (doubles - single)[:, used] * scale
    wanted = (occurring / steps.size - single)[used] * scale
    shares = np.clip(change @ wanted / ((change**2).sum(axis=1) + 1e-9), 0, 1)
    left = ((wanted - shares[:, None] * change) ** 2).sum(axis=1)
    best = int(np.argmin(left))
    gain = float(1 - left[best] / ((wanted**2).sum() + 1e-12))
    return _Frequency(steps, single, doubles[best], used, float(shares[best]), gain)


def _firsts(last: int) -> list[int]:
    """First steps to try; an equal one leaves no trace."""
    return [first for first in range(2, min(3 * last + 12, HIGHEST_FIRST)) if first != last]


def _never_compressed(moved: Plane) -> Histogram:
    """(2 * REACH + 1,): shares of the whole values -REACH..REACH."""
    whole = np.clip(np.rint(moved).astype(np.int64) + REACH, 0, 2 * REACH)
    counts = np.bincount(whole, minlength=2 * REACH + 1).astype(np.float64)
    smooth = ndimage.gaussian_filter1d(counts, SMOOTHING) + 1e-3
    smooth[[0, -1]] = 0
    return np.asarray(smooth / smooth.sum(), np.float64)


def _first_compressions(shares: Histogram, firsts: list[int]) -> npt.NDArray[np.float64]:
    """(firsts, 2 * REACH + 1): the same values after quantisation by each step, still as whole values."""
    size = 2 * REACH + 1
    rows = _quantised_values()[firsts] + size * np.arange(len(firsts))[:, None]
    counts = np.bincount(rows.ravel(), np.tile(shares, len(firsts)), size * len(firsts))
    return np.asarray(counts.reshape(len(firsts), size), np.float64)


@lru_cache(maxsize=1)
def _quantised_values() -> npt.NDArray[np.int64]:
    """(HIGHEST_FIRST, 2 * REACH + 1): where each whole value goes with each step; row 0 is not used."""
    whole = np.arange(-REACH, REACH + 1)
    step = np.maximum(np.arange(HIGHEST_FIRST), 1)[:, None]
    there = np.rint(np.rint(whole / step) * step).astype(np.int64) + REACH
    return np.asarray(np.clip(there, 0, 2 * REACH), np.int64)


@lru_cache(maxsize=256)
def _last_compression(step: int, most: int) -> npt.NDArray[np.float64]:
    """(2 * most + 1, 2 * REACH + 1): shares of whole values to shares of steps, pixels rounded before."""
    whole = np.arange(-REACH, REACH + 1)
    into = np.clip(np.rint(whole / step).astype(np.int64) + most, 0, 2 * most)
    rows = (into == np.arange(2 * most + 1)[:, None]).astype(np.float64)
    return np.asarray(ndimage.gaussian_filter1d(rows, ROUNDING, axis=1, mode="nearest"), np.float64)
