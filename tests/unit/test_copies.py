"""Copied areas: found where they are, not found where nothing was copied, told in words that hold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from bench.copies import count
from fakeshield_core import masks
from fakeshield_core.domain import BoolMask, RgbImage
from fakeshield_core.engines.copied import COPIED, copied_region, with_copies
from fakeshield_core.evidence import compare, measure
from fakeshield_core.evidence.copies import CLEAR_PAIRS, Copies, find_copies
from fakeshield_core.evidence.copy_move import copy_move_item, copy_move_layer
from fakeshield_core.evidence.keypoints import FAR_PX, LONG_SIDE, matches, working_picture
from fakeshield_core.explain import claims_from
from fakeshield_core.manifest import read_manifest
from tests.fakes import encoded, pictured

SOURCE, TARGET, SIDE = (60, 70), (190, 250), 90  # (top, left) and side of the copied square


def scene(seed: int = 0) -> RgbImage:
    """Blobs of every size on a slope: rich in keypoints, alike nowhere."""
    rng = np.random.default_rng(seed)
    grey = np.full((320, 400), 110.0)
    for _ in range(900):
        y, x, radius = rng.integers(320), rng.integers(400), rng.integers(2, 14)
        cv2.circle(grey, (int(x), int(y)), int(radius), float(rng.uniform(20, 235)), -1)
    return np.repeat(cv2.GaussianBlur(grey, (0, 0), 1.0)[..., None], 3, axis=2).astype(np.uint8)


def with_copy(turn: float = 0.0, magnification: float = 1.0, seed: int = 0) -> RgbImage:
    rgb = scene(seed)
    (top, left), (down, right) = SOURCE, TARGET
    patch = rgb[top : top + SIDE, left : left + SIDE]
    around = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), turn, magnification)
    moved = cv2.warpAffine(patch, around, (SIDE, SIDE), borderMode=cv2.BORDER_REFLECT)
    rgb[down : down + SIDE, right : right + SIDE] = moved
    return rgb


def found_in(rgb: RgbImage) -> Copies:
    copies = find_copies(rgb)
    assert copies is not None
    return copies


def square(corner: tuple[int, int]) -> BoolMask:
    mask = np.zeros((320, 400), np.bool_)
    mask[corner[0] : corner[0] + SIDE, corner[1] : corner[1] + SIDE] = True
    return mask


def overlap(area: BoolMask, corner: tuple[int, int]) -> float:
    truth = square(corner)
    return float((area & truth).sum() / (area | truth).sum())


def test_a_copied_square_is_found_with_its_offset() -> None:
    copies = found_in(with_copy())
    assert copies.clear and copies.correlation > 0.8
    across, down = copies.offset_xy
    expected = TARGET[1] - SOURCE[1], TARGET[0] - SOURCE[0]
    assert np.abs(np.abs((across, down)) - expected).max() <= 1
    areas = copies.areas(320, 400)
    both = sorted(max(overlap(area, SOURCE), overlap(area, TARGET)) for area in areas)
    assert both[0] > 0.75 and not (areas[0] & areas[1]).any()


@pytest.mark.parametrize(("turn", "magnification"), [(20.0, 1.0), (0.0, 1.2), (-35.0, 0.9)])
def test_a_turned_or_scaled_copy_is_found_and_its_change_told(turn: float, magnification: float) -> None:
    copies = found_in(with_copy(turn, magnification))
    assert copies.clear
    back = copies.magnification < 1 if magnification > 1 else copies.magnification > 1
    scaled = 1 / copies.magnification if back else copies.magnification
    assert scaled == pytest.approx(magnification, abs=0.03)
    assert abs(copies.turn_degrees) == pytest.approx(abs(turn), abs=2)


@pytest.mark.parametrize("quality", [50, 85])
def test_copies_survive_compression(quality: int) -> None:
    assert found_in(pictured(with_copy(), "JPEG", quality=quality).rgb).clear


@pytest.mark.parametrize("seed", range(5))
def test_nothing_is_found_where_nothing_was_copied(seed: int) -> None:
    copies = find_copies(scene(seed))
    assert copies is None or not copies.clear


@pytest.mark.parametrize("size_hw", [(1, 1), (8, 300), (64, 64), (320, 20)])
def test_flat_and_tiny_pictures_are_no_trouble(size_hw: tuple[int, int]) -> None:
    assert find_copies(np.full((*size_hw, 3), 90, np.uint8)) is None


def test_the_same_picture_gives_the_same_answer() -> None:
    first, again = (found_in(np.ascontiguousarray(with_copy(seed=3))) for _ in range(2))
    np.testing.assert_array_equal(first.pairs, again.pairs)
    np.testing.assert_array_equal(first.second, again.second)


def test_pairs_are_far_apart_and_named_once() -> None:
    pairs = matches(working_picture(with_copy())[0]).pairs
    assert (np.hypot(*(pairs[:, 2:] - pairs[:, :2]).T) >= FAR_PX).all()
    mirrored = pairs[:, [2, 3, 0, 1]]
    assert len(np.unique(np.concatenate([pairs, mirrored]), axis=0)) == 2 * len(pairs)


@pytest.mark.parametrize(("size_hw", "scale"), [((100, 50), 2.0), ((1536, 300), 0.5), ((384, 768), 1.0)])
def test_the_work_is_bounded_by_the_working_picture(size_hw: tuple[int, int], scale: float) -> None:
    grey, found = working_picture(np.zeros((*size_hw, 3), np.uint8))
    assert found == scale and max(grey.shape) <= LONG_SIDE


def test_the_region_of_a_copy_is_claimed_with_its_numbers() -> None:
    picture = pictured(with_copy())
    mask = square(TARGET)
    regions = masks.regions(mask, mask.astype(np.float32))
    evidence = compare(measure(picture), masks.label_regions(mask, 1).labels, regions)
    item = evidence.item("copy_move")
    assert item is not None and item.status == "points_to_region" and item.region_id == 1
    claim = next(c for c in claims_from(evidence, regions) if c.kind == "copy_move")
    assert claim.region_id == 1
    pairs, (across, down) = item.numbers["pairs"], item.numbers["offset_xy"]  # type: ignore[misc]
    distance = round(float(np.hypot(across, down)))  # type: ignore[arg-type]
    assert f"{pairs} places" in claim.text and f"{distance} pixels" in claim.text
    assert claim.evidence["pairs"] == pairs


def test_a_region_elsewhere_is_not_claimed() -> None:
    mask = square((0, 310))
    regions = masks.regions(mask, mask.astype(np.float32))
    evidence = compare(measure(pictured(with_copy())), masks.label_regions(mask, 1).labels, regions)
    item = evidence.item("copy_move")
    assert item is not None and item.status == "informs" and "regions" not in item.numbers


@pytest.mark.parametrize(
    ("copies", "headline", "status"),
    [
        (None, "None found", "no_difference"),
        ("few", "None clear", "no_difference"),
        ("clear", " pairs", "informs"),
    ],
)
def test_the_tile_says_how_clear_it_is(copies: str | None, headline: str, status: str) -> None:
    found = None if copies is None else found_in(with_copy())
    if found is not None and copies == "few":
        found = Copies(found.pairs[: CLEAR_PAIRS - 1], found.first, found.second, 0.9, 1.0, 0.0, found.scale)
    item = copy_move_item(found)
    assert item.headline.endswith(headline) and len(item.headline) <= 18 and item.status == status


def test_the_layer_shows_both_areas_and_the_matches() -> None:
    copies = found_in(with_copy())
    layer = copy_move_layer(copies, 320, 400)
    assert layer.values.shape == (320, 400) and layer.values.max() == 1.0
    assert (layer.values[square(SOURCE)] > 0).mean() > 0.7 and (layer.values[square(TARGET)] > 0).mean() > 0.7
    assert (layer.values == 0).mean() > 0.7


def test_clear_copies_raise_the_map_and_unclear_ones_do_not() -> None:
    copies = found_in(with_copy())
    quiet = np.full((320, 400), 0.1, np.float32)
    raised = with_copies(quiet, copies)
    first, second = copies.areas(320, 400)
    assert (raised[first | second] == np.float32(COPIED)).all() and (
        raised[~(first | second)] == quiet[0, 0]
    ).all()
    few = Copies(copies.pairs[:5], copies.first, copies.second, 0.9, 1.0, 0.0, copies.scale)
    assert with_copies(quiet, few) is quiet


@pytest.mark.parametrize("suspect_is_first", [True, False])
def test_the_area_that_the_network_finds_clearly_more_suspect_is_the_copy(suspect_is_first: bool) -> None:
    copies = found_in(with_copy())
    areas = copies.areas(320, 400)
    suspect, other = areas if suspect_is_first else areas[::-1]
    soft_map = np.full((320, 400), 0.3, np.float32)
    soft_map[suspect] = 0.6
    raised = with_copies(soft_map, copies)
    assert (raised[suspect] == np.float32(COPIED)).all()
    assert (raised[other & ~suspect] == np.float32(1 - COPIED)).all()
    assert (raised[~(suspect | other)] == np.float32(0.3)).all()
    soft_map[suspect] = 0.5  # ahead by .85 logits: not clear
    assert (with_copies(soft_map, copies)[suspect | other] == np.float32(COPIED)).all()


def test_the_bench_counts_pairs_of_copies_and_of_untouched_pictures(tmp_path: Path) -> None:
    for name, rgb in (("copy", with_copy()), ("plain", scene())):
        (tmp_path / f"{name}.png").write_bytes(encoded(rgb))
    mask = Image.fromarray(square(TARGET).astype(np.uint8) * 255)
    mask.save(tmp_path / "mask.png")
    lines = ["path,kind,mask,tampering", "copy.png,tampered,mask.png,copy-move", "plain.png,authentic,,"]
    (tmp_path / "manifest.csv").write_text("\n".join(lines) + "\n")
    copied, untouched = count(read_manifest(tmp_path / "manifest.csv").rows)
    assert (copied.kind, copied.at_least(CLEAR_PAIRS), len(copied.pairs)) == ("copy-move", 1, 1)
    assert (untouched.kind, untouched.at_least(CLEAR_PAIRS), len(untouched.pairs)) == ("untouched", 0, 1)


def test_the_copied_region_is_the_one_that_holds_most_of_the_copies() -> None:
    copies = found_in(with_copy())
    labels = np.zeros((320, 400), np.int32)
    labels[:50] = 1  # the largest, with hardly a copied place
    labels[square(TARGET)] = 3
    labels[:, :20] = 2
    assert copied_region(labels, copies) == 3
    assert copied_region(labels, replace(copies, pairs=copies.pairs[: CLEAR_PAIRS - 1])) == 1
    assert copied_region(np.zeros_like(labels), copies) == 1


def test_a_copied_region_beyond_those_with_a_number_on_the_page_is_none() -> None:
    labels = np.zeros((320, 400), np.int32)
    labels[square(TARGET)] = masks.MAX_REGIONS + 1
    labels[square(SOURCE)] = 2
    assert copied_region(labels, found_in(with_copy())) == 2
