"""Block grid: where the 8 x 8 blocks of an earlier compression lie, in the picture and in a region.

Compression sets many coefficients of its own blocks to zero, of blocks at any other place hardly any. In
every cell of 8 x 8 places, the place whose block has most coefficients near zero gets the cell's vote. A
region that votes for another place than the rest was compressed before it came there.

Source: after T. Nikoukhah et al., "ZERO: a local JPEG grid origin detector", IPOL 11 (2021), which counts all
64 coefficients at every pixel; nine low ones cost a tenth. They told forged pixels better than mixed or high
ones (area under the curve .67 against .60 and .56, 42 forgeries of the training pool, 2026-11-25).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from scipy import special  # of `stats`, whose import takes half a second

from fakeshield_core.domain import EvidenceItem, JsonValue, Layer, Plane
from fakeshield_core.evidence.blocks import BLOCK_PX
from fakeshield_core.evidence.contrast import GridMask
from fakeshield_core.evidence.level_test import NOT_MEASURED
from fakeshield_core.evidence.region_rows import SAME, Measured, RegionRow, told
from fakeshield_core.evidence.stored_blocks import Marked, StoredBlocks
from fakeshield_core.evidence.windows import smoothed
from fakeshield_core.jpeg import MIDDLE, cosines

Counts = npt.NDArray[np.int64]  # (64,), votes for each place

NAME, TITLE = "grid", "Block grid"
FREQUENCIES = (1, 2, 3)  # both ways
NEAR_ZERO = 0.5  # of a coefficient (ZERO, section 2)
PLACES = BLOCK_PX**2
NO_VOTE = -1
FEWEST_VOTES = 64  # of a picture
SURE = 6.0  # -log10 of the number of grids that chance would make as frequent
LEAST_EFFECT = 6.0  # the same of a region's own grid, of a claim
LEAST_SHARE = 0.2  # of a region's votes for its own grid
SHOWN_BLOCKS = 7  # side of the squares whose votes the layer counts
GRID = "grid_votes"
CANNOT_SHOW = (
    "A part that came to lie on the same grid, which happens once in 64 times, or that was scaled after its "
    "compression does not show, and strong compression of the whole hides older grids."
)
FEW = (
    "Could not be measured: only {votes} of the 8 × 8 blocks show where a grid lies, fewer than {least}, as "
    "in small or flat pictures."
)
NO_GRID = (
    "No block grid was found: the picture was never saved as JPEG, or it was scaled or saved at very high "
    "quality."
)
IN_PLACE = "{percent} % of the blocks that show a grid lie on the one that starts at the top left corner."
SHIFTED = (
    "The block grid starts {x} pixels right and {y} pixels below the top left corner{frame}, as told by "
    "{percent} % of the blocks that show one: the picture was compressed, then cropped or moved."
)
POINTS = (
    "{place} has a block grid of its own, moved by {x} pixels across and {y} down{frame}: {inside_percent} % "
    "of its blocks that show a grid lie on it, elsewhere {outside_percent} %."
)
ALONE = (
    "{place} has a block grid and the rest has none: {inside_percent} % of its blocks that show a grid lie "
    "on one, elsewhere {outside_percent} %."
)
UNCLEAR = "{place} has no clear block grid of its own among the {votes_inside} blocks that show one."
AS_STORED = ", in the frame that the file stores"  # where that is turned for viewing


def grid_votes(blocks: StoredBlocks) -> Plane:
    """Where each cell's grid lies.

    Returns:
        (h, w): 8 * y + x of the grid's first corner, 0..63, counted in the file's own frame; -1: undecided.
    """
    rows, columns = blocks.sampling.grid_hw
    cells = _zeros(blocks.plane).reshape(rows, BLOCK_PX, columns, BLOCK_PX).swapaxes(1, 2)
    flat = cells.reshape(rows, columns, PLACES)
    best = flat.argmax(axis=2)
    alone = (flat == flat.max(axis=2, keepdims=True)).sum(axis=2) == 1
    return np.where(alone & blocks.joined, best, NO_VOTE).astype(np.float32)


def measure_grid(blocks: StoredBlocks, is_jpeg: bool) -> Measured:
    """Item and layer of the whole picture; not measured where too few blocks show a grid."""
    votes = grid_votes(blocks)
    counts = _counts(votes)
    numbers: dict[str, JsonValue] = {
        "votes": int(counts.sum()),
        "least_votes": FEWEST_VOTES,
        "block_px": BLOCK_PX,
        "orientation": blocks.orientation,
        "is_jpeg": is_jpeg,
    }
    if counts.sum() < FEWEST_VOTES:
        shows = FEW.format(votes=numbers["votes"], least=FEWEST_VOTES)
        return Measured(EvidenceItem(NAME, TITLE, "not_measured", NOT_MEASURED, shows, CANNOT_SHOW, numbers))
    main = _main(counts)
    shown = blocks.upright(_others(votes, main))
    layer = Layer(NAME, TITLE, shown, "share of blocks", 1.0)
    return Measured(_item(counts, main, numbers), layer, {GRID: votes})


def _item(counts: Counts, main: int | None, numbers: dict[str, JsonValue]) -> EvidenceItem:
    if main is None:
        return EvidenceItem(
            NAME, TITLE, "no_difference", "No grid", NO_GRID, CANNOT_SHOW, numbers, layer=NAME
        )
    y, x = divmod(main, BLOCK_PX)
    percent = round(100 * counts[main] / counts.sum())
    frame = _frame(int(str(numbers["orientation"])))
    shows = (SHIFTED if main else IN_PLACE).format(x=x, y=y, percent=percent, frame=frame)
    headline = f"Starts at {x}, {y}" if main else "In place"
    told_numbers = {**numbers, "offset_xy": [x, y], "percent": percent}
    return EvidenceItem(NAME, TITLE, "informs", headline, shows, CANNOT_SHOW, told_numbers, layer=NAME)


def _others(votes: Plane, main: int | None) -> Plane:
    """(h, w): share of the votes round each block that go to other grids than the picture's, 0..1."""
    other = (votes != NO_VOTE) & (votes != (NO_VOTE if main is None else main))
    on_main = (votes != NO_VOTE) & ~other
    others, mains = smoothed(np.stack([other, on_main]).astype(np.float32), SHOWN_BLOCKS)
    return np.asarray((others + 0.02) / (others + mains + 0.1), np.float32)


def grid_compared(item: EvidenceItem, grids: Mapping[str, Plane], marked: Marked) -> EvidenceItem:
    """The item with a row for each region; a claim where it clearly lies on a grid of its own.

    Args:
        item: of `measure_grid`.
        grids: with those of the same; without them the item comes back as it is.
        marked: the regions, on the same grid.
    """
    if GRID not in grids:
        return item
    cast, frame = grids[GRID], _frame(int(str(item.numbers["orientation"])))
    elsewhere = _counts(cast[marked.outside])
    # The grid of a JPEG file lies everywhere, even where the rest is too rough to show it.
    main = _main(_counts(cast)) or 0 if item.numbers["is_jpeg"] is True else _main(elsewhere)
    votes = _Votes(cast, elsewhere, main, frame)
    return told(item, marked.rows(cast != NO_VOTE, lambda *of: _row(votes, *of)))


@dataclass(frozen=True, slots=True)
class Own:
    """The grid that a region votes for more often than the rest."""

    place: int  # 8 * y + x
    inside: int  # votes
    chance: float  # of a vote, as elsewhere
    effect: float  # -log10 of the number of such grids that chance would make


def own_grid(inside: Counts, elsewhere: Counts, main: int | None) -> Own:
    """The clearest grid of a region other than the picture's.

    Args:
        inside: (64,) votes of the region.
        elsewhere: (64,) votes of the rest.
        main: place of the picture's grid, None where it has none.
    """
    chances = np.maximum((elsewhere + 1) / (elsewhere.sum() + PLACES), 1 / PLACES)
    tails = _log_tail(inside, int(inside.sum()), chances)
    if main is not None:
        tails[main] = 0.0
    best = int(np.argmin(tails))
    effect = max(0.0, float(-tails[best] / math.log(10) - math.log10(PLACES)))
    return Own(best, int(inside[best]), float(chances[best]), effect)


@dataclass(frozen=True, slots=True)
class _Votes:
    """What regions are compared with."""

    cast: Plane  # (h, w), of `grid_votes`
    elsewhere: Counts  # outside all regions
    main: int | None  # grid of the whole picture
    frame: str  # where the axes point, in words


def _row(votes: _Votes, region_id: int, place: str, inside: GridMask) -> RegionRow:
    counts, elsewhere = _counts(votes.cast[inside]), votes.elsewhere
    own = own_grid(counts, elsewhere, votes.main)
    clear = own.effect >= LEAST_EFFECT and own.inside >= LEAST_SHARE * counts.sum()
    down, across = _moved(own.place, votes.main or 0)
    numbers: dict[str, JsonValue] = {
        "moved_xy": [across, down],
        "inside_percent": round(100 * own.inside / counts.sum()),
        "outside_percent": round(100 * elsewhere[own.place] / elsewhere.sum()),
        "votes_inside": int(counts.sum()),
        "rest_has_grid": votes.main is not None,
    }
    pattern = UNCLEAR if not clear else ALONE if votes.main is None else POINTS
    headline = (
        "No other grid" if not clear else "Own grid" if votes.main is None else f"Moved {across}, {down}"
    )
    return RegionRow(
        region_id=region_id,
        outcome="shifted" if clear else SAME,
        text=pattern.format(place=place, x=across, y=down, frame=votes.frame, **numbers),
        headline=headline,
        effect=own.effect,
        numbers=numbers,
    )


def _moved(place: int, main: int) -> tuple[int, int]:
    """Pixels down and across from one grid to the other, 0..7; whole blocks more cannot be told."""
    (top, left), (main_top, main_left) = divmod(place, BLOCK_PX), divmod(main, BLOCK_PX)
    return (top - main_top) % BLOCK_PX, (left - main_left) % BLOCK_PX


def _zeros(plane: Plane) -> npt.NDArray[np.uint8]:
    """(8h, 8w): how many coefficients of the block that starts there are near zero."""
    around = np.ascontiguousarray(plane - np.float32(MIDDLE))
    basis = np.asarray(cosines(), np.float32)
    zeros = np.zeros(plane.shape, np.uint8)
    if not plane.size:
        return zeros
    for down in FREQUENCIES:
        for across in FREQUENCIES:
            values = cv2.sepFilter2D(
                around,
                cv2.CV_32F,
                basis[across],
                basis[down],
                anchor=(0, 0),
                borderType=cv2.BORDER_REPLICATE,
            )
            zeros += np.abs(values) < NEAR_ZERO
    return zeros


def _frame(turn: int) -> str:
    return "" if turn == 1 else AS_STORED


def _counts(votes: Plane) -> Counts:
    cast = votes[votes != NO_VOTE].astype(np.int64)
    return np.bincount(cast, minlength=PLACES)


def _main(counts: Counts) -> int | None:
    """The grid that clearly more blocks lie on than chance would put there, None where there is none."""
    best, total = int(np.argmax(counts)), int(counts.sum())
    tail = float(_log_tail(counts[best], total, 1 / PLACES)) / math.log(10)
    return best if total and -tail - math.log10(PLACES) >= SURE else None


def _log_tail(
    counts: npt.ArrayLike, total: int, chance: float | npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Natural logarithm of the chance of so many out of `total` or more; -inf below what a float64 holds."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(special.bdtrc(np.asarray(counts) - 1, total, chance)))
