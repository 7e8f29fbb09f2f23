"""The kind of a forgery: measured where planted, learnt, stated only when likely, told by the engine."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from fakeshield_core.checkpoints.compact import Calibration
from fakeshield_core.domain import BoolMask, FindingKind, RgbImage
from fakeshield_core.engines.compact import MASK_THRESHOLD
from fakeshield_core.errors import EngineUnavailable
from fakeshield_core.evidence import kinds
from fakeshield_core.evidence.copies import find_copies
from fakeshield_core.evidence.kinds import (
    KINDS,
    OUTCOMES,
    KindReading,
    model_from_json,
    model_to_json,
    read_kind,
)
from fakeshield_core.evidence.kinds_features import LEAST_PX, NAMES, features_of
from fakeshield_core.masks import MAX_REGIONS, label_regions, min_region_px
from fakeshield_core.synthesis.forgeries import Kind, forge
from fakeshield_core.synthesis.history import noisy
from fakeshield_core.synthesis.scenes import scene
from fakeshield_core.training import kinds as training
from fakeshield_core.training.kinds_samples import as_found, drawn, largest, untouched_area
from tests.fakes import pictured, textured
from tests.unit.test_compact_engine import answer, engine_with
from tests.unit.test_copies import SIDE, SOURCE, TARGET, with_copy
from tests.unit.test_copies import scene as blobs
from tests.unit.test_copies import square as copy_square

TOP, LEFT, HIGH, WIDE = 60, 90, 80, 100


def square() -> BoolMask:
    mask = np.zeros((240, 320), np.bool_)
    mask[TOP : TOP + HIGH, LEFT : LEFT + WIDE] = True
    return mask


def changed(inside: RgbImage, rgb: RgbImage) -> RgbImage:
    return np.where(square()[..., None], inside, rgb)


def number(rgb: RgbImage, mask: BoolMask, name: str) -> float:
    features = features_of(rgb, mask, find_copies(rgb))
    assert features is not None and features.shape == (len(NAMES),) and np.isfinite(features).all()
    return float(features[NAMES.index(name)])


# what is measured


@pytest.mark.parametrize(
    ("name", "strength"), [("noise", 12.0), ("noise_rest", 12.0), ("fine", 12.0), ("error", 12.0)]
)
def test_stronger_grain_inside_is_a_positive_difference(name: str, strength: float) -> None:
    rgb = textured(240, 320)
    grainy = changed(noisy(rgb, strength, np.random.default_rng(0)), rgb)
    assert number(grainy, square(), name) > 0.4 > 0.1 > abs(number(rgb, square(), name))


def test_a_smoothed_area_has_less_noise_and_more_that_is_flat() -> None:
    rgb = textured(240, 320)
    soft = changed(cv2.GaussianBlur(rgb, (0, 0), 3.0), rgb)
    assert number(soft, square(), "noise") < -1 and number(soft, square(), "noise_floor") < -1
    one_colour = changed(np.full_like(rgb, rgb.mean(axis=(0, 1)).astype(np.uint8)), rgb)
    assert number(one_colour, square(), "flat") > 0.9 > 0.1 > number(rgb, square(), "flat")


def test_a_hard_outline_is_steeper_than_either_side_and_jumps() -> None:
    rgb = textured(240, 320)
    lifted = changed(np.clip(rgb.astype(int) + 40, 0, 255).astype(np.uint8), rgb)
    assert number(lifted, square(), "edge") > number(rgb, square(), "edge") + 0.5
    assert number(lifted, square(), "jump") > np.log(20) > number(rgb, square(), "jump")


def test_colours_that_occur_nowhere_else_are_strange() -> None:
    rgb = textured(240, 320)
    assert number(changed(np.full_like(rgb, (250, 5, 250)), rgb), square(), "strange") > 0.95
    assert number(np.full_like(rgb, 90), square(), "strange") == 0


def test_a_chessboard_of_single_pixels_is_a_lattice() -> None:
    rgb = textured(240, 320)
    signs = np.indices((240, 320)).sum(axis=0) % 2 * 2 - 1
    board = changed(np.clip(rgb + 6 * signs[..., None], 0, 255).astype(np.uint8), rgb)
    assert number(board, square(), "lattice") > 0.6 > 0.1 > number(rgb, square(), "lattice")


def test_a_copy_is_covered_by_what_was_found_twice() -> None:
    rgb, elsewhere = with_copy(), copy_square((0, 310))
    for corner in (SOURCE, TARGET):
        assert number(rgb, copy_square(corner), "covered") > 0.8
        assert number(rgb, copy_square(corner), "moved") > 0.8
        assert number(rgb, copy_square(corner), "found") > 0.8
    assert number(rgb, elsewhere, "covered") < 0.1 and number(rgb, elsewhere, "found") < 0.5


def test_a_turned_copy_is_not_merely_moved() -> None:
    assert number(with_copy(turn=20.0), copy_square(SOURCE), "covered") > 0.5
    assert number(with_copy(turn=20.0), copy_square(SOURCE), "moved") == 0


def test_a_mirrored_copy_is_found_by_the_search_for_the_area() -> None:
    rgb = blobs()
    (top, left), (down, right) = SOURCE, TARGET
    patch = rgb[top : top + SIDE, left : left + SIDE][:, ::-1].copy()
    rgb[down : down + SIDE, right : right + SIDE] = patch
    mask = copy_square(TARGET)
    assert number(rgb, mask, "mirrored") > 0.9 > 0.5 > number(rgb, mask, "found")


@pytest.mark.parametrize("mask", [np.zeros((240, 320), np.bool_), np.ones((240, 320), np.bool_)])
def test_nothing_is_read_from_no_area_or_the_whole(mask: BoolMask) -> None:
    assert features_of(textured(240, 320), mask, None) is None
    assert read_kind(textured(240, 320), mask, None) is None


@pytest.mark.parametrize(("side", "is_read"), [(3, False), (int(np.sqrt(LEAST_PX)) + 1, True)])
def test_very_small_areas_are_not_read(side: int, is_read: bool) -> None:
    mask = np.zeros((240, 320), np.bool_)
    mask[50 : 50 + side, 60 : 60 + side] = True
    assert (read_kind(textured(240, 320), mask, None) is not None) == is_read


@pytest.mark.parametrize("size_hw", [(16, 16), (10, 300), (900, 1300)])
def test_any_picture_can_be_read(size_hw: tuple[int, int]) -> None:
    mask = np.zeros(size_hw, np.bool_)
    mask[: size_hw[0] // 2 + 1, : size_hw[1] // 2] = True
    for rgb in (textured(*size_hw), np.zeros((*size_hw, 3), np.uint8)):
        read = read_kind(rgb, mask, find_copies(rgb))
        assert read is None or 0 < sum(read.probabilities.values()) < 1


def test_a_large_picture_is_read_as_the_small_one_it_contains() -> None:
    """What lies far from the area changes nothing but the numbers that speak of the whole picture."""
    rgb = textured(240, 320)
    soft = changed(cv2.GaussianBlur(rgb, (0, 0), 3.0), rgb)
    wide = np.pad(soft, ((0, 900), (0, 1100), (0, 0)), mode="reflect")
    mask = np.pad(square(), ((0, 900), (0, 1100)))
    for name in ("noise", "flat", "edge", "jump"):
        assert number(wide, mask, name) == pytest.approx(number(soft, square(), name), abs=0.05)


# what is stated


@pytest.mark.parametrize(("likely", "stated"), [(0.61, "removal"), (0.6, "removal"), (0.59, "unknown")])
def test_a_kind_is_stated_from_the_level_on(likely: float, stated: FindingKind) -> None:
    rest = (1 - likely) / 2
    read = KindReading({"splice": rest, "copy_move": rest, "removal": likely}, 0.6)
    assert (read.likeliest, read.stated) == ("removal", stated)


def forged(kind: Kind, seed: int) -> tuple[RgbImage, BoolMask]:
    host, donor = scene(seed, 256, 352), scene(seed + 180, 256, 352)
    cutout = donor.objects[0] if donor.objects else None
    made = forge(
        host.rgb,
        noisy(donor.rgb, 3.0, np.random.default_rng(seed)),
        kind,
        np.random.default_rng(seed),
        cutout,
    )
    return made.rgb, made.mask


@pytest.mark.parametrize("kind", KINDS)
def test_most_stated_kinds_of_forged_scenes_are_right(kind: Kind) -> None:
    reads = []
    for seed in range(12):
        rgb, mask = forged(kind, seed)
        reads.append(read_kind(rgb, largest(mask), find_copies(rgb)))
    right = sum(read is not None and read.likeliest == kind for read in reads)
    stated = [read.stated for read in reads if read is not None and read.stated != "unknown"]
    assert right >= 7
    assert len(stated) >= 4 and stated.count(kind) >= 0.6 * len(stated)


def test_a_plain_copy_is_stated_as_copy_move() -> None:
    rgb = with_copy()
    read = read_kind(rgb, copy_square(TARGET), find_copies(rgb))
    assert read is not None and read.stated == "copy_move"


def test_an_area_filled_from_its_border_is_stated_as_removal() -> None:
    rgb = noisy(scene(4, 240, 320).rgb, 2.0, np.random.default_rng(1))
    filled = cv2.inpaint(np.ascontiguousarray(rgb), square().astype(np.uint8), 5.0, cv2.INPAINT_TELEA)
    read = read_kind(filled, square(), find_copies(filled))
    assert read is not None and read.stated == "removal"


# how it is learnt


def samples(apart: float, count: int = 240) -> training.Samples:
    """Four clouds of points; with `apart` 0 nothing tells them apart."""
    rng = np.random.default_rng(3)
    truth = np.arange(count) % len(OUTCOMES)
    features = rng.normal(0, 1, (count, len(NAMES)))
    features[:, 0] += apart * (truth == 0)
    features[:, 1] += apart * (truth == 1)
    features[:, 2] += apart * (truth == 2)
    return training.Samples(features, truth, tuple(f"g{n // 8}" for n in range(count)))


def test_what_can_be_learnt_is_learnt_and_stated() -> None:
    model = training.learnt_model(samples(5.0, 480))
    fresh = samples(5.0, 720).part(np.arange(720) >= 480)
    probabilities = model.probabilities(fresh.features)
    assert probabilities.sum(axis=1) == pytest.approx(1)
    assert (probabilities.argmax(axis=1) == fresh.outcomes).mean() > 0.9
    assert model.level == training.LEVELS[0]


def test_where_nothing_can_be_learnt_hardly_anything_is_stated() -> None:
    model = training.learnt_model(samples(0.0))
    sure = model.probabilities(samples(0.0).features).max(axis=1)
    assert model.level > 0.6
    assert (sure >= model.level).mean() < 0.05


def test_probabilities_are_calibrated_on_groups_not_fitted_to() -> None:
    """Overlapping clouds: among answers of about 0.7, about seven in ten are right."""
    model = training.learnt_model(samples(1.6, 600))
    fresh = samples(1.6, 3000)
    probability = model.probabilities(fresh.features[600:])
    sure, right = probability.max(axis=1), probability.argmax(axis=1) == fresh.outcomes[600:]
    assert sure.mean() == pytest.approx(right.mean(), abs=0.06)


def test_kinds_weigh_the_same_however_often_they_occur() -> None:
    whole = samples(3.0, 600)
    few = whole.part((whole.outcomes == 0) | (np.arange(600) % 10 < 2))
    chosen = training.fitted(few).probabilities(whole.features).argmax(axis=1)
    assert (chosen[whole.outcomes != 0] == 0).mean() < 0.2


def test_no_group_is_on_both_sides_of_a_fold() -> None:
    groups = [f"g{n % 7}" for n in range(50)]
    folds = training._folds(groups)
    assert len({(group, int(fold)) for group, fold in zip(groups, folds, strict=True)}) == 7


def test_a_drawn_mask_is_another_but_still_about_the_same() -> None:
    overlaps = []
    for seed in range(8):
        other = drawn(square(), 0.5, np.random.default_rng(seed))
        overlaps.append((other & square()).sum() / (other | square()).sum())
    assert 0.3 < np.median(overlaps) < 0.95 and min(overlaps) < 0.75


def test_the_mask_as_an_engine_marks_it_is_one_area_and_holds_clear_copies() -> None:
    copies = find_copies(with_copy())
    assert copies is not None and copies.clear
    found = as_found(copy_square(TARGET), copies, np.random.default_rng(0))
    assert ndimage.label(found, np.ones((3, 3)))[1] == 1
    first, second = copies.areas(320, 400)
    assert any((found & area).sum() > 0.9 * area.sum() for area in (first, second))


@pytest.mark.parametrize("seed", range(6))
def test_an_untouched_area_keeps_away_from_the_forged_one(seed: int) -> None:
    area = untouched_area(scene(seed, 240, 320).rgb, square(), np.random.default_rng(seed))
    assert 0.002 < area.mean() < 0.5 and not (area & square()).any()
    assert ndimage.label(area, np.ones((3, 3)))[1] == 1


def test_where_everything_is_taken_there_is_no_untouched_area() -> None:
    everything = np.ones((240, 320), np.bool_)
    assert not untouched_area(textured(240, 320), everything, np.random.default_rng(0)).any()


def test_an_untouched_area_is_mostly_of_unknown_kind() -> None:
    reads = []
    for seed in range(16):
        rgb = scene(seed + 40, 240, 320).rgb
        area = untouched_area(rgb, np.zeros((240, 320), np.bool_), np.random.default_rng(seed))
        reads.append(read_kind(rgb, area, find_copies(rgb)))
    assert sum(read is None or read.stated == "unknown" for read in reads) >= 11


def test_the_command_writes_weights_that_are_read_again_and_the_same_each_time(tmp_path: Path) -> None:
    lines = ["path,kind,mask,mask_type,tampering,group,dataset"]
    for seed in range(24):
        made = scene(seed, 128, 160)
        Image.fromarray(made.rgb).save(tmp_path / f"{seed}.png")
        lines.append(f"{seed}.png,authentic,,,,scene{seed},own")
    (tmp_path / "manifest.csv").write_text("\n".join(lines) + "\n")
    written = []
    for out in (tmp_path / "a.json", tmp_path / "b.json"):
        arguments = ["--data", str(tmp_path), "--out", str(out), "--made", "9"]
        assert training.main(arguments) == 0
        document = json.loads(out.read_text())
        document.pop("provenance")
        written.append(document)
    assert written[0] == written[1]
    assert model_to_json(model_from_json(written[0])).items() <= written[0].items()


def test_the_command_refuses_a_folder_without_a_manifest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert training.main(["--data", str(tmp_path), "--out", str(tmp_path / "a.json")]) == 1
    assert capsys.readouterr().err and not (tmp_path / "a.json").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"features": ["noise"]},
        {"outcomes": ["splice", "removal", "copy_move", "untouched"]},
        {"means": [0.0]},
        {"weights": [[float("nan")] * (1 + 2 * len(NAMES))] * 4},
    ],
)
def test_weights_for_something_else_are_refused(change: dict[str, object]) -> None:
    document = json.loads(kinds.WEIGHTS.read_text()) | change
    with pytest.raises(ValueError, match="train them again"):
        model_from_json(document)


@pytest.mark.parametrize("text", [None, "{", "{}"])
def test_missing_or_damaged_weights_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None
) -> None:
    path = tmp_path / "kinds.json"
    if text is not None:
        path.write_text(text)
    monkeypatch.setattr(kinds, "WEIGHTS", path)
    with pytest.raises(EngineUnavailable, match="missing or damaged"):
        kinds.shipped_model.__wrapped__()


# what the engine says


def test_the_engine_tells_the_kind_of_the_copied_area_with_its_probability() -> None:
    picture = pictured(with_copy())
    engine = engine_with(
        Calibration(bias=6.0, label_weight=0.0, peak_weight=0.0, band_below=0.4, band_above=0.4)
    )
    verdict, ready = answer(engine, picture)
    copies = find_copies(picture.rgb)
    assert copies is not None and copies.clear
    mask = ready.soft_map > MASK_THRESHOLD
    labels, found = label_regions(mask, min_region_px(*mask.shape))
    first, second = copies.areas(*mask.shape)
    held = [((labels == region) & (first | second)).sum() for region in range(1, min(found, MAX_REGIONS) + 1)]
    region = 1 + int(np.argmax(held))
    read = read_kind(picture.rgb, labels == region, copies)
    (finding,) = verdict.findings
    assert finding.region_id == region
    if read is None or read.stated == "unknown":
        assert (finding.kind, finding.confidence) == ("unknown", verdict.score)
    else:
        assert (finding.kind, finding.confidence) == (read.stated, read.probabilities[read.stated])


@pytest.mark.parametrize("stated", [*KINDS, "unknown"])
def test_a_kind_that_is_not_stated_keeps_the_score(
    stated: FindingKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    likely: dict[FindingKind, float] = {kind: 0.8 if kind == stated else 0.1 for kind in KINDS}
    if stated == "unknown":
        likely = dict.fromkeys(KINDS, 1 / 3)
    monkeypatch.setattr("fakeshield_core.engines.compact.read_kind", lambda *_: KindReading(likely, 0.6))
    calibration = Calibration(bias=6.0, label_weight=0.0, peak_weight=0.0, band_below=0.4, band_above=0.4)
    verdict, _ = answer(engine_with(calibration), pictured(textured(96, 96)))
    (finding,) = verdict.findings
    assert finding.kind == stated
    assert finding.confidence == (verdict.score if stated == "unknown" else 0.8)


@pytest.mark.parametrize("bias", [-6.0, 0.0])
def test_without_the_verdict_tampered_nothing_is_found(bias: float) -> None:
    calibration = Calibration(bias=bias, label_weight=0.0, peak_weight=0.0, band_below=0.4, band_above=0.4)
    assert answer(engine_with(calibration), pictured(with_copy()))[0].findings == ()
