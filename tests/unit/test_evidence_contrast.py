"""Inside against outside, checked against a slow twin and on pictures whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from fakeshield_core import masks
from fakeshield_core.domain import Evidence, JsonValue, Region, RgbImage
from fakeshield_core.errors import MaskShapeMismatch
from fakeshield_core.evidence import compare, measure
from fakeshield_core.evidence.contrast import Contrast, Limits, Outcome, contrasts
from fakeshield_core.evidence.level_test import told_item, too_small
from fakeshield_core.evidence.noise import NOISE
from fakeshield_core.explain import claims_from
from tests.evidence_twin import contrast_of, error_level_of, noise_of
from tests.fakes import pictured, textured

TWINS = {"error_level": error_level_of, "noise": noise_of}
QUOTED = ("inside", "expected", "ratio", "spread", "effect", "blocks_inside", "blocks_outside")


def _rectangle(height: int, width: int, top: int, left: int, side: int) -> np.ndarray:
    mask = np.zeros((height, width), dtype=bool)
    mask[top : top + side, left : left + side] = True
    return mask


def _compared(
    rgb: RgbImage, mask: np.ndarray, file_format: str = "PNG"
) -> tuple[Evidence, tuple[Region, ...], np.ndarray]:
    labels = masks.label_regions(mask, masks.min_region_px(*mask.shape)).labels
    regions = masks.regions(mask, mask.astype(np.float32))
    return compare(measure(pictured(rgb, file_format)), labels, regions), regions, labels


def _rows(evidence: Evidence, name: str) -> list[dict[str, JsonValue]]:
    item = evidence.item(name)
    assert item is not None
    rows = item.numbers["regions"]
    assert isinstance(rows, list)
    return rows  # type: ignore[return-value]


def _varied(height: int, width: int, seed: int = 0) -> RgbImage:
    """A picture with noise everywhere and soft texture from none at the top to strong at the bottom."""
    texture = ndimage.gaussian_filter(np.random.default_rng(seed).normal(0, 1, (height, width)), 1)
    strength = np.linspace(0, 120, height)[:, None]
    return np.clip(textured(height, width, seed) + (strength * texture)[..., None], 0, 255).astype(np.uint8)


def _noisier(strength: float) -> tuple[RgbImage, np.ndarray]:
    """A picture with added noise in one square."""
    rgb, mask = _varied(184, 200), _rectangle(184, 200, 43, 61, 70)
    grain = np.random.default_rng(5).normal(0, strength, rgb.shape[:2])[..., None] * mask[..., None]
    return np.clip(rgb + grain, 0, 255).astype(np.uint8), mask


def _spliced() -> tuple[RgbImage, np.ndarray]:
    """A picture that was compressed once, with one square that never was."""
    fresh, mask = _varied(192, 208, seed=3), _rectangle(192, 208, 64, 56, 72)
    return np.where(mask[..., None], fresh, pictured(fresh, "JPEG", quality=60).rgb), mask


def _untouched(seed: int = 1) -> tuple[RgbImage, np.ndarray]:
    return _varied(192, 200, seed=seed), _rectangle(192, 200, 40, 72, 64)


@pytest.mark.parametrize("name", TWINS)
@pytest.mark.parametrize(
    "scene", [_noisier(5), _spliced(), _untouched()], ids=["noisier", "spliced", "untouched"]
)
def test_every_number_of_a_region_equals_the_slow_twin(name: str, scene: tuple[RgbImage, np.ndarray]) -> None:
    evidence, _, labels = _compared(*scene)
    twin = contrast_of(scene[0], TWINS[name](scene[0]), labels, region_id=1)
    (row,) = _rows(evidence, name)
    assert {key: row[key] for key in QUOTED} == pytest.approx(
        {key: twin[key] for key in QUOTED}, rel=5e-3, abs=0.01
    )


def test_stronger_noise_is_claimed_with_its_true_strength() -> None:
    # noise of 4 a channel leaves 2.7 in brightness: 4 * sqrt(.299^2 + .587^2 + .114^2); the added 5 is the
    # same in all channels: sqrt(2.7^2 + 5^2) = 5.7.
    evidence, regions, _ = _compared(*_noisier(5))
    claim = next(claim for claim in claims_from(evidence, regions) if claim.kind == "noise")
    assert claim.region_id == 1
    (row,) = _rows(evidence, "noise")
    assert row["outcome"] == "higher"
    assert row["inside"] == pytest.approx(5.7, rel=0.1)


def test_a_square_with_another_jpeg_history_is_claimed() -> None:
    evidence, regions, _ = _compared(*_spliced())
    item = evidence.item("error_level")
    assert item is not None
    assert (item.status, item.region_id) == ("points_to_region", 1)
    assert "error_level" in {claim.kind for claim in claims_from(evidence, regions)}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("file_format", ["PNG", "JPEG"])
def test_a_picture_without_an_edit_gives_no_claim(seed: int, file_format: str) -> None:
    evidence, regions, _ = _compared(*_untouched(seed), file_format)
    assert claims_from(evidence, regions) == ()
    assert {evidence.item(name).status for name in TWINS} == {"no_difference"}  # type: ignore[union-attr]


def test_a_rougher_texture_alone_is_no_difference_in_error_level() -> None:
    rgb, mask = textured(256, 256, seed=2), _rectangle(256, 256, 96, 96, 80)
    stripes = 12 * np.sin(np.arange(256) * 2.2)[None, :, None]
    halves = np.zeros((256, 256, 1)) + (np.arange(256) % 128 < 64)[:, None, None]
    rough = np.clip(rgb + stripes * np.maximum(mask[..., None], halves), 0, 255).astype(np.uint8)
    evidence, _, _ = _compared(rough, mask)
    assert _rows(evidence, "error_level")[0]["outcome"] == "same"


def test_the_noisy_region_of_two_is_the_one_pointed_at() -> None:
    rgb, mask = _noisier(6)
    both = mask | _rectangle(184, 200, 120, 136, 64) | _rectangle(184, 200, 135, 5, 195)
    evidence, _, _ = _compared(rgb, both)
    item = evidence.item("noise")
    assert item is not None
    quiet, noisy = _rows(evidence, "noise")
    assert (noisy["outcome"], quiet["outcome"]) == ("higher", "same")
    assert (item.region_id, item.shows) == (2, noisy["text"])
    assert "region 2" in item.shows


def _contrast(region_id: int, outcome: Outcome, effect: float, **levels: float | None) -> Contrast:
    values = {"inside": 3.0, "expected": 2.0, "ratio": 1.5, "spread": 0.1, **levels}
    return Contrast(region_id, outcome, 20, 200, effect=effect, **values)


@pytest.mark.parametrize(
    ("outcomes", "region_id", "status", "headline"),
    [
        ([("same", 9.0), ("higher", 2.0), ("lower", 3.0)], 3, "points_to_region", "0.30 ×"),
        ([("same", 9.0), ("higher", 4.0), ("lower", 3.0)], 2, "points_to_region", "0.20 ×"),
        ([("same", 0.5), ("same", 0.7), ("same", 0.1)], None, "no_difference", "0.20 ×"),
    ],
)
def test_the_strongest_claim_is_shown_even_beside_a_larger_unclaimed_difference(
    outcomes: list[tuple[Outcome, float]], region_id: int | None, status: str, headline: str
) -> None:
    regions = tuple(Region(n, (0, 0, 1, 1), 0.1, 1.0, "centre") for n in (1, 2, 3))
    found = [_contrast(n, what, effect, ratio=n / 10) for n, (what, effect) in enumerate(outcomes, start=1)]
    item = told_item(NOISE, too_small(NOISE), found, regions)
    assert (item.region_id, item.status, item.headline) == (region_id, status, headline)


def test_beside_a_level_of_about_zero_levels_are_told_instead_of_a_ratio() -> None:
    found = [_contrast(1, "higher", 5.0, inside=0.613, expected=0.04, ratio=None)]
    item = told_item(NOISE, too_small(NOISE), found, (Region(1, (0, 0, 1, 1), 0.1, 1.0, "centre"),))
    assert item.headline == "0.61 vs 0.04"
    assert item.shows.startswith(
        "Noise in the marked area is 0.61 grey levels, in similar parts elsewhere 0.04"
    )


@pytest.mark.parametrize(
    ("limits", "outcome"),
    [
        (Limits(0, 1.0), "higher"),
        (Limits(0, 4.0), "same"),
        (Limits(99, 1.0), "same"),
        (Limits(1.8, 1.1), "higher"),
    ],
)
def test_a_claim_needs_both_effect_and_ratio(limits: Limits, outcome: str) -> None:
    rgb, mask = _noisier(5)
    grids = measure(pictured(rgb)).grids
    regions = masks.regions(mask, mask.astype(np.float32))
    (found,) = contrasts(grids["noise"], grids, mask.astype(np.int32), regions, limits)
    assert found.outcome == outcome


@pytest.mark.parametrize(
    ("change", "mask", "words"),
    [
        (lambda rgb: rgb, _rectangle(160, 160, 40, 40, 22), "fewer than 8 whole blocks"),
        (lambda rgb: rgb, ~_rectangle(160, 160, 40, 40, 48), "too little of the picture"),
        (lambda rgb: np.where(_rectangle(160, 160, 40, 40, 64)[..., None], 255, rgb), None, "almost white"),
        (
            lambda rgb: np.where(_rectangle(160, 160, 40, 40, 64)[..., None], 128, rgb),
            None,
            "nothing elsewhere",
        ),
    ],
    ids=["small", "no-outside", "white", "flat"],
)
def test_what_cannot_be_compared_says_why(change: object, mask: np.ndarray | None, words: str) -> None:
    rgb = change(textured(160, 160)).astype(np.uint8)  # type: ignore[operator]
    evidence, regions, _ = _compared(rgb, _rectangle(160, 160, 40, 40, 64) if mask is None else mask)
    for name in TWINS:
        item = evidence.item(name)
        assert item is not None
        assert (item.status, item.headline, item.region_id) == ("not_measured", "Not measured", None)
        assert words in item.shows
    assert claims_from(evidence, regions) == ()


def test_without_regions_the_evidence_comes_back_unchanged() -> None:
    evidence = measure(pictured(textured(64, 64)))
    assert compare(evidence, np.zeros((64, 64), np.int32), ()) is evidence


def test_labels_of_another_picture_are_refused() -> None:
    evidence = measure(pictured(textured(64, 64)))
    mask = _rectangle(80, 64, 0, 0, 40)
    with pytest.raises(MaskShapeMismatch, match="measure this picture first"):
        compare(evidence, mask.astype(np.int32), masks.regions(mask, mask.astype(np.float32)))


def test_comparing_leaves_the_first_evidence_as_it_was() -> None:
    rgb, mask = _untouched()
    before = measure(pictured(rgb))
    grids = {name: grid.copy() for name, grid in before.grids.items()}
    compare(before, mask.astype(np.int32), masks.regions(mask, mask.astype(np.float32)))
    assert before.item("noise").status == "informs"  # type: ignore[union-attr]
    assert all((grids[name] == grid).all() for name, grid in before.grids.items())
