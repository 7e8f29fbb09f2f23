"""Sums of an evaluation, on records made by hand; the whole way is in tests/integration/test_commands.py."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fakeshield_core.domain import EngineInfo, MapReady, Update, VerdictReady
from fakeshield_core.errors import (
    EngineOutOfMemory,
    EngineUnavailable,
    InputError,
    ManifestInvalid,
    MaskShapeMismatch,
)
from fakeshield_core.evaluate import EvaluationOptions, changed, evaluate, map_targets, pixel_scores
from fakeshield_core.evaluate_figures import Bootstrap, Failure, Measured, OracleScores, PixelScores, slices
from fakeshield_core.evaluate_report import Report, report, report_to_json, report_to_text
from fakeshield_core.files import read_picture
from fakeshield_core.manifest import Manifest, ManifestRow, read_manifest
from fakeshield_core.picture import Picture
from fakeshield_core.sweep import STEPS

QUICK = Bootstrap(seed=1, resamples=200)
NO_MAP_ENGINE = EngineInfo("words", "1", "none", None, "cpu", frozenset({"verdict"}))


def row(name: str, kind: str, **columns: str) -> ManifestRow:
    return ManifestRow(
        2, name, Path("/set") / name, kind, None, {"path": name, "kind": kind, "mask": "", **columns}
    )


def measured(name: str, kind: str, score: float | None, f1: float | None = None, **columns: str) -> Measured:
    """A picture scored at threshold 0.6; `f1` stands for every pixel metric."""
    curve = np.full(STEPS + 1, f1 or 0.0)
    return Measured(
        row=row(name, kind, **{"dataset": "X", **columns}),
        change=None,
        verdict="not_given" if score is None else "tampered" if score > 0.6 else "no_tampering_found",
        score=score,
        threshold=0.6,
        marked_fraction=0.25,
        mask_fraction=0.125,
        pixel=None if f1 is None else PixelScores(f1, f1, f1, f1, f1, f1, f1, f1),
        oracle=None if f1 is None else OracleScores(f1, f1, curve),
        cpu_s=2.0,
        wall_s=1.0,
    )


def manifest(*rows: ManifestRow) -> Manifest:
    return Manifest("manifest.csv", "0" * 64, Path("/set"), rows)


def a_report(*pictures: Measured, failures: tuple[Failure, ...] = ()) -> Report:
    return report(NO_MAP_ENGINE, manifest(*(p.row for p in pictures)), (pictures, failures), QUICK)


MIXED = (
    measured("t1", "tampered", 0.9, 0.8, tampering="splice", group="a"),
    measured("t2", "tampered", 0.7, 0.2, tampering="copy", group="b"),
    measured("t3", "tampered", 0.2, None, tampering="copy", group="c"),
    measured("a1", "authentic", 0.1, group="a"),
    measured("a2", "authentic", 0.7, group="d"),
    measured("s1", "segmentation", 0.99, group="e"),
)


def test_pixel_figures_average_tampered_pictures_with_a_mask_only() -> None:
    whole = slices(MIXED, QUICK)[0]
    assert (whole.tampered, whole.authentic, whole.with_mask) == (3, 2, 2)
    estimate = whole.pixel["f1"]
    assert estimate is not None
    assert estimate.value == pytest.approx(0.5)
    assert estimate.n == 2


def test_image_figures_take_both_classes_and_leave_other_kinds_out() -> None:
    image = {name: e.value for name, e in slices(MIXED, QUICK)[0].image.items() if e is not None}
    assert image["auc"] == pytest.approx((2 + 1.5 + 1) / 6)
    assert image["balanced_accuracy"] == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert image["f1"] == pytest.approx(2 / 3, abs=1e-6)
    assert image["detection_at_5_percent"] == pytest.approx(1 / 3)


def test_alarms_count_each_class_alone_at_the_engines_threshold() -> None:
    alarms = {name: e.value for name, e in slices(MIXED, QUICK)[0].alarms.items() if e is not None}
    assert alarms == pytest.approx(
        {
            "detection_rate": 2 / 3,
            "false_alarm_rate": 1 / 2,
            "false_alarm_area": 0.25,
            "false_alarm_area_engine_threshold": 0.125,
        }
    )


def test_each_kind_of_tampering_meets_all_authentic_pictures_of_its_set() -> None:
    found = {part.tampering: (part.tampered, part.authentic) for part in slices(MIXED, QUICK)}
    assert found == {None: (3, 2), "splice": (1, 2), "copy": (2, 2)}


def test_data_sets_and_conditions_are_never_pooled() -> None:
    others = [measured("y", "tampered", 0.9, 0.4, dataset="Y")]
    found = [
        (part.dataset, part.tampered) for part in slices([*MIXED[:2], *others], QUICK) if not part.tampering
    ]
    assert found == [("X", 2), ("Y", 1)]


def test_a_set_of_one_class_has_alarms_but_no_image_figures() -> None:
    part = slices([measured("a1", "authentic", 0.1), measured("a2", "authentic", 0.9)], QUICK)[0]
    assert set(part.image.values()) == {None}
    rate = part.alarms["false_alarm_rate"]
    assert rate is not None
    assert rate.value == 0.5
    assert part.alarms["detection_rate"] is None


def test_engine_without_scores_leaves_image_figures_out() -> None:
    part = slices([measured("t", "tampered", None, 0.5), measured("a", "authentic", None)], QUICK)[0]
    assert set(part.image.values()) == {None}
    assert part.verdicts == {"tampered": {"not_given": 1}, "authentic": {"not_given": 1}}


def test_interval_draws_groups_not_pictures() -> None:
    values = [0.0] * 50 + [1.0] * 50
    spread = QUICK.mean(values, [f"g{i}" for i in range(100)])
    two_scenes = QUICK.mean(values, ["low"] * 50 + ["high"] * 50)
    assert spread is not None and spread.low is not None and spread.high is not None
    assert two_scenes is not None
    assert (two_scenes.low, two_scenes.high) == (0.0, 1.0)
    assert 0.3 < spread.low < 0.5 < spread.high < 0.7


def test_one_group_has_a_value_and_no_interval() -> None:
    estimate = QUICK.mean([0.25, 0.75], ["same", "same"])
    assert estimate is not None
    assert (estimate.value, estimate.low, estimate.high, estimate.n) == (0.5, None, None, 2)
    assert QUICK.mean([], []) is None


def test_auc_interval_holds_its_value_and_is_repeatable() -> None:
    first, second = (slices(MIXED, QUICK)[0].image["auc"] for _ in range(2))
    assert first == second
    assert first is not None and first.low is not None and first.high is not None
    assert first.low <= first.value <= first.high


def test_best_single_threshold_is_kept_apart_from_the_main_figures() -> None:
    part = slices(MIXED, QUICK)[0]
    assert "best_f1" not in part.pixel
    assert set(part.oracle) == {"best_single_threshold_f1", "best_f1", "permute_f1"}


def test_pixel_scores_of_a_case_worked_by_hand() -> None:
    gt_mask = np.array([[1, 1, 0, 0]], bool)
    soft_map = np.array([[0.9, 0.5, 0.6, 0.1]], np.float32)  # 0.5 is not above 0.5
    scores, oracle = pixel_scores(soft_map, np.array([[1, 1, 1, 0]], bool), gt_mask)
    assert scores.f1 == pytest.approx(0.5, abs=1e-6)
    assert scores.iou == pytest.approx(1 / 3, abs=1e-6)
    assert scores.auc == pytest.approx(0.75)
    assert scores.average_precision == pytest.approx((1 + 2 / 3) / 2)
    assert scores.f1_engine_threshold == pytest.approx(0.8, abs=1e-6)
    assert scores.iou_engine_threshold == pytest.approx(2 / 3, abs=1e-6)
    assert oracle.best_f1 == pytest.approx(0.8, abs=1e-6)
    assert oracle.permute_f1 == pytest.approx(0.5, abs=1e-6)


def test_fixed_side_scores_agree_where_scaling_keeps_the_shape() -> None:
    gt_mask = np.zeros((64, 64), bool)
    gt_mask[:, :32] = True
    scores, _ = pixel_scores(gt_mask.astype(np.float32), gt_mask, gt_mask)
    assert (scores.f1_512, scores.iou_512) == pytest.approx((1.0, 1.0))


def test_nothing_marked_scores_zero_not_an_error() -> None:
    scores, _ = pixel_scores(np.zeros((4, 4), np.float32), np.zeros((4, 4), bool), np.eye(4, dtype=bool))
    assert (scores.f1, scores.iou) == (0.0, 0.0)


def test_ground_truth_of_another_size_is_refused() -> None:
    with pytest.raises(MaskShapeMismatch):
        pixel_scores(np.zeros((4, 4), np.float32), np.zeros((4, 4), bool), np.zeros((4, 5), bool))


def test_report_carries_columns_failures_and_provenance() -> None:
    document = report_to_json(a_report(*MIXED, failures=(Failure("bad.jpg", "It cannot be read."),)))
    again = json.loads(json.dumps(document, allow_nan=False))
    assert again["failures"] == [{"name": "bad.jpg", "reason": "It cannot be read."}]
    assert again["unused_pictures"] == 1
    assert again["manifest"] == {"name": "manifest.csv", "sha256": "0" * 64}
    assert again["images"][0]["columns"]["tampering"] == "splice"
    assert again["images"][0]["measured"][0]["pixel"]["f1"] == 0.8
    assert again["bootstrap"] == {"seed": 1, "resamples": 200}
    assert {"date", "code", "cpu", "cores"} <= set(again["provenance"])
    assert "/set" not in json.dumps(again)


def test_table_has_a_line_for_every_slice_and_failure() -> None:
    lines = report_to_text(
        a_report(*MIXED, failures=(Failure("bad.jpg", "It cannot be read."),))
    ).splitlines()
    assert sum(line.startswith("X ") for line in lines) == 2
    assert sum("splice" in line for line in lines) == 2
    assert any("bad.jpg" in line for line in lines)
    assert any("enter no figure" in line for line in lines)


def test_find_gives_the_slice_asked_for() -> None:
    found = a_report(*MIXED)
    part = found.find("X", tampering="copy")
    assert part is not None
    assert part.tampered == 2
    assert found.find("X", change="jpeg85") is None


class WordsEngine:
    info = NO_MAP_ENGINE

    def analyze(self, picture: object) -> object:
        raise NotImplementedError


def test_maps_of_an_engine_without_maps_are_refused() -> None:
    with pytest.raises(EngineUnavailable, match="gives no map"):
        evaluate(WordsEngine(), manifest(row("a.jpg", "tampered")), EvaluationOptions(maps=Path("/maps")))  # type: ignore[arg-type]


def test_kinds_that_no_row_has_are_refused() -> None:
    with pytest.raises(ManifestInvalid, match="kinds"):
        evaluate(
            WordsEngine(), manifest(row("a.jpg", "tampered")), EvaluationOptions(kinds=frozenset({"fake"}))
        )  # type: ignore[arg-type]


def test_maps_keep_folder_and_stem() -> None:
    rows = (row("in/a.b.jpg", "tampered"), row("c.png", "authentic"))
    targets = map_targets(manifest(*rows), rows, Path("/maps"))
    assert targets == {"in/a.b.jpg": Path("/maps/in/a.b.png"), "c.png": Path("/maps/c.png")}


@pytest.mark.parametrize(
    ("names", "folder"), [(("a.jpg", "a.png"), "/maps"), (("a.png",), "/set"), (("a.jpg", "a.png"), "/set")]
)
def test_map_never_overwrites_a_picture_or_another_map(names: tuple[str, ...], folder: str) -> None:
    rows = tuple(row(name, "tampered") for name in names)
    with pytest.raises(ManifestInvalid, match="overwrite"):
        map_targets(manifest(*rows), rows, Path(folder))


class SettledEngine:
    """Gives the map it was made with, or raises; score 0.7."""

    info = EngineInfo("settled", "1", "none", None, "cpu", frozenset({"verdict", "map"}))

    def __init__(self, value: float, fails_on: str = "") -> None:
        self.value, self.fails_on = value, fails_on

    def analyze(self, picture: Picture) -> Iterator[Update]:
        if picture.facts.sha256 == self.fails_on:
            raise EngineOutOfMemory("There is too little memory; try a smaller copy.")
        yield VerdictReady("inconclusive", 0.7, (0.5, 0.9), 0.6)
        yield MapReady(np.full(picture.rgb.shape[:2], self.value, np.float32), 0.3)


def small_set(folder: Path) -> Manifest:
    """One forgery with a mask over its left half, one photograph; no other columns."""
    mask = np.zeros((64, 64), bool)
    mask[:, :32] = True
    Image.fromarray(mask).save(folder / "mask.png")
    for shade, name in ((90, "t.png"), (120, "a.png")):
        Image.new("RGB", (64, 64), (shade, shade, shade)).save(folder / name)
    (folder / "manifest.csv").write_text("path,kind,mask\nt.png,tampered,mask.png\na.png,authentic,\n")
    return read_manifest(folder / "manifest.csv")


def test_protocol_threshold_and_the_engines_own_are_told_apart(tmp_path: Path) -> None:
    part = evaluate(SettledEngine(0.4), small_set(tmp_path), EvaluationOptions(bootstrap=QUICK)).slices[0]
    assert part.pixel["f1"] is not None and part.pixel["f1_engine_threshold"] is not None
    assert part.pixel["f1"].value == 0.0  # 0.4 is not above 0.5
    assert part.pixel["f1_engine_threshold"].value == pytest.approx(2 / 3, abs=1e-6)  # but above 0.3
    areas = [part.alarms[name] for name in ("false_alarm_area", "false_alarm_area_engine_threshold")]
    assert [area.value for area in areas if area is not None] == [0.0, 1.0]


def test_manifest_without_data_sets_is_one_slice_without_a_name(tmp_path: Path) -> None:
    found = evaluate(SettledEngine(0.4), small_set(tmp_path), EvaluationOptions(bootstrap=QUICK))
    assert [(part.dataset, part.tampering) for part in found.slices] == [("", None)]
    assert "(no data set)" in report_to_text(found)


def test_inconclusive_verdicts_are_counted_by_class(tmp_path: Path) -> None:
    found = evaluate(SettledEngine(0.4), small_set(tmp_path), EvaluationOptions(bootstrap=QUICK))
    assert found.slices[0].verdicts == {"tampered": {"inconclusive": 1}, "authentic": {"inconclusive": 1}}
    assert report_to_text(found).splitlines()[-1].split()[-1] == "2"


def test_engine_that_fails_on_one_picture_is_reported_and_goes_on(tmp_path: Path) -> None:
    digest = hashlib.sha256((tmp_path / small_set(tmp_path).rows[0].name).read_bytes()).hexdigest()
    found = evaluate(SettledEngine(0.4, digest), small_set(tmp_path), EvaluationOptions(bootstrap=QUICK))
    assert [(failure.name, "memory" in failure.reason) for failure in found.failures] == [("t.png", True)]
    assert [image.row.name for image in found.images] == ["a.png"]


@pytest.mark.parametrize("value", [float("nan"), 1.5, -0.5])
def test_map_that_is_no_probability_is_a_failure_not_a_figure(tmp_path: Path, value: float) -> None:
    found = evaluate(SettledEngine(value), small_set(tmp_path), EvaluationOptions(bootstrap=QUICK))
    assert "t.png" in [failure.name for failure in found.failures]
    assert found.slices[0].with_mask == 0


def test_recompressed_copy_is_a_jpeg_of_that_quality_without_metadata(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0131] = "An editor"  # Software
    rgb = np.random.default_rng(0).integers(0, 256, (64, 48, 3), dtype=np.uint8)
    Image.fromarray(rgb).save(tmp_path / "p.jpg", quality=100, exif=exif)
    picture = read_picture(tmp_path / "p.jpg")
    fine, coarse = changed(picture, "jpeg85"), changed(picture, "jpeg40")
    assert picture.metadata and not fine.metadata
    assert fine.rgb.shape == picture.rgb.shape
    assert fine.jpeg is not None and coarse.jpeg is not None
    assert fine.jpeg.luma_table.mean() < coarse.jpeg.luma_table.mean()
    assert np.abs(fine.rgb.astype(int) - rgb).mean() < np.abs(coarse.rgb.astype(int) - rgb).mean()


@pytest.mark.parametrize(
    ("name", "size"), [("resize0.75", (48, 36)), ("blur1", (64, 48)), ("noise5", (64, 48))]
)
def test_another_change_leaves_no_trace_of_its_own_compression(
    tmp_path: Path, name: str, size: tuple[int, int]
) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (64, 48, 3), dtype=np.uint8)
    Image.fromarray(rgb).save(tmp_path / "p.jpg", quality=100)
    copy = changed(read_picture(tmp_path / "p.jpg"), name)
    assert (copy.jpeg, copy.facts.format) == (None, "PNG")
    assert copy.rgb.shape[:2] == size
    assert copy.rgb.shape != rgb.shape or np.abs(copy.rgb.astype(int) - rgb).mean() > 1


def test_a_smaller_copy_is_measured_at_the_size_of_the_picture(tmp_path: Path) -> None:
    found = evaluate(
        SettledEngine(0.9),
        small_set(tmp_path),
        EvaluationOptions(changes=(None, "resize0.5"), bootstrap=QUICK),
    )
    file, half = (found.find(found.slices[0].dataset, change) for change in (None, "resize0.5"))
    assert file is not None and half is not None and not found.failures
    assert half.with_mask == file.with_mask == 1
    assert file.pixel["f1"] is not None
    assert half.pixel["f1"] == file.pixel["f1"]  # everything is marked in both


def test_an_unknown_change_is_refused_before_anything_is_measured(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no change"):
        evaluate(SettledEngine(0.9), small_set(tmp_path), EvaluationOptions(changes=("sharpen3",)))
