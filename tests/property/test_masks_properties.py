"""Rules that hold for any mask."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from fakeshield_core import masks, metrics
from fakeshield_core.domain import BoolMask
from fakeshield_core.errors import InputError

SIZES = st.tuples(st.integers(1, 40), st.integers(1, 40))
MASKS = arrays.arrays(np.bool_, SIZES)
PAIRS = SIZES.flatmap(lambda size: st.tuples(arrays.arrays(np.bool_, size), arrays.arrays(np.bool_, size)))


def _slow_counts(mask: BoolMask) -> str:
    """`rleToString` of maskApi.c, one pixel and one character at a time."""
    runs, value = [0], False
    for pixel in mask.ravel(order="F").tolist():
        if pixel != value:
            runs.append(0)
            value = pixel
        runs[-1] += 1
    text = ""
    for place, run in enumerate(runs):
        rest, more = run - (runs[place - 2] if place > 2 else 0), True
        while more:
            group = rest & 0x1F
            rest >>= 5
            more = rest != -1 if group & 0x10 else rest != 0
            text += chr(group + 48 + (0x20 if more else 0))
    return text


@given(MASKS)
def test_run_lengths_equal_their_slow_twin_and_come_back(mask: BoolMask) -> None:
    encoded = masks.encode_rle(mask)
    assert encoded["counts"] == _slow_counts(mask)
    assert (masks.decode_rle(encoded) == mask).all()


@given(st.lists(st.integers(-2, 50), max_size=3), st.text(max_size=12))
def test_any_run_lengths_give_a_mask_of_that_size_or_are_refused(size: list[int], counts: str) -> None:
    try:
        mask = masks.decode_rle({"size": [*size], "counts": counts})
    except InputError:
        return
    assert mask.shape == tuple(size)


@given(PAIRS)
def test_adding_then_taking_away_leaves_nothing_of_the_proposal(pair: tuple[BoolMask, BoolMask]) -> None:
    base, proposal = pair
    added = masks.combine(base, proposal, add=True)
    assert (added & proposal == proposal).all()
    assert (masks.combine(added, proposal, add=False) == (base & ~proposal)).all()


@given(MASKS, st.integers(1, 5))
def test_labels_cover_the_mask_except_small_areas(mask: BoolMask, min_area_px: int) -> None:
    labels, number = masks.label_regions(mask, min_area_px)
    areas = np.bincount(labels.ravel(), minlength=number + 1)[1:]
    assert not (labels[~mask]).any()
    assert (np.diff(areas) <= 0).all()
    assert (areas >= min_area_px).all()
    assert (masks.label_regions(mask, 1).labels > 0).tolist() == mask.tolist()


@given(PAIRS)
def test_iou_and_f1_are_symmetric_within_bounds_and_ordered(pair: tuple[BoolMask, BoolMask]) -> None:
    first, second = pair
    iou, f1 = metrics.pixel_iou(first, second), metrics.pixel_f1(first, second)
    assert abs(iou - metrics.pixel_iou(second, first)) < 1e-12
    assert abs(f1 - metrics.pixel_f1(second, first)) < 1e-12
    assert 0 <= iou <= f1 + 1e-7 <= 1 + 1e-7
