from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.baseline_maps import BASELINES, centre_blob, error_level, noise_variance
from bench.baselines import (
    beaten,
    compare,
    comparison_to_json,
    comparison_to_text,
    firm_verdicts,
    main,
    mean_auc,
    pooled_alarms,
    run_baselines,
)
from fakeshield_core.domain import Plane, RgbImage
from fakeshield_core.engines.stub import StubEngine
from fakeshield_core.evaluate_figures import Bootstrap
from fakeshield_core.imaging import decode
from fakeshield_core.manifest import Manifest, read_manifest
from fakeshield_core.sweep import at_threshold

QUICK = Bootstrap(seed=0, resamples=50)
SIDE = 96
PATCH = (slice(24, 56), slice(40, 80))


def noisy(seed: int, strength: float) -> RgbImage:
    rng = np.random.default_rng(seed)
    return np.clip(rng.normal(128, strength, (SIDE, SIDE, 3)), 0, 255).astype(np.uint8)


def spliced(seed: int = 0) -> RgbImage:
    """A picture that went through JPEG 40, with a patch that never did."""
    buffer = io.BytesIO()
    Image.fromarray(noisy(seed, 20)).save(buffer, "JPEG", quality=40)
    rgb = np.asarray(Image.open(buffer)).copy()
    rgb[PATCH] = noisy(seed + 100, 40)[PATCH]
    return rgb


def patch_mask() -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), bool)
    mask[PATCH] = True
    return mask


def write_set(folder: Path) -> Manifest:
    """Two data sets; forgeries are spliced, in CASIA v1.0 also painted in the stub's magenta."""
    lines = ["path,kind,mask,dataset,group"]
    Image.fromarray(patch_mask()).save(folder / "mask.png")
    for number, name in enumerate(("CASIA v1.0", "CASIA v1.0", "IMD2020 (subset)", "IMD2020 (subset)")):
        rgb = spliced(number)
        if name == "CASIA v1.0":
            rgb[PATCH] = (255, 0, 255)
        Image.fromarray(rgb).save(folder / f"t{number}.png")
        Image.fromarray(noisy(number, 20)).save(folder / f"a{number}.png")
        lines += [
            f"t{number}.png,tampered,mask.png,{name},g{number}",
            f"a{number}.png,authentic,,{name},g{number}",
        ]
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    return read_manifest(folder / "manifest.csv")


@pytest.mark.parametrize("baseline", BASELINES, ids=lambda b: b.name)
def test_every_map_is_picture_sized_finite_and_not_negative(baseline: object) -> None:
    buffer = io.BytesIO()
    Image.fromarray(noisy(1, 30)[:, :70]).save(buffer, "JPEG", quality=90)
    picture = decode(buffer.getvalue(), "noise")
    before = picture.rgb.copy()
    values = baseline.compute(picture)  # type: ignore[attr-defined]
    assert values.shape == (SIDE, 70)
    assert values.dtype == np.float32
    assert np.isfinite(values).all() and values.min() >= 0
    assert np.array_equal(picture.rgb, before)


@pytest.mark.parametrize("compute", [error_level, noise_variance])
def test_foreign_patch_stands_out(compute: Callable[[RgbImage], Plane]) -> None:
    values = compute(spliced())
    assert values[patch_mask()].mean() > 2 * values[~patch_mask()].mean()


def test_centre_blob_peaks_in_the_middle_and_falls_evenly() -> None:
    values = centre_blob(np.zeros((101, 201, 3), np.uint8))
    assert np.unravel_index(values.argmax(), values.shape) == (50, 100)
    assert np.allclose(values, values[::-1, ::-1])
    assert values[50, 0] == pytest.approx(values[0, 100], rel=0.05)


def test_all_ones_scores_twice_the_area_over_one_plus_area(tmp_path: Path) -> None:
    rows = [row for row in write_set(tmp_path).rows if row.is_tampered]
    area = patch_mask().mean()
    for picture in run_baselines(rows):
        if picture.baseline.name == "all_ones":
            assert at_threshold(picture.f1_curve, 0.5) == pytest.approx(2 * area / (1 + area))


def test_flat_picture_gives_an_empty_map_not_a_division_by_zero(tmp_path: Path) -> None:
    Image.new("RGB", (SIDE, SIDE), "grey").save(tmp_path / "flat.png")
    Image.fromarray(patch_mask()).save(tmp_path / "mask.png")
    (tmp_path / "manifest.csv").write_text("path,kind,mask\nflat.png,tampered,mask.png\n")
    pictures = {p.baseline.name: p for p in run_baselines(read_manifest(tmp_path / "manifest.csv").rows)}
    assert pictures["noise_variance"].f1_curve.max() == 0.0


def test_engine_and_baselines_stand_side_by_side_in_one_run(tmp_path: Path) -> None:
    manifest = write_set(tmp_path)
    report, results = compare(StubEngine(), manifest, QUICK)
    assert report is not None
    assert {(r.dataset, r.baseline.name) for r in results} == {
        (dataset, baseline.name) for dataset in ("CASIA v1.0", "IMD2020 (subset)") for baseline in BASELINES
    }
    assert beaten(results) == {"CASIA v1.0": True, "IMD2020 (subset)": False}
    assert mean_auc(report) == pytest.approx((1.0 + 0.5) / 2)
    document = json.loads(json.dumps(comparison_to_json(report, results, manifest), allow_nan=False))
    assert document["summary"]["f1_above_every_baseline"] == beaten(results)
    assert document["engine"]["engine"]["name"] == "stub"
    assert str(tmp_path) not in json.dumps(document)
    text = comparison_to_text(report, results)
    assert text.count("engine stub") == 2
    assert text.count("centre blob") == 2


def test_alarms_and_firm_verdicts_are_counted_by_hand(tmp_path: Path) -> None:
    report, _ = compare(StubEngine(), write_set(tmp_path), QUICK)
    assert report is not None
    assert pooled_alarms(report) == {
        "pictures": 4,
        "above_threshold": 0,
        "called_tampered": 0,
        "most_in_a_set": 0.0,
    }
    flagged = [
        replace(m, score=1.0, verdict="tampered") if m.row.name == "a0.png" and m.change is None else m
        for m in report.images
    ]
    assert pooled_alarms(replace(report, images=tuple(flagged))) == {
        "pictures": 4,
        "above_threshold": 1,
        "called_tampered": 1,
        "most_in_a_set": 0.5,
    }
    verdicts = [m.verdict for m in report.images if m.change == "jpeg85"]
    assert firm_verdicts(report) == {  # the stub sees magenta: half of the forgeries
        "pictures": 8,
        "firm": len([v for v in verdicts if v != "inconclusive"]),
        "right": 6,
    }


def test_baseline_is_never_worse_at_its_best_single_threshold(tmp_path: Path) -> None:
    _, results = compare(None, write_set(tmp_path), QUICK)
    for result in results:
        assert result.f1_at_best is not None and result.f1_at_half is not None
        assert result.f1_at_best.value >= result.f1_at_half.value
        assert result.margin is None


def test_mean_auc_needs_every_set(tmp_path: Path) -> None:
    report, _ = compare(StubEngine(), write_set(tmp_path), QUICK)
    assert report is not None
    assert mean_auc(report, ("CASIA v1.0", "MISD")) is None


def test_program_writes_its_results_and_prints_a_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_set(tmp_path)
    results = tmp_path / "results" / "dev.json"
    arguments = ["--manifest", str(tmp_path / "manifest.csv"), "--without-engine", "--json", str(results)]
    assert main(arguments) == 0
    assert json.loads(results.read_text())["engine"] is None
    assert "error level" in capsys.readouterr().out


def test_program_refuses_a_missing_manifest_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--manifest", str(tmp_path / "none.csv"), "--without-engine"]) == 1
    assert "cannot be read" in capsys.readouterr().err
