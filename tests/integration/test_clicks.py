"""The command `clicks` and the bench beside it, on small painted pictures with the stubs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bench import clicks as bench
from fakeshield_core.__main__ import build_parser, main
from fakeshield_core.clicks_measure import Annotator, click_through, our_method, read_case, scaled
from fakeshield_core.engines.stub import StubEngine
from fakeshield_core.errors import EngineUnavailable, ManifestInvalid, MaskShapeMismatch
from fakeshield_core.manifest import ManifestRow, read_manifest
from fakeshield_core.segmenters.stub import RADIUS_FRACTION, StubSegmenter
from tests.fakes import textured

SIDE = 120
STUB = ["--engine", "stub"]


def disc_mask(x: int, y: int) -> np.ndarray:
    """A region that one click of the stub answers exactly, when it falls on its middle."""
    ys, xs = np.ogrid[:SIDE, :SIDE]
    return (ys - y) ** 2 + (xs - x) ** 2 <= (RADIUS_FRACTION * SIDE) ** 2


def paint(folder: Path, name: str, mask: np.ndarray, found: bool) -> str:
    """A picture and its mask; `found`: the stub engine sees the lower half of the region."""
    rgb = textured(SIDE, SIDE, seed=len(name))
    if found:
        rgb[mask & (np.arange(SIDE)[:, None] >= 60)] = (255, 0, 255)
    Image.fromarray(rgb).save(folder / f"{name}.png")
    Image.fromarray(mask).save(folder / f"{name}.mask.png")
    return f"{name}.png,tampered,{name}.mask.png,binary,{'one' if found else 'two'},{name}"


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    lines = ["path,kind,mask,mask_type,dataset,group"]
    lines += [paint(tmp_path, name, disc_mask(60, 60), found) for name, found in (("a", True), ("bb", False))]
    Image.fromarray(textured(SIDE, SIDE)).save(tmp_path / "clean.png")
    lines.append("clean.png,authentic,,,one,clean")
    (tmp_path / "manifest.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "manifest.csv"


def row(manifest: Path, number: int = 0) -> ManifestRow:
    return read_manifest(manifest).rows[number]


def run_json(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, Any]:
    code = main([*arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_the_command_clicks_through_every_tampered_picture_from_both_starts(
    manifest: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, document = run_json(["clicks", "--manifest", str(manifest), *STUB], capsys)
    assert code == 0
    pictures = {(p["path"], p["from"]): p for p in document["pictures"]}
    assert set(pictures) == {(n, s) for n in ("a.png", "bb.png") for s in ("zero", "mask")}
    assert pictures["a.png", "zero"]["ious"][0] == 0 < pictures["a.png", "mask"]["ious"][0]
    assert (
        pictures["bb.png", "mask"]["ious"] == pictures["bb.png", "zero"]["ious"]
    )  # the engine found nothing
    parts = {(f["part"], f["from"]) for f in document["figures"]}
    assert {("one", "zero"), ("two", "mask"), ("all", "zero"), ("all", "mask")} <= parts
    assert set(document["saved_by_the_mask"]) == {"noc_85", "noc_90"}


@pytest.mark.parametrize("start", ["mask", "zero"])
def test_a_start_may_be_asked_for_alone(
    manifest: Path, start: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _, document = run_json(["clicks", "--manifest", str(manifest), *STUB, "--from", start], capsys)
    assert {p["from"] for p in document["pictures"]} == {start}
    assert document["saved_by_the_mask"]["noc_85"] is None
    assert (document["engine"] is None) == (start == "zero")


def test_the_limit_bounds_the_clicks_and_is_what_a_failure_counts(
    manifest: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paint(manifest.parent, "a", ~disc_mask(0, 0), False)  # far more than three discs
    _, document = run_json(["clicks", "--manifest", str(manifest), *STUB, "--limit", "3"], capsys)
    assert max(len(p["clicks"]) for p in document["pictures"]) == 3
    figures = next(f for f in document["figures"] if (f["part"], f["from"]) == ("one", "zero"))
    assert figures["noc_90"]["value"] == 3 and figures["failures_90"] == 1


def test_the_same_seed_gives_the_same_clicks_and_another_one_others(
    manifest: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def clicks(seed: str) -> list[Any]:
        arguments = ["clicks", "--manifest", str(manifest), *STUB, "--seed", seed]
        return [p["clicks"] for p in run_json(arguments, capsys)[1]["pictures"]]

    assert clicks("1") == clicks("1") != clicks("2")


def test_a_picture_that_cannot_be_used_is_a_complaint_and_the_others_go_on(
    manifest: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(np.zeros((SIDE, SIDE), np.bool_)).save(manifest.parent / "a.mask.png")
    assert main(["clicks", "--manifest", str(manifest), *STUB]) == 1
    said = capsys.readouterr()
    assert "a.png: The mask marks nothing" in said.err and "Traceback" not in said.err
    assert "NoC@85" in said.out


@pytest.mark.parametrize("text", ["0", "101", "-1", "2.5", "many"])
def test_a_limit_out_of_range_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        build_parser().parse_args(["clicks", "--manifest", "m.csv", "--limit", text])
    assert "1 to 100" in capsys.readouterr().err


def test_a_manifest_without_masks_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(textured(SIDE, SIDE)).save(tmp_path / "clean.png")
    (tmp_path / "m.csv").write_text("path,kind,mask\nclean.png,authentic,\n")
    assert main(["clicks", "--manifest", str(tmp_path / "m.csv"), *STUB]) == 1
    assert "no tampered picture with a mask" in capsys.readouterr().err


def test_a_mask_of_another_size_is_refused(manifest: Path) -> None:
    Image.fromarray(np.ones((50, 50), np.bool_)).save(manifest.parent / "a.mask.png")
    with pytest.raises(MaskShapeMismatch):
        read_case(row(manifest), ("zero",), None)
    with pytest.raises(ManifestInvalid, match="no mask"):
        read_case(row(manifest, 2), ("zero",), None)


def test_the_engine_mask_needs_an_engine(manifest: Path) -> None:
    with pytest.raises(EngineUnavailable, match="--from zero"):
        read_case(row(manifest), ("mask",), None)


def test_scaling_keeps_picture_truth_and_starts_together(manifest: Path) -> None:
    case = scaled(read_case(row(manifest), ("zero", "mask"), StubEngine()), 240)
    assert case.picture.rgb.shape == (240, 240, 3)
    assert case.truth.shape == case.starts["mask"].shape == case.starts["zero"].shape == (240, 240)
    assert case.truth.mean() == pytest.approx(disc_mask(60, 60).mean(), rel=0.05)
    assert 0 < case.starts["mask"].sum() < case.truth.sum() and not case.starts["zero"].any()


def test_clicks_of_a_picture_do_not_depend_on_the_pictures_before_it(manifest: Path) -> None:
    cases = [read_case(row(manifest, number), ("zero",), None) for number in (0, 1)]
    ours = [our_method(StubSegmenter())]
    alone = list(click_through(cases[1], ours, Annotator()))
    after = [c for case in cases for c in click_through(case, ours, Annotator())]
    assert after[1].clicks == alone[0].clicks and after[0].clicks != after[1].clicks


def test_the_bench_drives_every_method_with_the_same_first_click(
    manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "out" / "clicks.json"
    quick = ["--limit", "1", "--every", "2", "--json", str(target)]
    assert bench.main(["--manifest", str(manifest), *STUB, *quick]) == 0
    document = json.loads(target.read_text())
    for start in ("zero", "mask"):
        firsts = {p["method"]: p["clicks"][0] for p in document["pictures"] if p["from"] == start}
        assert set(firsts) == {"clicks", "GrabCut", "random walker"}
        assert len({tuple(click) for click in firsts.values()}) == 1
    assert {p["path"] for p in document["pictures"]} == {"a.png"}
    assert "noc_85: from mask, against GrabCut from zero" in document["clicks_saved"]
    assert "share of clicks saved" in capsys.readouterr().out


def test_the_bench_refuses_a_manifest_that_is_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench.main(["--manifest", str(tmp_path / "no.csv"), *STUB]) == 1
    assert "cannot be read" in capsys.readouterr().err
