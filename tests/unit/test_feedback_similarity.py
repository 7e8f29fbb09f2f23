"""Perceptual hashes: copies are near, other scenes are not, and the fast search agrees with the slow one."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from fakeshield_core.domain import RgbImage
from fakeshield_core.imaging import recompress, resize_rgb
from fakeshield_core.similarity import (
    NEAR_BITS,
    distance,
    mirrored,
    near_any,
    near_pairs,
    perceptual_hash,
)
from tests.fakes import textured


def half_size_jpeg(rgb: RgbImage) -> RgbImage:
    return recompress(resize_rgb(rgb, rgb.shape[0] // 2, rgb.shape[1] // 2), 60)


def brighter(rgb: RgbImage) -> RgbImage:
    return np.clip(rgb.astype(np.int16) + 25, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("change", [half_size_jpeg, brighter, lambda rgb: rgb[:, ::-1].copy()])
@pytest.mark.parametrize("seed", range(4))
def test_a_copy_is_near(seed: int, change) -> None:  # type: ignore[no-untyped-def]
    rgb = textured(192, 256, seed)
    assert distance(perceptual_hash(rgb), perceptual_hash(change(rgb))) <= NEAR_BITS


def test_different_scenes_are_not_near() -> None:
    hashes = [perceptual_hash(textured(192, 256, seed)) for seed in range(12)]
    assert near_pairs(hashes) == []


def test_mirrored_hash_is_the_hash_of_the_flipped_picture() -> None:
    rgb = textured(64, 64, 3)
    flipped = np.asarray(Image.fromarray(rgb).transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    assert (mirrored(perceptual_hash(rgb)) ^ perceptual_hash(flipped)).bit_count() <= 1
    assert mirrored(mirrored(12345)) == 12345


def test_fast_search_finds_what_the_slow_one_finds() -> None:
    rng = np.random.default_rng(5)
    bases = [int(value) for value in rng.integers(0, 2**63, 40)]
    hashes = bases + [
        base ^ (1 << int(bit)) for base, bit in zip(bases, rng.integers(0, 63, 40), strict=True)
    ]
    hashes += [mirrored(base) for base in bases[:5]]
    slow = [
        (i, j)
        for i in range(len(hashes))
        for j in range(i + 1, len(hashes))
        if distance(hashes[i], hashes[j]) <= NEAR_BITS
    ]
    assert near_pairs(hashes) == slow
    assert len(slow) >= 45
    assert near_any(hashes[:3], hashes[40:41]) == [True, False, False]
    assert near_any(hashes[:2], []) == [False, False]
