"""What pictures go through on their way keeps their size, and does what its name says."""

from __future__ import annotations

import numpy as np
import pytest

from fakeshield_core.domain import RgbImage
from fakeshield_core.synthesis.history import captioned, denoised, graded
from fakeshield_core.synthesis.scenes import scene

ROUNDS = 40


@pytest.fixture(scope="module")
def picture() -> RgbImage:
    return scene(3, 96, 128).rgb


def test_an_exposure_is_one_curve_for_the_whole_picture(picture: RgbImage) -> None:
    rng = np.random.default_rng(0)
    for _ in range(ROUNDS):
        out = graded(picture, rng)
        assert out.shape == picture.shape and out.dtype == np.uint8
        for level in np.unique(picture)[::16]:
            assert np.unique(out[picture == level]).size == 1


def test_exposures_go_as_far_as_black_and_as_clipped_areas(picture: RgbImage) -> None:
    rng = np.random.default_rng(1)
    drawn = [graded(picture, rng) for _ in range(ROUNDS)]
    clipped, before = [(out == 255).mean() for out in drawn], (picture == 255).mean()
    black = [(out == 0).mean() for out in drawn]
    assert max(clipped) > before + 0.2 and max(black) > (picture == 0).mean() + 0.05


def test_denoising_takes_grain_and_leaves_an_edge() -> None:
    rng = np.random.default_rng(2)
    grain = rng.normal(0, 4, (64, 64, 3))
    edge = np.where(np.arange(64) < 32, 60, 190)[None, :, None]
    noisy = np.clip(np.rint(edge + grain), 0, 255).astype(np.uint8)
    for _ in range(ROUNDS):
        out = denoised(noisy, rng)
        assert out.shape == noisy.shape
        assert out[:, 4:28].std() < noisy[:, 4:28].std()
        assert np.abs(out[:, 28:36].astype(int) - edge[:, 28:36]).mean() < 6


def test_a_caption_changes_one_band_and_nothing_else(picture: RgbImage) -> None:
    rng = np.random.default_rng(3)
    bands = []
    for _ in range(ROUNDS):
        out = captioned(picture, rng)
        assert out.shape == picture.shape
        rows = np.flatnonzero((out != picture).any(axis=(1, 2)))
        bands.append(rows)
        if rows.size:
            assert rows[-1] - rows[0] < 0.5 * picture.shape[0]
    assert sum(rows.size > 0 for rows in bands) > ROUNDS // 2
