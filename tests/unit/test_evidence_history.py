"""Traces of earlier compressions: found where planted, not found where there are none, told truly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from fakeshield_core import masks
from fakeshield_core.domain import BoolMask, Evidence, EvidenceItem, RgbImage
from fakeshield_core.double_compression import double_quantised
from fakeshield_core.errors import MaskShapeMismatch
from fakeshield_core.evidence import compare, measure
from fakeshield_core.evidence.blocks import Sampling, luma
from fakeshield_core.evidence.contrast import REASONS
from fakeshield_core.evidence.ghosts import QUALITIES, ghost_dips, strongest
from fakeshield_core.evidence.grid import NO_VOTE, grid_votes, own_grid
from fakeshield_core.evidence.region_rows import RegionRow, told, unmeasured
from fakeshield_core.evidence.stored_blocks import Marked, StoredBlocks
from fakeshield_core.evidence.windows import Rest
from fakeshield_core.explain import claims_from
from fakeshield_core.imaging import decode
from fakeshield_core.jpeg import STANDARD_LUMA, coefficients, cosines, standard_table
from fakeshield_core.metrics import pixel_auc
from fakeshield_core.orientation import upright
from fakeshield_core.picture import Picture
from tests.jpeg_histories import (
    HEIGHT,
    SIDE,
    WIDTH,
    file_of,
    looked_at,
    saved,
    scene,
    square,
    with_fresh_part,
    with_ghost,
    with_moved_grid,
)

TESTS = ("ghosts", "grid", "double_quantisation")
PLANTED: dict[str, tuple[Callable[..., RgbImage], str, int]] = {
    "ghosts": (with_ghost, "JPEG", 95),
    "grid": (with_moved_grid, "PNG", 0),
    "double_quantisation": (with_fresh_part, "JPEG", 90),
}
ELSEWHERE = square(150, 16)  # away from the planted square


def picture_of(rgb: RgbImage, file_format: str = "PNG", quality: int = 95, turn: int = 1) -> Picture:
    return decode(file_of(rgb, file_format, quality, turn), "test")


def measured(rgb: RgbImage, file_format: str = "PNG", quality: int = 95, turn: int = 1) -> Evidence:
    return measure(picture_of(rgb, file_format, quality, turn))


@cache
def planted(name: str, seed: int = 0) -> Evidence:
    make, file_format, quality = PLANTED[name]
    return measured(make(seed), file_format, quality)


@cache
def with_one_history(*qualities: int) -> Evidence:
    rgb = scene(4)
    for quality in qualities[:-1]:
        rgb = saved(rgb, quality)
    return measured(rgb, "JPEG", qualities[-1]) if qualities else measured(rgb)


def blocks_of(picture: Picture) -> StoredBlocks:
    return StoredBlocks.of(picture, luma(Sampling.of(picture.rgb.shape).take(picture.rgb)))


def item_of(evidence: Evidence, name: str) -> EvidenceItem:
    item = evidence.item(name)
    assert item is not None
    return item


def row_of(item: EvidenceItem) -> dict[str, object]:
    rows = item.numbers["regions"]
    assert isinstance(rows, list) and isinstance(rows[0], dict)
    return dict(rows[0])


# found where planted, nothing elsewhere


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", TESTS)
def test_the_planted_square_is_pointed_at_and_claimed(name: str, seed: int) -> None:
    evidence, mask = planted(name, seed), square()
    item = looked_at(evidence, mask, name)
    assert (item.status, item.region_id) == ("points_to_region", 1)
    regions = masks.regions(mask, mask.astype(np.float32))
    labels = masks.label_regions(mask, 16).labels
    claim = next(c for c in claims_from(compare(evidence, labels, regions), regions) if c.kind == name)
    assert (claim.text, claim.region_id) == (item.shows, 1)
    assert claim.confidence is not None and claim.confidence > 0.7


@pytest.mark.parametrize("name", TESTS)
def test_the_layer_is_strongest_in_the_planted_square(name: str) -> None:
    layer = planted(name).layers[name]
    assert (layer.values.shape, layer.values.dtype) == ((HEIGHT, WIDTH), np.float32)
    assert pixel_auc(layer.values, square()) > 0.97


@pytest.mark.parametrize("name", TESTS)
def test_another_place_of_the_same_picture_is_not_pointed_at(name: str) -> None:
    assert looked_at(planted(name), ELSEWHERE, name).status == "no_difference"


@pytest.mark.parametrize("history", [(), (75,), (60, 90), (90, 70)])
@pytest.mark.parametrize("name", TESTS)
def test_a_picture_with_one_history_gives_no_claim(name: str, history: tuple[int, ...]) -> None:
    found = looked_at(with_one_history(*history), square(), name)
    assert found.status == (
        "not_measured" if name == "double_quantisation" and not history else "no_difference"
    )


@pytest.mark.parametrize("name", TESTS)
def test_numbers_of_the_whole_picture_say_what_was_planted(name: str) -> None:
    numbers = item_of(planted(name), name).numbers
    share = 100 * SIDE**2 / (HEIGHT * WIDTH)
    match name:
        case "ghosts":
            assert numbers["quality"] == 60
            assert numbers["share_percent"] == pytest.approx(share, abs=4)
        case "grid":
            assert numbers["offset_xy"] == [0, 0]
        case _:
            assert numbers["clear"] == numbers["tested"] == 15
            assert numbers["once_percent"] == pytest.approx(share, abs=5)


# ghosts


@pytest.mark.parametrize("quality", [50, 70, 85])
def test_the_ghost_names_the_quality_of_the_first_compression(quality: int) -> None:
    item = looked_at(measured(with_ghost(1, quality)), square(), "ghosts")
    assert (row_of(item)["at_quality"], item.headline) == (quality, f"Quality {quality}")
    assert row_of(item)["changes"] == "less"
    assert f"at quality {quality}," in item.shows and " % less than " in item.shows


def test_where_the_rest_has_the_ghost_the_part_without_it_changes_more() -> None:
    item = looked_at(measured(with_fresh_part()), square(), "ghosts")
    assert (item.status, row_of(item)["changes"]) == ("points_to_region", "more")


def test_dips_equal_a_slow_twin() -> None:
    rgb = scene(2, 24, 24)
    dips, texture = ghost_dips(blocks_of(picture_of(rgb)))
    first = coefficients(luma(rgb), range(64)).reshape(3, 3, 64)
    order = sorted(range(64), key=lambda k: (k // 8 + k % 8, k // 8 if (k // 8 + k % 8) % 2 else k % 8))[1:21]
    logs = []
    for quality in (*QUALITIES[:3], None):
        steps = standard_table(STANDARD_LUMA, quality).ravel() if quality else None
        rest = first - np.rint(first / steps) * steps if steps is not None else first
        logs.append(np.log(np.square(rest[..., order]).mean() + 0.5))  # the middle block sees all nine
    assert dips[0, 1, 1] == pytest.approx((logs[0] + logs[2]) / 2 - logs[1], abs=1e-3)
    assert texture[1, 1] == pytest.approx(logs[3], abs=1e-3)


def test_the_strongest_quality_is_the_one_with_the_odd_part() -> None:
    dips = np.random.default_rng(0).normal(0, 0.02, (4, 20, 20)).astype(np.float32)
    dips[2, 5:11, 5:11] -= 1.0
    found = strongest(dips)
    assert (found.quality, found.less) == (QUALITIES[3], False)
    assert found.share == pytest.approx(36 / 400, abs=0.03)
    assert found.strength[8, 8] > 5 > abs(found.strength[17, 17])


# grid


@pytest.mark.parametrize(("across", "down"), [(3, 5), (0, 4), (7, 1)])
def test_the_moved_grid_is_told_with_its_move(across: int, down: int) -> None:
    item = looked_at(measured(with_moved_grid(1, across, down)), square(), "grid")
    moved = row_of(item)["moved_xy"]
    assert moved == [across, down] and item.headline == f"Moved {across}, {down}"
    assert f"{across} pixels across and {down} down:" in item.shows


@pytest.mark.parametrize(("x", "y"), [(3, 5), (0, 0), (6, 0)])
def test_a_cropped_picture_tells_where_its_grid_starts(x: int, y: int) -> None:
    whole = saved(scene(3, HEIGHT + 8, WIDTH + 8), 70)
    item = item_of(measured(whole[(8 - y) % 8 :, (8 - x) % 8 :]), "grid")
    assert item.numbers["offset_xy"] == [x, y]
    assert item.headline == (f"Starts at {x}, {y}" if x or y else "In place")


def test_a_compressed_part_in_a_picture_without_a_grid_is_told_as_such() -> None:
    item = looked_at(measured(with_ghost()), square(), "grid")
    assert (item.status, item.headline) == ("points_to_region", "Own grid")
    assert "the rest has none" in item.shows


def test_a_picture_that_was_never_compressed_has_no_grid() -> None:
    item = item_of(measured(scene()), "grid")
    assert (item.status, item.headline) == ("no_difference", "No grid")


def test_a_flat_picture_gives_too_few_votes() -> None:
    item = item_of(measured(np.full((160, 160, 3), 90, np.uint8)), "grid")
    assert (item.status, item.headline, item.layer) == ("not_measured", "Not measured", None)


@pytest.mark.parametrize(
    ("inside", "main", "place"),
    [({9: 30, 0: 10}, 0, 9), ({0: 40}, 0, None), ({0: 40}, None, 0), ({k: 1 for k in range(64)}, 0, None)],
)
def test_own_grid_is_one_that_chance_does_not_make(
    inside: dict[int, int], main: int | None, place: int | None
) -> None:
    counts = np.zeros(64, np.int64)
    counts[list(inside)] = list(inside.values())
    elsewhere = np.full(64, 5) if main is None else np.where(np.arange(64) == main, 400, 1)
    own = own_grid(counts, elsewhere, main)
    assert (own.effect > 6) == (place is not None)
    assert place is None or own.place == place


# double quantisation


def test_a_doubly_compressed_picture_says_so_and_a_singly_compressed_one_does_not() -> None:
    twice = item_of(measured(saved(scene(), 75), "JPEG", 90), "double_quantisation")
    once = item_of(measured(scene(), "JPEG", 90), "double_quantisation")
    assert (twice.status, twice.headline) == ("informs", "15 of 15 double")
    assert (once.status, once.headline) == ("no_difference", "None clear")


def test_blocks_compressed_once_are_likely_so_and_the_others_are_not() -> None:
    picture = picture_of(with_fresh_part(), "JPEG", 90)
    assert picture.jpeg is not None
    reading = double_quantised(blocks_of(picture).plane, picture.jpeg.luma_table)
    fresh = square()[::8, ::8]
    assert reading.likelihood[fresh].mean() > 2 > -2 > reading.likelihood[~fresh].mean()
    assert (np.abs(reading.likelihood[reading.informative == 0])).max(initial=0) == 0


def test_other_formats_are_not_measured_and_say_so() -> None:
    evidence = measured(with_fresh_part())
    item = item_of(evidence, "double_quantisation")
    assert (item.status, item.headline, item.layer) == ("not_measured", "Not a JPEG", None)
    assert "this one is PNG" in item.shows
    again = looked_at(evidence, square(), "double_quantisation")
    assert "regions" not in again.numbers


# the grid of the file, and what is too small or too large


@pytest.mark.parametrize("turn", (2, 3, 6))
@pytest.mark.parametrize("name", TESTS)
def test_a_turned_picture_is_measured_on_the_grid_of_its_file(name: str, turn: int) -> None:
    make, file_format, quality = PLANTED[name]
    odd = make()[: HEIGHT - 3, : WIDTH - 5]  # the grid no longer starts at the corner of the turned picture
    picture = picture_of(odd, file_format, quality, turn)
    assert picture.facts.orientation == turn
    evidence = measure(picture)
    mask = np.ascontiguousarray(upright(square()[: HEIGHT - 3, : WIDTH - 5], turn))
    item = looked_at(evidence, mask, name)
    assert item.status == "points_to_region"
    assert pixel_auc(evidence.layers[name].values, mask) > 0.95
    if name == "grid":
        assert "in the frame that the file stores" in item.shows


@pytest.mark.parametrize("size_hw", [(16, 16), (16, 200), (63, 40)])
@pytest.mark.parametrize("name", TESTS)
def test_small_pictures_are_not_measured(name: str, size_hw: tuple[int, int]) -> None:
    item = item_of(measured(scene(0, *size_hw), "JPEG", 85), name)
    assert (item.status, item.layer) == ("not_measured", None)
    assert len(item.headline) <= 18


@pytest.mark.parametrize(
    ("mask", "words"),
    [(square(side=20), "fewer than 8 whole blocks"), (~square(16, 16, 24), "too little of the picture")],
)
@pytest.mark.parametrize("name", TESTS)
def test_regions_that_cannot_be_compared_say_why(name: str, mask: BoolMask, words: str) -> None:
    item = looked_at(planted(name), mask, name)
    assert (item.status, row_of(item)["outcome"]) == ("not_measured", "not_measured")
    assert words in item.shows


@pytest.mark.parametrize("name", TESTS)
def test_a_flat_part_is_not_compared(name: str) -> None:
    make, file_format, quality = PLANTED[name]
    rgb = make()
    rgb[130:, :136] = 128
    item = looked_at(measured(rgb, file_format, quality), ELSEWHERE, name)
    assert item.status == "not_measured" and "texture" in item.shows


def test_a_large_picture_is_measured_on_tiles_of_its_grid() -> None:
    part = with_moved_grid()
    rgb = np.tile(part, (9, 7, 1))  # 5 megapixels
    picture = replace(picture_of(part), rgb=rgb)
    blocks = blocks_of(picture)
    assert blocks.sampling.step == 2
    votes = grid_votes(blocks)
    assert (votes[~blocks.joined] == NO_VOTE).all()
    assert np.bincount(votes[votes != NO_VOTE].astype(int)).argmax() == 0
    assert ((votes != NO_VOTE) & blocks.joined).mean() > 0.1


def test_joined_blocks_are_those_whose_neighbours_are_theirs_in_the_picture() -> None:
    plane = np.zeros((64, 64), np.float32)
    whole = StoredBlocks(plane, Sampling(64, 64, 1), 1).joined
    assert whole[:-1, :-1].all() and not whole[-1].any() and not whole[:, -1].any()
    tiled = StoredBlocks(plane, Sampling(128, 128, 2), 1).joined
    assert tiled.sum() == 4 * 9 and not tiled[3].any() and not tiled[:, 3].any()


def test_marks_of_another_picture_are_refused() -> None:
    mask = square()
    regions = masks.regions(mask, mask.astype(np.float32))
    with pytest.raises(MaskShapeMismatch, match="measure this picture first"):
        Marked.of(mask.astype(np.int32), regions, 1, (10, 10))


# the parts


def test_cosines_are_orthonormal_and_a_flat_block_has_only_its_mean() -> None:
    assert cosines() @ cosines().T == pytest.approx(np.eye(8))
    found = coefficients(np.full((8, 8), 130, np.float32), range(64))[0]
    assert found[0] == pytest.approx(16) and np.abs(found[1:]).max() < 1e-4


def test_effect_is_the_distance_in_spreads_of_windows_discounted_for_small_regions() -> None:
    values = np.random.default_rng(1).normal(0, 1, (1, 60, 60)).astype(np.float32)
    inside = np.zeros((60, 60), np.bool_)
    inside[20:30, 20:30] = True
    values[0][inside] += 2
    rest = Rest.of(values, np.ones((60, 60), np.float32), ~inside, 0.0)
    assert rest.spread[0] == pytest.approx(1 / 5, rel=0.15)  # of means over 25 independent blocks
    distance = values[0][inside].mean() - values[0][~inside].mean()
    assert rest.effect(inside)[0] == pytest.approx(distance / (rest.spread[0] * np.sqrt(1.25)), rel=1e-3)


def test_blocks_without_weight_do_not_count() -> None:
    weights = np.ones((20, 20), np.float32)
    weights[:, :10] = 0
    values = np.where(weights > 0, 3.0, 0.0)[None].astype(np.float32)
    everywhere = np.ones((20, 20), np.bool_)
    assert Rest.of(values, weights, everywhere, 0.1).level[0] == pytest.approx(3)
    nothing = Rest.of(values, weights * 0, everywhere, 0.1)
    assert np.isinf(nothing.spread).all()


def test_the_clearest_region_gives_headline_and_sentence() -> None:
    rows = [
        RegionRow(1, "same", "nothing here.", "Like the rest", 9.0),
        RegionRow(2, "once", "weak here.", "Two", 3.0),
        RegionRow(3, "once", "strong here.", "Three", 5.0),
        unmeasured(4, "region 4", "too_small"),
    ]
    item = told(item_of(with_one_history(), "grid"), rows)
    assert (item.status, item.region_id, item.headline) == ("points_to_region", 3, "Three")
    assert item.shows == "Strong here."
    assert told(item, rows[:1]).status == "no_difference"
    shows = f"Could not be measured in region 4: {REASONS['too_small']}."
    assert told(item, rows[3:]).shows == shows


@pytest.mark.parametrize("mask", [square(), ELSEWHERE, square(side=20)])
@pytest.mark.parametrize("name", TESTS)
def test_headlines_fit_a_tile_and_texts_are_single_sentences(name: str, mask: BoolMask) -> None:
    for item in (item_of(planted(name), name), looked_at(planted(name), mask, name)):
        assert 0 < len(item.headline) <= 18
        for text in (item.shows, item.cannot_show):
            assert text.endswith(".") and ". " not in text and not text[0].islower()
