"""The commands from arguments to files, with the stub engine (it sees pure magenta)."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fakeshield_core.__main__ import main
from fakeshield_core.engines.stub import MARK_RGB
from fakeshield_core.manifest import read_manifest

HEIGHT, WIDTH = 72, 96
PATCH = (slice(16, 48), slice(24, 64))
ENGINE = ["--engine", "stub"]


def paint(path: Path, marked: bool) -> Path:
    """A grey picture, with a magenta patch where marked."""
    rgb = np.full((HEIGHT, WIDTH, 3), 110, np.uint8)
    if marked:
        rgb[PATCH] = MARK_RGB
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rgb).save(path, quality=95)
    return path


def patch_mask() -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[PATCH] = True
    return mask


def write_set(folder: Path, extra: Sequence[str] = ()) -> Path:
    """Three forgeries (one the stub cannot see, one without a mask), two photographs, one of neither kind."""
    paint(folder / "in/seen.jpg", True)
    paint(folder / "in/missed.jpg", False)
    paint(folder / "in/whole.jpg", True)
    paint(folder / "in/clean.jpg", False)
    paint(folder / "in/alarm.jpg", True)
    paint(folder / "in/cut.png", False)
    Image.fromarray(patch_mask()).save(folder / "mask.png")
    lines = [
        "path,kind,mask,mask_type,dataset,tampering,authentic_use,group,shade",
        "in/seen.jpg,tampered,mask.png,binary,X,splice,,g1,red",
        "in/missed.jpg,tampered,mask.png,binary,X,copy,,g2,",
        "in/whole.jpg,tampered,,,X,copy,,g3,",
        "in/clean.jpg,authentic,,,X,,yes,g1,",
        "in/alarm.jpg,segmentation,mask.png,labels,X,,yes,g4,",
        "in/cut.png,segmentation,mask.png,binary,Z,,probably,g5,",
        *extra,
    ]
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    return folder / "manifest.csv"


def run_json(arguments: Sequence[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, Any]:
    """Exit code and the one document on stdout; fails where stdout holds anything else."""
    code = main([*arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_analyze_writes_map_mask_and_result(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = paint(tmp_path / "a.png", True)
    assert main(["analyze", str(picture), *ENGINE, "--out", str(tmp_path / "out")]) == 0
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"a.map.png", "a.mask.png", "a.json"}
    with Image.open(tmp_path / "out/a.map.png") as soft_map, Image.open(tmp_path / "out/a.mask.png") as mask:
        assert np.array_equal(np.asarray(soft_map) > 127, patch_mask())
        assert np.array_equal(np.asarray(mask.convert("L")) > 127, patch_mask())
    result = json.loads((tmp_path / "out/a.json").read_text())
    assert (result["verdict"], result["engine"]["name"]) == ("tampered", "stub")
    assert (result["picture"]["width"], result["picture"]["height"]) == (WIDTH, HEIGHT)
    assert "tampering found" in capsys.readouterr().out


def test_same_stem_from_two_folders_gives_two_results(tmp_path: Path) -> None:
    pictures = [paint(tmp_path / "one/a.png", True), paint(tmp_path / "two/a.jpg", False)]
    assert main(["analyze", *map(str, pictures), *ENGINE, "--out", str(tmp_path / "out")]) == 0
    verdicts = {p.name: json.loads(p.read_text())["verdict"] for p in (tmp_path / "out").glob("*.json")}
    assert verdicts == {"a.json": "tampered", "a-2.json": "no_tampering_found"}


def test_bad_picture_is_one_sentence_and_the_others_finish(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"GIF89a is not what this is")
    given = [str(broken), str(tmp_path / "gone.jpg"), str(tmp_path), str(paint(tmp_path / "a.png", True))]
    assert main(["analyze", *given, *ENGINE, "--out", str(tmp_path / "out")]) == 1
    said = capsys.readouterr()
    assert [line for line in said.err.splitlines() if "broken.jpg" in line]
    assert [line for line in said.err.splitlines() if "gone.jpg" in line]
    assert "Traceback" not in said.err
    assert "a.png: tampering found" in said.out
    assert (tmp_path / "out/a.json").is_file()


def test_one_picture_gives_its_result_and_several_a_list(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    marked, clean = paint(tmp_path / "a.png", True), paint(tmp_path / "b.png", False)
    code, single = run_json(["analyze", str(marked), *ENGINE], capsys)
    assert (code, single["verdict"], single["file"]) == (0, "tampered", str(marked))
    code, several = run_json(
        ["analyze", str(clean), str(tmp_path / "gone.png"), str(marked), *ENGINE], capsys
    )
    assert code == 1
    assert [item.get("verdict") for item in several] == ["no_tampering_found", None, "tampered"]
    assert "gone.png" in several[1]["error"]


def test_json_file_holds_the_document_and_stdout_the_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "new" / "result.json"
    assert main(["analyze", str(paint(tmp_path / "a.png", True)), *ENGINE, "--json", str(target)]) == 0
    assert json.loads(target.read_text())["verdict"] == "tampered"
    assert "tampering found" in capsys.readouterr().out


def test_folder_that_cannot_be_written_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("in the way")
    picture = str(paint(tmp_path / "a.png", True))
    assert main(["analyze", picture, *ENGINE, "--out", str(tmp_path / "file/out")]) == 1
    assert "cannot be written" in capsys.readouterr().err
    assert main(["analyze", picture, *ENGINE, "--json", str(tmp_path / "file/r.json")]) == 1
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["analyze", "evaluate"])
def test_unknown_engine_is_refused_in_one_sentence(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = (
        ["--manifest", str(write_set(tmp_path))] if command == "evaluate" else [str(tmp_path / "in/seen.jpg")]
    )
    assert main([command, *given, "--engine", "oracle", "--json"]) == 1
    said = capsys.readouterr()
    assert "no engine named 'oracle'" in json.loads(said.out)["error"]
    assert len(said.err.strip().splitlines()) == 1


def test_evaluate_reports_the_protocol(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, report = run_json(["evaluate", "--manifest", str(write_set(tmp_path)), *ENGINE], capsys)
    assert code == 0
    whole = report["slices"][0]
    assert (whole["dataset"], whole["tampering"], whole["change"]) == ("X", None, None)
    assert whole["pictures"] == {"tampered": 3, "authentic": 2, "with_mask": 2}
    assert whole["pixel"]["f1"]["value"] == pytest.approx(0.5, abs=0.03)  # 1 where seen, 0 where missed
    assert whole["image"]["auc"]["value"] == pytest.approx((2 * 1.5 + 0.5) / 6, abs=1e-3)
    assert whole["alarms"]["false_alarm_rate"]["value"] == 0.5
    assert whole["verdicts"]["authentic"] == {"no_tampering_found": 1, "tampered": 1}
    kinds = {part["tampering"]: part["pictures"]["with_mask"] for part in report["slices"][1:]}
    assert kinds == {"splice": 1, "copy": 1}
    assert report["unused_pictures"] == 1
    assert report["images"][0]["columns"]["shade"] == "red"
    assert report["images"][0]["measured"][0]["cpu_s"] > 0


def test_recompression_measures_both_classes_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["evaluate", "--manifest", str(write_set(tmp_path)), *ENGINE]
    _, report = run_json([*arguments, "--change", "jpeg85", "--change", "jpeg50"], capsys)
    conditions = [part["change"] for part in report["slices"] if part["tampering"] is None]
    assert conditions == [None, "jpeg85", "jpeg50"]
    assert {len(image["measured"]) for image in report["images"]} == {3}


def test_a_change_that_is_not_known_is_refused_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["evaluate", "--manifest", str(write_set(tmp_path)), *ENGINE, "--change", "jpeg70.0"]
    assert main(arguments) == 1
    said = capsys.readouterr()
    assert "is no change" in said.err and len(said.err.strip().splitlines()) == 1


def test_limit_kind_leaves_other_rows_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["evaluate", "--manifest", str(write_set(tmp_path)), *ENGINE, "--limit-kind", "authentic"]
    _, report = run_json(arguments, capsys)
    assert [image["path"] for image in report["images"]] == ["in/clean.jpg"]


def test_maps_are_eight_bit_pictures_of_the_same_size(tmp_path: Path) -> None:
    arguments = ["--manifest", str(write_set(tmp_path)), *ENGINE, "--maps", str(tmp_path / "maps")]
    assert main(["evaluate", *arguments]) == 0
    names = {p.relative_to(tmp_path / "maps").as_posix() for p in (tmp_path / "maps").rglob("*.png")}
    assert names == {f"in/{name}.png" for name in ("seen", "missed", "whole", "clean", "alarm", "cut")}
    with Image.open(tmp_path / "maps/in/seen.png") as soft_map:
        assert (soft_map.mode, soft_map.size) == ("L", (WIDTH, HEIGHT))
        assert np.mean((np.asarray(soft_map) > 127) == patch_mask()) > 0.98


def test_unreadable_picture_and_misfit_mask_are_reported_and_the_others_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    Image.new("L", (40, 40)).save(tmp_path / "small.png")
    paint(tmp_path / "misfit.jpg", True)
    extra = ["broken.jpg,authentic,,,X,,yes,g6,", "misfit.jpg,tampered,small.png,binary,X,splice,,g7,"]
    code, report = run_json(["evaluate", "--manifest", str(write_set(tmp_path, extra)), *ENGINE], capsys)
    assert code == 1
    assert [failure["name"] for failure in report["failures"]] == ["broken.jpg", "misfit.jpg"]
    assert report["slices"][0]["pictures"] == {"tampered": 3, "authentic": 2, "with_mask": 2}


def test_broken_manifest_is_refused_with_line_and_column(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = write_set(tmp_path, ["../outside.png,authentic,,,X,,,g,"])
    paint(tmp_path.parent / "outside.png", False)
    assert main(["evaluate", "--manifest", str(manifest), *ENGINE]) == 1
    said = capsys.readouterr()
    assert "Line 8" in said.err and "column path" in said.err
    assert said.out == ""


def test_module_runs_from_a_shell_and_keeps_stdout_for_the_document(tmp_path: Path) -> None:
    picture = str(paint(tmp_path / "a.png", True))
    command = [sys.executable, "-m", "fakeshield_core", "analyze", picture, *ENGINE, "--json"]
    ended = subprocess.run(
        command, capture_output=True, text=True, timeout=120, cwd=Path(__file__).parents[2]
    )
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["verdict"] == "tampered"


def test_training_has_its_arguments_only_when_it_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["train-compact", "--help"])
    assert ended.value.code == 0
    assert "--resume" in capsys.readouterr().out


def test_unknown_setting_is_refused_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FAKESHIELD_ENGIN", "stub")
    assert main(["analyze", str(paint(tmp_path / "a.png", True))]) == 1
    assert "FAKESHIELD_ENGIN is not a setting" in capsys.readouterr().err


def test_engine_is_taken_from_the_environment_where_none_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FAKESHIELD_ENGINE", "stub")
    _, result = run_json(["analyze", str(paint(tmp_path / "a.png", True))], capsys)
    assert result["engine"]["name"] == "stub"


def test_development_manifest_counts_what_its_notes_count(shared_dev: Path) -> None:
    manifest = read_manifest(shared_dev / "manifest.csv")
    tampered = [row for row in manifest.rows if row.is_tampered]
    authentic = [row for row in manifest.rows if row.is_authentic]
    assert sum(row.tampering_mask is not None for row in tampered) == 139
    assert (len(tampered), len(authentic)) == (182, 197)
