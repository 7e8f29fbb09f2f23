"""Whole-picture evidence: blocks, layers, levels and bounds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fakeshield_core.domain import EvidenceItem, RgbImage
from fakeshield_core.evidence import measure
from fakeshield_core.evidence.blocks import Sampling, blocks, flat_share, luma, surroundings
from fakeshield_core.evidence.level_test import level_words, levels_words, ratio_words
from fakeshield_core.evidence.noise import noise_levels
from fakeshield_core.picture import Picture
from tests.evidence_twin import error_level_of, noise_of
from tests.fakes import pictured, textured

LARGE_HW = (2048, 2112)  # just above 4 megapixels


@pytest.fixture(scope="module")
def small() -> Picture:
    return pictured(textured(100, 133))


def _item(picture: Picture, name: str) -> EvidenceItem:
    item = measure(picture).item(name)
    assert item is not None
    return item


@pytest.mark.parametrize(("name", "twin"), [("error_level", error_level_of), ("noise", noise_of)])
def test_block_levels_equal_the_slow_twin(small: Picture, name: str, twin: object) -> None:
    expected = twin(small.rgb)  # type: ignore[operator]
    evidence = measure(small)
    # a brightness that falls between two grey levels may be rounded either way: one grey level in 64 pixels
    assert evidence.grids[name] == pytest.approx(expected, abs=0.05)
    assert evidence.item(name).numbers["median"] == pytest.approx(np.median(expected), abs=0.02)  # type: ignore[union-attr]


@pytest.mark.parametrize("deviation", [0.5, 3.0, 20.0])
def test_noise_of_known_strength_is_found(deviation: float) -> None:
    grain = np.random.default_rng(0).normal(128, deviation, (256, 256)).astype(np.float32)
    assert noise_levels(blocks(grain)).mean() == pytest.approx(deviation, rel=0.02)


def test_a_slope_has_no_noise_and_a_block_edge_adds_none() -> None:
    slope = np.add.outer(np.arange(32.0), 2 * np.arange(32.0)).astype(np.float32)
    slope[8:] += 50  # a step along the border of a block
    assert noise_levels(blocks(slope)).max() == 0


def test_saving_a_picture_at_quality_90_twice_leaves_almost_no_error_level() -> None:
    grey = np.repeat(textured(128, 128)[..., :1], 3, axis=2)
    once = pictured(grey, "JPEG", quality=90, subsampling=0)
    assert _item(pictured(grey), "error_level").numbers["median"] > 0.5  # type: ignore[operator]
    assert _item(once, "error_level").numbers["median"] < 0.1  # type: ignore[operator]


def test_surroundings_of_a_block_by_hand() -> None:
    block = np.zeros((8, 8), np.float32)
    block[:, 4:] = 100  # one step of 100 in each row
    grids = surroundings(block[None, None])
    assert grids["brightness"].item() == 50
    assert grids["clipped"].item() == 0.5
    assert grids["fine_texture"].item() == pytest.approx(100 / 7)
    assert grids["coarse_texture"].item() == pytest.approx(100 / 3)


def test_items_come_in_order_and_layers_have_the_size_of_the_picture(small: Picture) -> None:
    evidence = measure(small)
    names = ["metadata", "jpeg_tables", "error_level", "noise", "ghosts", "grid", "double_quantisation"]
    assert [item.name for item in evidence.items] == [*names, "copy_move"]
    assert set(evidence.layers) == {"error_level", "noise", "ghosts", "grid"}  # a PNG, nothing occurs twice
    for name, layer in evidence.layers.items():
        assert (layer.values.shape, layer.values.dtype) == ((100, 133), np.float32)
        assert evidence.item(name).layer == name  # type: ignore[union-attr]
    for name in ("error_level", "noise"):
        grid, values = evidence.grids[name], evidence.layers[name].values
        assert grid.min() <= values.min() <= values.max() <= grid.max()


@pytest.mark.parametrize("rgb", [textured(100, 133), textured(64, 64), np.zeros((40, 40, 3), np.uint8)])
def test_headlines_fit_a_tile_and_each_text_is_one_sentence(rgb: RgbImage) -> None:
    for item in measure(pictured(rgb)).items:
        assert 0 < len(item.headline) <= 18
        for text in (item.shows, item.cannot_show):
            assert text.endswith(".")
            assert ". " not in text


def test_a_picture_smaller_than_a_block_is_not_measured_and_says_so(small: Picture) -> None:
    tiny = replace(small, rgb=small.rgb[:7, :50])
    evidence = measure(tiny)
    assert evidence.layers == {}
    for name in ("ghosts", "grid", "double_quantisation"):
        assert evidence.item(name).status == "not_measured"  # type: ignore[union-attr]
    for name in ("error_level", "noise"):
        item = evidence.item(name)
        assert item is not None
        assert (item.status, item.layer) == ("not_measured", None)
        assert "smaller than 8 × 8 pixels" in item.shows


def test_up_to_four_megapixels_every_block_is_measured_and_above_one_tile_a_cell() -> None:
    assert Sampling.of((2000, 2000, 3)).step == 1
    assert Sampling.of((2000, 2000, 3)).grid_hw == (250, 250)
    assert Sampling.of(LARGE_HW) == Sampling(*LARGE_HW, step=2)
    assert Sampling.of((5000, 8000)).step == 4
    rows, columns = Sampling.of((5000, 8000)).grid_hw
    assert rows * columns * 64 <= 4_000_000


def test_a_large_picture_is_measured_at_native_scale() -> None:
    height, width = LARGE_HW
    plane = np.add.outer(np.arange(height) * 10_000, np.arange(width)).astype(np.int64)
    taken = Sampling.of(LARGE_HW).take(plane)
    assert taken.shape == (height // 2, width // 2)
    tile = taken[32:64, 64:96]  # of the second cell down, the third across; the tile is the cell's first
    assert (tile == plane[64:96, 128:160]).all()


def test_a_grid_is_spread_over_the_cells_it_stands_for() -> None:
    sampling = Sampling.of(LARGE_HW)
    grid = np.zeros(sampling.grid_hw, np.float32)
    grid[: grid.shape[0] // 2] = 1
    plane = sampling.spread(grid)
    assert plane.shape == LARGE_HW
    assert (plane[: LARGE_HW[0] // 2 - 16] == 1).all()
    assert (plane[LARGE_HW[0] // 2 + 16 :] == 0).all()


def test_large_pictures_say_how_much_was_measured(small: Picture) -> None:
    large = replace(small, rgb=np.tile(textured(256, 264), (8, 8, 1)))
    assert _item(large, "noise").numbers["measured_share"] == 0.25
    assert _item(small, "noise").numbers["measured_share"] == 1.0


def test_luma_is_that_of_jpeg() -> None:
    assert luma(np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8))[0] == pytest.approx(
        [76.245, 149.685, 29.07]
    )


@pytest.mark.parametrize(
    ("ratio", "words"), [(1.44, "1.4"), (0.583, "0.58"), (0.997, "1.0"), (12.3, "12"), (9.96, "10")]
)
def test_ratio_words(ratio: float, words: str) -> None:
    assert ratio_words(ratio) == words


@pytest.mark.parametrize(
    ("level", "words"), [(2.0449, "2.04"), (12.34, "12.3"), (0.0, "0.00"), (0.018, "0.018"), (0.0996, "0.10")]
)
def test_level_words(level: float, words: str) -> None:
    assert level_words(level) == words


def test_levels_of_a_comparison_share_their_digits() -> None:
    assert levels_words(0.69, 0.28, 0.037) == {"inside": "0.69", "expected": "0.28", "spread": "0.04"}
    assert levels_words(0.018, 0.0, 0.003) == {"inside": "0.018", "expected": "0.000", "spread": "0.003"}


def test_flat_blocks_are_counted_and_grain_is_not_flat() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (64, 80, 3), dtype=np.uint8)
    assert flat_share(rgb) == 0
    rgb[:32] = (10, 200, 30)
    rgb[0, 0, 2] += 1  # one level is within what is called even
    assert flat_share(rgb) == 0.5
    rgb[0, 0, 2] += 1
    assert flat_share(rgb) == 0.5 - 1 / 80
    assert flat_share(rgb[:7]) == 0
