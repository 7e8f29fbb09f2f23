"""Double quantisation: which blocks lack the gaps that two compressions leave in the rest of the picture?

The reading is `fakeshield_core/double_compression.py`; here it becomes an item, a layer and claims.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from fakeshield_core.domain import EvidenceItem, JsonValue, Layer, Plane
from fakeshield_core.double_compression import DoubleQuantised, double_quantised
from fakeshield_core.evidence.blocks import BLOCK_PX
from fakeshield_core.evidence.contrast import GridMask
from fakeshield_core.evidence.level_test import NOT_MEASURED
from fakeshield_core.evidence.region_rows import SAME, Measured, RegionRow, told
from fakeshield_core.evidence.stored_blocks import Marked, StoredBlocks
from fakeshield_core.evidence.windows import Rest, smoothed
from fakeshield_core.picture import Picture

NAME, TITLE = "double_quantisation", "Double compression"
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
    reading = double_quantised(blocks.plane, picture.jpeg.luma_table, blocks.joined)
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
