"""Tiles cover every pixel, start on the grid, and their maps join without a step."""

from __future__ import annotations

import numpy as np
import pytest

from fakeshield_core.engines.tiles import (
    MOST_TILES,
    TILE,
    Tile,
    analysed_size,
    blended,
    padded_side,
    tile_count,
    tiles_for,
)

SIZES = [(16, 16), (256, 384), (512, 512), (513, 512), (720, 960), (1024, 1024), (1000, 1500), (1936, 2048)]


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_tiles_cover_every_pixel_and_start_on_the_grid(height: int, width: int) -> None:
    covered = np.zeros((padded_side(height), padded_side(width)), np.int32)
    for tile in tiles_for(height, width):
        assert tile.top % 16 == tile.left % 16 == tile.height % 16 == tile.width % 16 == 0
        assert max(tile.height, tile.width) <= TILE
        covered[tile.top : tile.top + tile.height, tile.left : tile.left + tile.width] += 1
    assert covered.min() >= 1


@pytest.mark.parametrize(
    ("height", "width", "count"), [(512, 512, 1), (1024, 1024, 4), (513, 100, 2), (2048, 2048, 16)]
)
def test_the_fewest_tiles_are_used(height: int, width: int, count: int) -> None:
    assert len(tiles_for(height, width)) == tile_count(height, width) == count


@pytest.mark.parametrize(("height", "width"), [(3000, 4000), (40, 12000), (6000, 6600), (2049, 2048)])
def test_a_large_picture_is_scaled_until_sixteen_tiles_cover_it(height: int, width: int) -> None:
    tall, wide = analysed_size(height, width)
    assert tile_count(tall, wide) <= MOST_TILES
    assert tall / wide == pytest.approx(height / width, rel=0.5 if min(height, width) < 100 else 0.01)


def test_a_picture_of_four_megapixels_keeps_its_size() -> None:
    assert analysed_size(2048, 2048) == (2048, 2048)


def test_equal_tiles_blend_to_the_same_value_everywhere() -> None:
    pieces = [(t, np.full((t.height // 4, t.width // 4), 3.0, np.float32)) for t in tiles_for(700, 1100)]
    joined = blended(pieces, padded_side(700), padded_side(1100), 4)
    assert joined.shape == (176, 276)
    np.testing.assert_allclose(joined, 3.0, rtol=1e-6)


def test_touching_tiles_of_different_value_join_without_a_step() -> None:
    left, right = Tile(0, 0, 512, 512), Tile(0, 512, 512, 512)
    zeros = np.zeros((128, 128), np.float32)
    joined = blended([(left, zeros), (right, zeros + 8)], 512, 1024, 4)
    steps = np.abs(np.diff(joined[64]))
    assert steps.max() <= 8 / 7  # eight cells share the step of 8
    assert joined[64, 0] == 0 and joined[64, -1] == 8


def test_a_single_tile_is_given_back_unchanged() -> None:
    logits = np.random.default_rng(0).normal(size=(32, 48)).astype(np.float32)
    np.testing.assert_allclose(blended([(Tile(0, 0, 128, 192), logits)], 128, 192, 4), logits, rtol=1e-6)
