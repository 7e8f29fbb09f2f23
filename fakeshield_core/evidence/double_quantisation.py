"""Double quantisation: which blocks lack the gaps that two compressions leave in the rest of the picture?

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

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from fakeshield_core.domain import EvidenceItem, JsonValue, Layer, Plane
from fakeshield_core.evidence.blocks import BLOCK_PX
from fakeshield_core.evidence.contrast import GridMask
from fakeshield_core.evidence.level_test import NOT_MEASURED
from fakeshield_core.evidence.region_rows import SAME, Measured, RegionRow, told
from fakeshield_core.evidence.stored_blocks import Marked, StoredBlocks, coefficients
from fakeshield_core.evidence.windows import Rest, smoothed
from fakeshield_core.jpeg import Table, zigzag
from fakeshield_core.picture import Picture

NAME, TITLE = "double_quantisation", "Double compression"
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
SHOWN_BLOCKS = 5  # side of the squares averaged by the layer
SPREAD_FLOOR = 0.02  # logarithms of likelihoods a coefficient
LEAST_EFFECT = 2.0  # spreads, of a claim
FEWEST_BLOCKS = 64
GRIDS = ("double_likelihood", "double_informative")
CANNOT_SHOW = (
    "The gaps of two compressions tell only parts apart that were compressed less often than the rest, and a "
    "last save at much lower quality wipes them out."
)
NOT_A_JPEG = "Could not be measured: only JPEG files carry these steps, this one is {format}."
SMALL = "Could not be measured: the picture has fewer than {blocks} blocks of 8 × 8 pixels."
NO_TRACE = (
    "{clear} of {tested} tested frequencies clearly show the gaps that two compressions leave: too few."
)
FOUND = (
    "{clear} of {tested} tested frequencies clearly show the gaps that two compressions leave; {percent} % "
    "of the blocks rather look compressed once."
)
POINTS = (
    "{place} fits a single compression better than the rest does: its coefficients are on average {inside} "
    "times as likely after one compression as after two, elsewhere {outside} times."
)
UNCLEAR = (
    "{place} does not clearly fit a single compression better than the rest does: its coefficients are on "
    "average {inside} times as likely after one compression as after two, elsewhere {outside} times."
)

Histogram = npt.NDArray[np.float64]  # (2K + 1,), shares of steps -K..K


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


def double_quantised(blocks: StoredBlocks, luma_table: Table) -> DoubleQuantised:
    """What each block says about one or two compressions.

    Args:
        blocks: of a JPEG file.
        luma_table: (8, 8) steps of its last compression, natural order.
    """
    shape = blocks.sampling.grid_hw
    likelihood, informative = (np.zeros(shape[0] * shape[1], np.float32) for _ in range(2))
    tested = used = clear = 0
    for frequency in _frequencies(blocks, luma_table):
        tested += 1
        if frequency.shows_gaps:
            used += 1
            clear += frequency.gain >= CLEAR_GAIN
            likelihood += frequency.ratios()[frequency.steps]
            informative += frequency.used[frequency.steps]
    return DoubleQuantised(likelihood.reshape(shape), informative.reshape(shape), tested, used, clear)


def measure_double(blocks: StoredBlocks, picture: Picture) -> Measured:
    """Item and layer of the whole picture; not measured unless it is a JPEG file with enough blocks."""
    numbers: dict[str, JsonValue] = {
        "least_blocks": FEWEST_BLOCKS,
        "block_px": BLOCK_PX,
        "orientation": blocks.orientation,
    }
    if picture.jpeg is None:
        shows = NOT_A_JPEG.format(format=picture.facts.format)
        return Measured(EvidenceItem(NAME, TITLE, "not_measured", "Not a JPEG", shows, CANNOT_SHOW, numbers))
    rows, columns = blocks.sampling.grid_hw
    if rows * columns < FEWEST_BLOCKS:
        shows = SMALL.format(blocks=FEWEST_BLOCKS)
        return Measured(EvidenceItem(NAME, TITLE, "not_measured", NOT_MEASURED, shows, CANNOT_SHOW, numbers))
    reading = double_quantised(blocks, picture.jpeg.luma_table)
    if not reading.tells_blocks_apart:
        return Measured(_item(reading, numbers))
    once = blocks.upright(_probability(_averaged(reading)))
    layer = Layer(NAME, TITLE, once, "probability", 1.0)
    grids = dict(zip(GRIDS, (reading.likelihood, reading.informative), strict=True))
    return Measured(_item(reading, numbers), layer, grids)


def _item(reading: DoubleQuantised, numbers: dict[str, JsonValue]) -> EvidenceItem:
    percent = round(100 * float((_averaged(reading) > 0).mean()), 1)
    counts = {"tested": reading.tested, "used": reading.used, "clear": reading.clear}
    all_numbers = {**numbers, **counts, "once_percent": percent}
    layer = NAME if reading.tells_blocks_apart else None
    if not reading.is_double:
        shows = NO_TRACE.format(**counts)
        headline = "None clear"
        return EvidenceItem(
            NAME, TITLE, "no_difference", headline, shows, CANNOT_SHOW, all_numbers, layer=layer
        )
    shows = FOUND.format(percent=percent, **counts)
    headline = f"{reading.clear} of {reading.tested} double"
    return EvidenceItem(NAME, TITLE, "informs", headline, shows, CANNOT_SHOW, all_numbers, layer=layer)


def double_compared(item: EvidenceItem, grids: Mapping[str, Plane], marked: Marked) -> EvidenceItem:
    """The item with a row for each region; a claim where it clearly lacks the gaps of the rest.

    Args:
        item: of `measure_double`.
        grids: with those of the same; without them the item comes back as it is.
        marked: the regions, on the same grid.
    """
    if not all(name in grids for name in GRIDS):
        return item
    likelihood, informative = (grids[name] for name in GRIDS)
    usable = informative > 0
    rest = Rest.of(likelihood[None], informative, marked.outside, SPREAD_FLOOR)
    return told(item, marked.rows(usable, lambda *of: _row(rest, *of)))


def _row(rest: Rest, region_id: int, place: str, inside: GridMask) -> RegionRow:
    effect = float(rest.effect(inside)[0])
    within, elsewhere = (round(math.exp(float(level[0])), 3) for level in (rest.level_in(inside), rest.level))
    clear = effect >= LEAST_EFFECT and within > 1
    words = {"inside": f"{within:.2f}", "outside": f"{elsewhere:.2f}"}
    return RegionRow(
        region_id=region_id,
        outcome="once" if clear else SAME,
        text=(POINTS if clear else UNCLEAR).format(place=place, **words),
        headline="Compressed once" if clear else "Like the rest",
        effect=max(effect, 0.0),
        numbers={
            "inside_likelihood": within,
            "outside_likelihood": elsewhere,
            "blocks_inside": int(np.count_nonzero(inside)),
        },
    )


def _probability(logarithms: Plane) -> Plane:
    return np.asarray(1 / (1 + np.exp(-logarithms)), np.float32)


def _averaged(reading: DoubleQuantised) -> Plane:
    return np.asarray(smoothed(reading.likelihood[None], SHOWN_BLOCKS)[0], np.float32)


def _frequencies(blocks: StoredBlocks, luma_table: Table) -> Iterator[_Frequency]:
    """Those with enough steps and values to tell anything."""
    half = BLOCK_PX // 2
    values = coefficients(blocks.plane, FREQUENCIES)
    moved = coefficients(blocks.plane[half:, half:], FREQUENCIES)[blocks.joined[:-1, :-1].ravel()]
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
    doubles = np.stack([to_steps @ _quantised(never, first) for first in _firsts(last)])
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
    return [first for first in range(2, min(3 * last + 12, 80)) if first != last]


def _never_compressed(moved: Plane) -> Histogram:
    """(2 * REACH + 1,): shares of the whole values -REACH..REACH."""
    whole = np.clip(np.rint(moved).astype(np.int64) + REACH, 0, 2 * REACH)
    counts = np.bincount(whole, minlength=2 * REACH + 1).astype(np.float64)
    smooth = ndimage.gaussian_filter1d(counts, SMOOTHING) + 1e-3
    smooth[[0, -1]] = 0
    return np.asarray(smooth / smooth.sum(), np.float64)


def _quantised(shares: Histogram, step: int) -> Histogram:
    """The same values after quantisation, still as whole values."""
    whole = np.arange(-REACH, REACH + 1)
    there = np.clip(np.rint(np.rint(whole / step) * step).astype(np.int64) + REACH, 0, 2 * REACH)
    return np.asarray(np.bincount(there, shares, 2 * REACH + 1), np.float64)


def _last_compression(step: int, most: int) -> npt.NDArray[np.float64]:
    """(2 * most + 1, 2 * REACH + 1): shares of whole values to shares of steps, pixels rounded before."""
    whole = np.arange(-REACH, REACH + 1)
    into = np.clip(np.rint(whole / step).astype(np.int64) + most, 0, 2 * most)
    rows = (into == np.arange(2 * most + 1)[:, None]).astype(np.float64)
    return np.asarray(ndimage.gaussian_filter1d(rows, ROUNDING, axis=1, mode="nearest"), np.float64)
