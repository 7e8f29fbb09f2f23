"""Forgeries: the mask is exactly where pixels were replaced, for every kind and many seeds."""

from __future__ import annotations

import numpy as np
import pytest

from fakeshield_core.synthesis.forgeries import KINDS, Kind, diffused, forge, random_shape
from fakeshield_core.synthesis.history import aged, through_jpeg, toned
from fakeshield_core.synthesis.retouches import RETOUCHES, Retouch, retouch
from tests.fakes import textured

HOST, DONOR = textured(128, 192, 1), textured(160, 96, 2)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(12))
def test_pixels_away_from_the_mask_are_untouched(kind: Kind, seed: int) -> None:
    from scipy import ndimage

    forged = forge(HOST, DONOR, kind, np.random.default_rng(seed))
    far = ~ndimage.binary_dilation(
        forged.mask, iterations=8
    )  # feathering reaches 4 sigma of 1.5 px and the rest
    assert forged.rgb.shape == HOST.shape and forged.mask.shape == HOST.shape[:2]
    np.testing.assert_array_equal(forged.rgb[far], HOST[far])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(6))
def test_most_pixels_inside_the_mask_changed(kind: Kind, seed: int) -> None:
    forged = forge(HOST, DONOR, kind, np.random.default_rng(seed))
    assert 0.003 < forged.mask.mean() < 0.6
    assert (forged.rgb != HOST).any(axis=2)[forged.mask].mean() > 0.8


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_makes_the_same_forgery(kind: Kind) -> None:
    first, second = (forge(HOST, DONOR, kind, np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(first.rgb, second.rgb)
    assert first.history == second.history and first.kind == kind


def test_a_cutout_keeps_its_shape() -> None:
    cutout = np.zeros(DONOR.shape[:2], np.bool_)
    cutout[30:90, 20:50] = True
    shares = []
    for seed in range(10):
        mask = forge(HOST, DONOR, "splice", np.random.default_rng(seed), cutout).mask
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        shares.append(mask.sum() / ((rows[-1] - rows[0] + 1) * (columns[-1] - columns[0] + 1)))
    assert min(shares) > 0.9  # a rectangle was cut out, a rectangle arrives


@pytest.mark.parametrize("seed", range(20))
def test_random_shapes_are_neither_empty_nor_outside_their_box(seed: int) -> None:
    shape = random_shape(20, 31, np.random.default_rng(seed))
    assert shape.shape == (20, 31) and shape.mean() > 0.15


def test_diffusion_fills_a_hole_from_what_surrounds_it() -> None:
    grey = np.full((64, 64, 3), 90, np.uint8)
    hole = np.zeros((64, 64), np.bool_)
    hole[20:40, 20:40] = True
    holed = grey.copy()
    holed[hole] = 255
    assert np.abs(diffused(holed, hole).astype(int) - 90).max() <= 1


def test_a_jpeg_round_trip_gives_the_table_it_used() -> None:
    fine, coarse = through_jpeg(HOST, 95)[1], through_jpeg(HOST, 40)[1]
    assert fine.shape == (8, 8) and fine[0, 0] < coarse[0, 0]
    assert coarse[0, 7] != coarse[7, 0]  # natural order: the standard table is not symmetric


def test_ageing_writes_down_what_it_did() -> None:
    for seed in range(30):
        rgb, steps = aged(HOST, np.random.default_rng(seed))
        assert (len(steps) == 0) == (rgb.shape == HOST.shape and bool((rgb == HOST).all()))


@pytest.mark.parametrize("kind", RETOUCHES)
@pytest.mark.parametrize("seed", range(8))
def test_retouches_change_their_mask_and_nothing_far_from_it(kind: Retouch, seed: int) -> None:
    from scipy import ndimage

    donor = textured(128, 192, 3)
    forged, again = (retouch(HOST, donor, kind, np.random.default_rng(seed)) for _ in range(2))
    np.testing.assert_array_equal(forged.rgb, again.rgb)
    far = ~ndimage.binary_dilation(forged.mask, iterations=9)  # the softest edge reaches 4 sigma of 2 px
    np.testing.assert_array_equal(forged.rgb[far], HOST[far])
    assert 0.003 < forged.mask.mean() < 0.4
    assert (forged.rgb != HOST).any(axis=2)[forged.mask].mean() > 0.7


def test_toning_keeps_a_grey_picture_grey_and_moves_it() -> None:
    grey = np.repeat(textured(64, 64, 4)[..., :1], 3, axis=2)
    changed = 0
    for seed in range(20):
        toned_grey = toned(grey, np.random.default_rng(seed))
        assert np.ptp(toned_grey.astype(int), axis=2).max() <= 1
        changed += bool((toned_grey != grey).any())
    assert changed > 12
