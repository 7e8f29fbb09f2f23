"""Tiles cover every pixel, overlap, start on the grid, and their maps join without a step."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from fakeshield_core.engines.tiles import (
    GRID,
    MOST_PIXELS,
    OVERLAP,
    TILE,
    Tile,
    analysed_size,
    blended,
    padded_side,
    tiles_for,
)

SIZES = [(16, 16), (256, 384), (720, 1280), (1281, 1280), (1080, 1920), (2048, 2048), (40, 12_000)]


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_tiles_cover_every_pixel_and_start_on_the_grid(height: int, width: int) -> None:
    covered = np.zeros((padded_side(height), padded_side(width)), np.int32)
    for tile in tiles_for(height, width):
        assert tile.top % 16 == tile.left % 16 == tile.height % 16 == tile.width % 16 == 0
        assert max(tile.height, tile.width) <= TILE
        covered[tile.top : tile.top + tile.height, tile.left : tile.left + tile.width] += 1
    assert covered.min() >= 1


@pytest.mark.parametrize("length", range(TILE, 6 * TILE, 176))
def test_neighbours_share_a_strip(length: int) -> None:
    row = tiles_for(16, length)
    shared = [before.left + before.width - after.left for before, after in pairwise(row)]
    assert all(overlap >= OVERLAP - GRID for overlap in shared)


@pytest.mark.parametrize(
    ("height", "width", "count"), [(1280, 1280, 1), (1281, 100, 2), (1080, 1920, 2), (2048, 2048, 4)]
)
def test_the_fewest_tiles_are_used(height: int, width: int, count: int) -> None:
    assert len(tiles_for(height, width)) == count


@pytest.mark.parametrize(("height", "width"), [(3000, 4000), (60, 100_000), (6000, 6600), (2049, 2048)])
def test_a_large_picture_is_scaled_to_four_megapixels(height: int, width: int) -> None:
    tall, wide = analysed_size(height, width)
    assert 0.95 * MOST_PIXELS < tall * wide <= MOST_PIXELS
    assert tall / wide == pytest.approx(height / width, rel=0.05 if min(height, width) < 100 else 0.01)


def test_a_picture_of_four_megapixels_keeps_its_size() -> None:
    assert analysed_size(2048, 2048) == (2048, 2048)


def test_equal_tiles_blend_to_the_same_value_everywhere() -> None:
    height, width = padded_side(1500), padded_side(3100)
    pieces = [(t, np.full((t.height // 4, t.width // 4), 3.0, np.float32)) for t in tiles_for(height, width)]
    joined = blended(pieces, height, width, 4)
    assert joined.shape == (376, 776)
    np.testing.assert_allclose(joined, 3.0, rtol=1e-6)


def test_neighbouring_tiles_of_different_value_join_without_a_step() -> None:
    left, right = Tile(0, 0, 512, 512), Tile(0, 512 - OVERLAP, 512, 512)
    zeros = np.zeros((128, 128), np.float32)
    joined = blended([(left, zeros), (right, zeros + 8)], 512, 1024 - OVERLAP, 4)
    steps = np.abs(np.diff(joined[64]))
    assert steps.max() <= 8 / (OVERLAP // 4 - 1)
    assert joined[64, 0] == 0 and joined[64, -1] == 8


def test_a_single_tile_is_given_back_unchanged() -> None:
    logits = np.random.default_rng(0).normal(size=(32, 48)).astype(np.float32)
    np.testing.assert_allclose(blended([(Tile(0, 0, 128, 192), logits)], 128, 192, 4), logits, rtol=1e-6)
