"""Inside against outside: is a measurement in a region other than in similar blocks elsewhere in the picture?

A block's logarithm is compared with what its brightness and texture let expect, as learnt from the blocks
outside every region. What is left is averaged over the region and held against how much such averages vary
elsewhere in the same picture. So neither a rougher texture nor a restless picture is taken for a difference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from fakeshield_core.domain import JsonValue, Plane, Region
from fakeshield_core.errors import MaskShapeMismatch
from fakeshield_core.evidence.blocks import BLOCK_PX, Sampling

Outcome = Literal["higher", "lower", "same", "not_measured"]
GridMask: TypeAlias = npt.NDArray[np.bool_]  # (h, w), one value a block
Labels: TypeAlias = npt.NDArray[np.int32]  # (H, W), region ids, 0 = none

# The constants below and the limits of the two tests were chosen on the training pool, 2026-11-25.
# Share of regions for which a difference was claimed, error level / noise:
#   random ellipses and rectangles of 0.5 to 20 % of 241 unedited photographs, as they are and at quality 85
#   (2,410 regions): 0.8 % / 0.7 %, and 1.4 % by either; the same on 147 photographs of the development set,
#   not used for choosing (1,470 regions): 0.4 % / 0.9 %, 1.1 % by either;
#   object outlines in 198 unedited photographs: 20 % by either (objects do differ from what surrounds them,
#   so this is the honest rate for a wrong mask that follows an object);
#   true regions of forgeries as they are: CASIA v1 splices 46 % / 31 %, CASIA v1 copies 32 % / 11 %,
#   MISD 33 % / 33 %, IMD2020 28 % / 26 %; at quality 85: 34 % / 22 %, 8 % / 8 %, 12 % / 19 %, 34 % / 25 %.
LEVEL_FLOOR = 0.2  # grey levels, added before the logarithm: rounding alone makes noise of 0.29
TEXTURE_FLOOR = 0.3  # the same for texture
CLIPPED_MOST = 0.05  # share of clipped pixels a usable block may have
MIN_INSIDE = 8  # usable blocks in a region
MIN_OUTSIDE = 60  # usable blocks outside; the fit has 9 unknowns
PATCH_BLOCKS = 5  # side of the areas whose averages tell how much the picture varies: 40 pixels
SPREAD_FLOOR = 0.02  # smallest spread of logarithms believed
FILLED = 0.9  # share of a block that must lie in a region for the block to count as inside
ROBUST_ROUNDS, ROBUST_REACH = 3, 1.5  # Huber weights: rounds, and reach in robust standard deviations
BEYOND = 0.1  # how far outside the 1st to 99th percentile a block may lie and still count as similar
NO_RATIO_BELOW = 0.1  # grey levels; a ratio to less than this says nothing
# Why a region is not compared: code of a row, and words fit to follow a colon.
REASONS: Mapping[str, str] = {
    "too_little_outside": "too little of the picture lies outside the marked area to compare with",
    "too_small": f"too small, fewer than {MIN_INSIDE} whole blocks of {BLOCK_PX} × {BLOCK_PX} pixels",
    "too_dark_or_bright": "almost black or almost white",
    "nothing_similar": "nothing elsewhere in the picture is similar in texture and brightness",
    "flat_inside": "too few of its blocks carry texture enough",
    "flat_outside": "too few blocks outside the marked area carry texture enough",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """When a difference is claimed."""

    effect: float  # least size, in spreads
    ratio: float  # least ratio of higher to lower level; below it the rounded headline would read 1.0 or 1.1


@dataclass(frozen=True, slots=True)
class Contrast:
    """One measurement in one region. Levels are geometric means over blocks, grey levels."""

    region_id: int
    outcome: Outcome
    blocks_inside: int  # usable ones
    blocks_outside: int
    inside: float | None = None  # level in the region
    expected: float | None = None  # level that similar blocks elsewhere let expect
    ratio: float | None = None  # inside / expected, None where expected is too small
    spread: float | None = None  # by how much areas of 40 x 40 pixels elsewhere differ from expectation
    effect: float | None = None  # distance from expectation in spreads, small regions discounted; 0 or more
    reason_code: str = ""  # why it was not measured, a key of REASONS

    @property
    def reason(self) -> str:
        """The same for people; empty where it was measured."""
        return REASONS.get(self.reason_code, "")

    def to_json(self) -> dict[str, JsonValue]:
        """The numbers, rounded to three digits behind the point."""
        numbers = {name: getattr(self, name) for name in ("inside", "expected", "ratio", "spread", "effect")}
        rounded: dict[str, JsonValue] = {k: None if v is None else round(v, 3) for k, v in numbers.items()}
        return {
            "region_id": self.region_id,
            "outcome": self.outcome,
            **rounded,
            "blocks_inside": self.blocks_inside,
            "blocks_outside": self.blocks_outside,
            "reason": self.reason,
            **(why_not_numbers(self.reason_code) if self.reason_code else {}),
        }


def contrasts(
    levels: Plane, grids: Mapping[str, Plane], labels: Labels, regions: tuple[Region, ...], limits: Limits
) -> tuple[Contrast, ...]:
    """One contrast for each region, in their order.

    Args:
        levels: (h, w), the measurement of each block, grey levels.
        grids: `surroundings` of the same picture.
        labels: (H, W) of the picture.
        regions: the regions to compare; labels of others count as neither inside nor outside.
        limits: of a claim.

    Raises:
        MaskShapeMismatch: the labels do not belong to the picture that was measured.
    """
    sampling = Sampling.of(labels.shape)
    if levels.shape != sampling.grid_hw:
        raise MaskShapeMismatch(
            "The mask and the measurements are of two different pictures; measure this picture first."
        )
    taken = sampling.take(labels)
    outside = ~ndimage.binary_dilation(share(taken != 0) > 0, np.ones((3, 3), dtype=np.bool_))
    backdrop = _backdrop(levels, grids, outside)
    return tuple(
        _contrast(region.id, share(taken == region.id) >= FILLED, backdrop, limits) for region in regions
    )


@dataclass(frozen=True, slots=True)
class _Backdrop:
    """What the picture outside the regions teaches."""

    logs: Plane  # (h, w), log(level + floor)
    surprise: Plane  # (h, w), logs minus expectation; mean 0 outside
    exposed: GridMask  # neither too dark nor too bright
    similar: GridMask  # exposed, and of a brightness and texture that occurs outside
    blocks: int  # similar ones outside
    spread: float | None  # of 40 x 40 pixel averages of `surprise` outside; None: cannot be told


def _backdrop(levels: Plane, grids: Mapping[str, Plane], outside: GridMask) -> _Backdrop:
    logs = np.log(levels + LEVEL_FLOOR)
    exposed = grids["clipped"] <= CLIPPED_MOST
    learn = exposed & outside
    if np.count_nonzero(learn) < MIN_OUTSIDE:
        return _Backdrop(logs, logs, exposed, exposed, int(np.count_nonzero(learn)), None)
    columns = _columns(grids)
    similar = exposed & np.logical_and.reduce([_within(column, learn) for column in columns])
    surprise = logs - _expectation(logs, _design(*columns), learn)
    known = similar & outside
    surprise -= surprise[known].mean()
    return _Backdrop(logs, surprise, exposed, similar, int(np.count_nonzero(known)), _spread(surprise, known))


def _columns(grids: Mapping[str, Plane]) -> tuple[Plane, Plane, Plane]:
    light = np.asarray(grids["brightness"] / 128 - 1, dtype=np.float32)
    fine, coarse = (
        np.log(grids[name] + np.float32(TEXTURE_FLOOR)) for name in ("fine_texture", "coarse_texture")
    )
    return light, fine, coarse


def _within(column: Plane, learn: GridMask) -> GridMask:
    low, high = np.percentile(column[learn], [1, 99])
    return np.asarray((column >= low - BEYOND) & (column <= high + BEYOND))


def _design(light: Plane, fine: Plane, coarse: Plane) -> Plane:
    """(h, w, 9): quadratic in brightness and each texture; few unknowns, so no area is learnt by heart."""
    terms = [np.ones_like(light), light, light**2]
    terms += [fine, fine**2, light * fine, coarse, coarse**2, light * coarse]
    return np.stack(terms, axis=-1)


def _expectation(logs: Plane, design: Plane, learn: GridMask) -> Plane:
    """(h, w): least squares with Huber weights, learnt where `learn` is True."""
    known, target = design[learn].astype(np.float64), logs[learn].astype(np.float64)
    weights = np.ones_like(target)
    for _ in range(ROBUST_ROUNDS):
        solution = np.linalg.lstsq(known * weights[:, None], target * weights, rcond=None)[0]
        error = np.abs(target - known @ solution)
        reach = ROBUST_REACH * (1.4826 * np.median(error) + 1e-6)
        weights = np.sqrt(np.minimum(1, reach / np.maximum(error, 1e-9)))
    return np.asarray(design @ solution.astype(np.float32), dtype=np.float32)


def _spread(surprise: Plane, known: GridMask) -> float | None:
    """Standard deviation of 5 x 5 block averages that lie at least half in `known`."""
    filled = ndimage.uniform_filter(known.astype(np.float32), PATCH_BLOCKS, mode="constant")
    total = ndimage.uniform_filter(
        np.where(known, surprise, 0).astype(np.float32), PATCH_BLOCKS, mode="constant"
    )
    enough = filled > 0.5
    if np.count_nonzero(enough) < PATCH_BLOCKS:
        return None
    return float(np.std(total[enough] / filled[enough]))


def _contrast(region_id: int, inside: GridMask, backdrop: _Backdrop, limits: Limits) -> Contrast:
    usable = inside & backdrop.similar
    count = int(np.count_nonzero(usable))
    code = _why_not(inside, count, backdrop)
    if code or backdrop.spread is None:
        return Contrast(region_id, "not_measured", count, backdrop.blocks, reason_code=code)
    surprise = float(backdrop.surprise[usable].mean())
    shifted = float(np.exp(backdrop.logs[usable].mean()))
    level, expected = max(shifted - LEVEL_FLOOR, 0.0), max(shifted * np.exp(-surprise) - LEVEL_FLOOR, 0.0)
    small = np.sqrt(1 + PATCH_BLOCKS**2 / count)
    effect = abs(surprise) / ((backdrop.spread + SPREAD_FLOOR) * small)
    large = effect >= limits.effect and abs(surprise) >= np.log(limits.ratio)
    return Contrast(
        region_id=region_id,
        outcome=("higher" if surprise > 0 else "lower") if large else "same",
        blocks_inside=count,
        blocks_outside=backdrop.blocks,
        inside=level,
        expected=float(expected),
        ratio=float(level / expected) if expected >= NO_RATIO_BELOW else None,
        spread=float((expected + LEVEL_FLOOR) * np.expm1(backdrop.spread)),
        effect=float(effect),
    )


def _why_not(inside: GridMask, usable: int, backdrop: _Backdrop) -> str:
    """A key of REASONS; empty where the region can be compared."""
    if backdrop.spread is None:
        return "too_little_outside"
    if np.count_nonzero(inside) < MIN_INSIDE:
        return "too_small"
    if np.count_nonzero(inside & backdrop.exposed) < MIN_INSIDE:
        return "too_dark_or_bright"
    return "nothing_similar" if usable < MIN_INSIDE else ""


def why_not_numbers(code: str) -> dict[str, JsonValue]:
    """What the row of a region that cannot be compared says beside the reason in words."""
    return {"reason_code": code, "least_blocks_inside": MIN_INSIDE, "block_px": BLOCK_PX}


def share(marked: npt.NDArray[np.bool_]) -> Plane:
    """(8h, 8w) marks as (h, w) shares of the blocks, 0..1."""
    rows, columns = marked.shape[0] // BLOCK_PX, marked.shape[1] // BLOCK_PX
    filled = marked.reshape(rows, BLOCK_PX, columns, BLOCK_PX).mean(axis=(1, 3), dtype=np.float32)
    return np.asarray(filled)
