"""Pure functions on masks: threshold, regions, where they lie, combine. Arrays in, arrays out, none changed.

Run lengths are in `rle` and offered here as well.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from fakeshield_core.domain import BoolMask, BoxXyxy, Region, SoftMap
from fakeshield_core.errors import MaskShapeMismatch
from fakeshield_core.rle import decode_rle, encode_rle

__all__ = [
    "MAX_REGIONS",
    "Labelled",
    "area_fraction",
    "combine",
    "decode_rle",
    "encode_rle",
    "label_regions",
    "min_region_px",
    "regions",
    "threshold",
    "where_in_picture",
]

MAX_REGIONS = 8  # more than a person looks through; the largest are named
MIN_REGION_FRACTION = 0.0002  # of the picture: 14 x 14 pixels of a megapixel
MIN_REGION_PX = 16  # in small pictures

WHOLE = 0.9  # a box at least this wide and high, as a share of the picture, covers almost all of it
MOST = 0.7
BAND_LONG, BAND_SHORT = 0.8, 0.5  # at least this long and at most this thick: a band across the picture
CENTRE = 1 / 12  # largest distance of a box's middle from the picture's middle that still counts as centre
NEAR = 1 / 4  # the same for "left of centre"; beyond lies the outer part

EIGHT_NEIGHBOURS = np.ones((3, 3), dtype=np.bool_)


class Labelled(NamedTuple):
    """Connected areas of a mask."""

    labels: npt.NDArray[np.int32]  # (H, W), region id, 0 = none
    number: int  # of regions; their ids are 1..number, by falling area


def threshold(soft_map: SoftMap, at: float) -> BoolMask:
    """(H, W) mask of what lies strictly above `at`, which is a probability 0..1."""
    return soft_map > at


def area_fraction(mask: BoolMask) -> float:
    """Marked share of the picture, 0..1; 0 for a mask without pixels."""
    return float(np.count_nonzero(mask) / mask.size) if mask.size else 0.0


def combine(base: BoolMask, proposal: BoolMask, add: bool) -> BoolMask:
    """A new mask: the base with the proposal added to it, or taken from it.

    Args:
        base: (H, W), True = tampered.
        proposal: (H, W), True = to be added or removed.
        add: True adds, False removes.

    Raises:
        MaskShapeMismatch: the two differ in size.
    """
    _same_shape(base, proposal)
    return base | proposal if add else base & ~proposal


def min_region_px(height: int, width: int) -> int:
    """Pixels below which a speck is not called a region: 0.02 % of the picture, at least 16."""
    return max(MIN_REGION_PX, round(MIN_REGION_FRACTION * height * width))


def label_regions(mask: BoolMask, min_area_px: int) -> Labelled:
    """Connected areas (8 neighbours) of at least `min_area_px`, numbered by falling area.

    Args:
        mask: (H, W), True = tampered.
        min_area_px: smaller areas get 0.
    """
    labels = np.zeros(mask.shape, dtype=np.int32)
    box = _bounds(mask)
    found, _ = ndimage.label(mask[box], structure=EIGHT_NEIGHBOURS)
    areas = np.bincount(found.ravel(), minlength=1)
    areas[0] = 0
    by_area = np.argsort(-areas, kind="stable")
    kept = by_area[areas[by_area] >= max(min_area_px, 1)]
    ids = np.zeros(areas.size, dtype=np.int32)
    ids[kept] = np.arange(1, kept.size + 1)
    labels[box] = ids[found]
    return Labelled(labels, int(kept.size))


def regions(mask: BoolMask, soft_map: SoftMap) -> tuple[Region, ...]:
    """The largest connected areas, at most 8, specks below `min_region_px` left out.

    Ids are those of `label_regions(mask, min_region_px(height, width))`.

    Args:
        mask: (H, W), True = tampered.
        soft_map: (H, W), 0..1; its mean inside an area is the score.

    Raises:
        MaskShapeMismatch: the two differ in size.
    """
    _same_shape(mask, soft_map)
    height, width = mask.shape
    labels, found = label_regions(mask, min_region_px(height, width))
    boxes = ndimage.find_objects(labels, max_label=min(found, MAX_REGIONS)) if found else []
    return tuple(
        _region(number, box, labels[box] == number, soft_map) for number, box in enumerate(boxes, start=1)
    )


def where_in_picture(bbox_xyxy: BoxXyxy, height: int, width: int) -> str:
    """Where a box lies, in words that fit after "the larger one" or in brackets.

    Places ("top left", "far right", "left of centre", "centre"), bands ("across the top", "down the left
    side"), "most of the picture" and "almost the whole picture".

    Args:
        bbox_xyxy: pixels, end exclusive.
        height: of the picture, pixels.
        width: of the picture, pixels.
    """
    x0, y0, x1, y1 = bbox_xyxy
    wide, high = (x1 - x0) / width, (y1 - y0) / height
    right, below = (x0 + x1) / (2 * width) - 0.5, (y0 + y1) / (2 * height) - 0.5
    if min(wide, high) >= WHOLE:
        return "almost the whole picture"
    if min(wide, high) >= MOST:
        return "most of the picture"
    if wide >= BAND_LONG and high <= BAND_SHORT:
        return f"across the {_side(below, 'top', 'middle', 'bottom')}"
    if high >= BAND_LONG and wide <= BAND_SHORT:
        return f"down the {_side(right, 'left side', 'middle', 'right side')}"
    return _place(right, below)


def _place(right: float, below: float) -> str:
    row = _side(below, "top", "", "bottom", NEAR)
    column = _side(right, "left", "", "right", NEAR)
    if row:
        return f"{row} {column or 'centre'}"
    if column:
        return f"far {column}"
    near_row = _side(below, "above", "", "below", CENTRE)
    near_column = _side(right, "left of", "", "right of", CENTRE)
    return f"{' and '.join(filter(None, [near_row, near_column]))} centre".lstrip()


def _side(offset: float, before: str, middle: str, after: str, reach: float = CENTRE) -> str:
    if abs(offset) <= reach:
        return middle
    return before if offset < 0 else after


def _bounds(mask: BoolMask) -> tuple[slice, slice]:
    """The smallest box that holds every marked pixel; labelling less is the cheap half of labelling."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if rows.size == 0:
        return slice(0, 0), slice(0, 0)
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _region(number: int, box: tuple[slice, ...], inside: BoolMask, soft_map: SoftMap) -> Region:
    rows, columns = box
    height, width = soft_map.shape
    bbox_xyxy = (int(columns.start), int(rows.start), int(columns.stop), int(rows.stop))
    return Region(
        id=number,
        bbox_xyxy=bbox_xyxy,
        area_fraction=float(np.count_nonzero(inside) / soft_map.size),
        score=float(np.mean(soft_map[box], where=inside, dtype=np.float64)),
        where=where_in_picture(bbox_xyxy, height, width),
    )


def _same_shape(first: npt.NDArray[np.generic], second: npt.NDArray[np.generic]) -> None:
    if first.shape != second.shape or first.ndim != 2:
        raise MaskShapeMismatch(
            f"Masks of {first.shape} and {second.shape} do not belong together; take both from one picture."
        )
