"""Masks by hand on tiny arrays: regions, their places in words, combination, COCO run lengths."""

from __future__ import annotations

import time

import numpy as np
import pytest

from fakeshield_core import masks
from fakeshield_core.domain import BoxXyxy
from fakeshield_core.errors import InputError, MaskShapeMismatch

CROSS = np.array([[0, 1, 0, 0], [1, 1, 1, 0], [0, 1, 0, 0], [0, 0, 0, 1]], dtype=bool)


def _mask(rows: str) -> np.ndarray:
    return np.array([[cell == "#" for cell in row] for row in rows.split()], dtype=bool)


def test_threshold_is_strict() -> None:
    assert masks.threshold(np.array([[0.4, 0.5, 0.6]], dtype=np.float32), 0.5).tolist() == [
        [False, False, True]
    ]


def test_area_fraction_is_the_marked_share() -> None:
    assert masks.area_fraction(CROSS) == 6 / 16
    assert masks.area_fraction(np.zeros((0, 0), bool)) == 0.0


@pytest.mark.parametrize(("add", "expected"), [(True, "## ## .#"), (False, "#. .. ..")])
def test_combine_adds_or_takes_away(add: bool, expected: str) -> None:
    base, proposal = _mask("## .# .."), _mask(".# ## .#")
    before = base.copy(), proposal.copy()
    assert (masks.combine(base, proposal, add) == _mask(expected)).all()
    assert (base == before[0]).all()
    assert (proposal == before[1]).all()


def test_masks_of_different_size_are_refused() -> None:
    with pytest.raises(MaskShapeMismatch, match="take both from one picture"):
        masks.combine(CROSS, CROSS[:2], add=True)
    with pytest.raises(MaskShapeMismatch):
        masks.regions(CROSS, np.zeros((4, 5), np.float32))


def test_pixels_that_touch_at_a_corner_are_one_region() -> None:
    labels, number = masks.label_regions(_mask("#.. .#. ..#"), min_area_px=1)
    assert number == 1
    assert labels.dtype == np.int32
    assert (labels == np.eye(3, dtype=int)).all()


def test_regions_are_numbered_by_falling_area() -> None:
    labels, number = masks.label_regions(_mask("#..## ...## ##..."), min_area_px=1)
    assert number == 3
    assert labels.tolist() == [[3, 0, 0, 1, 1], [0, 0, 0, 1, 1], [2, 2, 0, 0, 0]]


@pytest.mark.parametrize(("min_area_px", "number"), [(1, 3), (2, 2), (4, 1), (5, 0)])
def test_small_areas_are_left_out(min_area_px: int, number: int) -> None:
    labels, found = masks.label_regions(_mask("#..## ...## ##..."), min_area_px)
    assert found == number
    assert labels.max() == number


def test_mask_without_regions_has_none() -> None:
    empty = np.zeros((5, 7), bool)
    labels, number = masks.label_regions(empty, min_area_px=1)
    assert (number, labels.shape, labels.any()) == (0, (5, 7), False)
    assert masks.regions(empty, empty.astype(np.float32)) == ()


def test_region_tells_box_area_score_and_place() -> None:
    mask = np.zeros((40, 80), bool)
    mask[2:10, 60:76] = True
    mask[30:36, 4:9] = True
    soft = np.where(mask, np.float32(0.75), np.float32(0.125))
    soft[30:36, 4:9] = 1.0
    first, second = masks.regions(mask, soft)
    assert first == masks.Region(1, (60, 2, 76, 10), 128 / 3200, 0.75, "top right")
    assert second == masks.Region(2, (4, 30, 9, 36), 30 / 3200, 1.0, "bottom left")


def test_score_of_a_region_ignores_its_neighbour_in_the_same_box() -> None:
    mask = np.zeros((24, 24), bool)
    mask[0:20, 0:2] = mask[18:20, 0:20] = True  # an L whose box holds the square
    mask[4:9, 8:13] = True
    soft = np.zeros((24, 24), np.float32)
    soft[4:9, 8:13] = 1.0
    assert [region.score for region in masks.regions(mask, soft)] == [0.0, 1.0]


def test_at_most_eight_regions_are_named_and_ids_agree_with_the_labels() -> None:
    mask = np.zeros((60, 200), bool)
    for number in range(12):
        mask[5 : 10 + number, 3 + 16 * number : 11 + 16 * number] = True
    mask[58, 199] = True  # a speck
    named = masks.regions(mask, mask.astype(np.float32))
    labels, found = masks.label_regions(mask, masks.min_region_px(60, 200))
    assert [region.id for region in named] == list(range(1, 9))
    assert found == 12
    for region in named:
        x0, y0, x1, y1 = region.bbox_xyxy
        assert (labels[y0:y1, x0:x1] == region.id).sum() == round(region.area_fraction * mask.size)


@pytest.mark.parametrize(
    ("height", "width", "pixels"), [(100, 100, 16), (1000, 1000, 200), (3000, 4000, 2400)]
)
def test_smallest_region_grows_with_the_picture(height: int, width: int, pixels: int) -> None:
    assert masks.min_region_px(height, width) == pixels


@pytest.mark.parametrize(
    ("bbox_xyxy", "where"),
    [
        ((45, 22, 55, 28), "centre"),
        ((25, 20, 45, 30), "left of centre"),
        ((55, 20, 75, 30), "right of centre"),
        ((40, 10, 60, 20), "above centre"),
        ((40, 30, 60, 40), "below centre"),
        ((25, 12, 45, 18), "above and left of centre"),
        ((55, 32, 75, 38), "below and right of centre"),
        ((0, 0, 20, 10), "top left"),
        ((40, 0, 60, 8), "top centre"),
        ((80, 0, 100, 10), "top right"),
        ((0, 20, 20, 30), "far left"),
        ((80, 20, 100, 30), "far right"),
        ((0, 40, 20, 50), "bottom left"),
        ((40, 42, 60, 50), "bottom centre"),
        ((80, 40, 100, 50), "bottom right"),
        ((5, 0, 95, 10), "across the top"),
        ((0, 20, 100, 30), "across the middle"),
        ((0, 40, 100, 50), "across the bottom"),
        ((0, 0, 20, 50), "down the left side"),
        ((40, 0, 60, 50), "down the middle"),
        ((80, 0, 100, 50), "down the right side"),
        ((10, 5, 90, 45), "most of the picture"),
        ((2, 1, 99, 50), "almost the whole picture"),
    ],
)
def test_place_in_words(bbox_xyxy: BoxXyxy, where: str) -> None:
    assert masks.where_in_picture(bbox_xyxy, height=50, width=100) == where


@pytest.mark.parametrize(
    ("mask", "counts"),
    [
        # runs 16 -> 10000 in groups of five bits: 10000 and more (32) -> 48 + 48 = "`", then 0 -> "0"
        pytest.param(np.zeros((4, 4), bool), "`0", id="nothing marked"),
        pytest.param(np.ones((4, 4), bool), "0`0", id="all marked: first run is empty"),
        # down the columns: 1 off, 1 on, 2 off, then 3 on written as 3 - 1, 2 off as 2 - 2, 1 on as 1 - 3,
        # that is -2 or "N", 5 off as 5 - 2 = 3, 1 on as 1 - 1 = 0
        pytest.param(CROSS, "11220N30", id="cross"),
        pytest.param(_mask(".#"), "11", id="one row"),
    ],
)
def test_run_lengths_by_hand(mask: np.ndarray, counts: str) -> None:
    encoded = masks.encode_rle(mask)
    assert encoded == {"size": [mask.shape[0], mask.shape[1]], "counts": counts}
    decoded = masks.decode_rle(encoded)
    assert decoded.dtype == np.bool_
    assert (decoded == mask).all()


def test_long_runs_take_several_characters() -> None:
    mask = np.zeros((1000, 3), bool)
    mask[500:, 1] = True
    # 1500 = 1 01110 11100 -> 28 + 32, 14 + 32, 1; 500 -> 20 + 32, 15; 1000 -> 8 + 32, 31 + 32, 0; each + 48
    assert masks.encode_rle(mask)["counts"] == "l^1d?Xo0"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"size": [4, 4]}, id="no counts"),
        pytest.param({"size": [4], "counts": "`0"}, id="one side"),
        pytest.param({"size": [4, True], "counts": "4"}, id="a side that is no number"),
        pytest.param({"size": [4.0, 4], "counts": "`0"}, id="a side that is a fraction"),
        pytest.param({"size": [-4, -4], "counts": "`0"}, id="negative size"),
        pytest.param({"size": [10**6, 10**6], "counts": "`0"}, id="a mask of a terabyte"),
        pytest.param({"size": [4, 4], "counts": [16]}, id="counts as a list"),
        pytest.param({"size": [4, 4], "counts": ""}, id="empty counts"),
        pytest.param({"size": [4, 4], "counts": "1"}, id="runs too short"),
        pytest.param({"size": [4, 4], "counts": "a0"}, id="runs too long"),
        pytest.param({"size": [4, 4], "counts": "O1`0"}, id="negative run"),
        pytest.param({"size": [4, 4], "counts": "`"}, id="breaks off inside a number"),
        pytest.param({"size": [4, 4], "counts": "!é"}, id="other characters"),
        pytest.param({"size": [4, 4], "counts": "o" * 8 + "0"}, id="number of more than 35 bits"),
        pytest.param({"size": [4, 4], "counts": "ooooo?" * 10}, id="sum past the size"),
        pytest.param({"size": [4, 4], "counts": "0" * 10**6}, id="longer than any mask of that size"),
    ],
)
def test_hostile_run_lengths_are_refused(data: dict) -> None:
    with pytest.raises(InputError, match="cannot be read as COCO run lengths"):
        masks.decode_rle(data)


def test_run_lengths_of_twelve_megapixels_visit_no_pixel_in_python() -> None:
    started = time.process_time()
    mask = np.zeros((3000, 4000), bool)
    mask[::3000] = True
    assert (masks.decode_rle(masks.encode_rle(mask)) == mask).all()
    assert (
        time.process_time() - started < 1.5
    )  # 0.02 CPU-s as measured; a loop over pixels takes some seconds
