"""Parsing, file names and wording of the commands; the whole way is in tests/integration/test_commands.py."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fakeshield_core.__main__ import build_parser, main
from fakeshield_core.commands.analyze import VERDICTS, describe, output_stems
from fakeshield_core.commands.outcome import Outcome
from fakeshield_core.commands.showing import show
from fakeshield_core.domain import Analysis, Finding, Stability
from fakeshield_core.engines.stub import MARK_RGB, StubEngine
from fakeshield_core.files import read_picture
from fakeshield_core.pipeline import analyze_to_end


def analysed(folder: Path) -> Analysis:
    """The stub's result on a grey picture with a marked square at its left."""
    rgb = np.full((80, 160, 3), 120, np.uint8)
    rgb[20:60, 10:50] = MARK_RGB
    Image.fromarray(rgb).save(folder / "p.png")
    return analyze_to_end(StubEngine(), read_picture(folder / "p.png"))


@pytest.mark.parametrize(
    ("pictures", "expected"),
    [
        (["a.jpg", "b.jpg"], ["a", "b"]),
        (["one/a.jpg", "two/a.png"], ["a", "a-2"]),
        (["a.jpg", "b/a.jpg", "a-2.jpg"], ["a", "a-2", "a-2-2"]),
        (["A.jpg", "b/a.jpg"], ["A", "a-2"]),
        (["a.b.jpg", "a.c.jpg"], ["a.b", "a.c"]),
        (["a.jpg", "a.jpg"], ["a", "a-2"]),
        (["out/a.map.png", "out/a.png"], ["a.map", "a-2"]),
    ],
)
def test_results_never_share_a_name_nor_overwrite_a_picture(pictures: list[str], expected: list[str]) -> None:
    stems = output_stems([Path(picture) for picture in pictures], Path("out"))
    assert stems == [Path("out") / name for name in expected]


def test_changes_may_be_asked_for_several_times() -> None:
    args = build_parser().parse_args(
        ["evaluate", "--manifest", "m.csv", "--change", "jpeg85", "--change", "noise5"]
    )
    assert args.change == ["jpeg85", "noise5"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [([], None), (["--json"], "-"), (["--json", "-"], "-"), (["--json", "r.json"], "r.json")],
)
def test_json_goes_to_stdout_unless_a_file_is_named(arguments: list[str], expected: str | None) -> None:
    assert build_parser().parse_args(["analyze", "a.jpg", *arguments]).json == expected


@pytest.mark.parametrize(
    "arguments",
    [[], ["nothing"], ["analyze"], ["evaluate"], ["evaluate", "--manifest", "m.csv", "--change"]],
)
def test_wrong_usage_exits_with_two(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert capsys.readouterr().out == ""


def test_json_swallowing_a_picture_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "a.jpg"
    picture.write_bytes(b"a picture")
    with pytest.raises(SystemExit) as ended:
        main(["analyze", "--json", str(picture), str(tmp_path / "b.jpg")])
    assert ended.value.code == 2
    assert "after the pictures" in capsys.readouterr().err
    assert picture.read_bytes() == b"a picture"


def test_complaints_decide_the_exit_code() -> None:
    assert Outcome("done", None).exit_code == 0
    assert Outcome("done", None, ("One picture failed.",)).exit_code == 1


@pytest.mark.parametrize(
    ("where", "out", "err", "code"),
    [
        (None, "done\n", "", 0),
        ("-", '{\n  "n": 1\n}\n', "", 0),
        ("r.json", "done\n", "", 0),
        ("file/r.json", "done\n", "cannot be written", 1),
    ],
)
def test_the_end_of_a_command_goes_to_its_streams(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], where: str | None, out: str, err: str, code: int
) -> None:
    (tmp_path / "file").write_bytes(b"")
    json_to = where if where in (None, "-") else str(tmp_path / str(where))
    assert show(Outcome("done", {"n": 1}), json_to) == code
    told = capsys.readouterr()
    assert told.out == out and err in told.err and bool(told.err) == bool(err)
    assert not (tmp_path / "r.json").is_file() or json.loads((tmp_path / "r.json").read_text()) == {"n": 1}


def test_description_tells_verdict_score_and_where(tmp_path: Path) -> None:
    analysis = analysed(tmp_path)
    text = describe(Path("p.png"), analysis)
    assert text.startswith("p.png: tampering found (score 0.90, between 0.82 and 0.98; threshold 0.50)")
    assert "region 1: " + analysis.regions[0].where in text
    assert "12.5%" in text


@pytest.mark.parametrize(
    ("half_size", "line"),
    [
        (0.7, "\n  stable: score 0.80 compressed again, 0.70 at half size\n"),
        (0.2, "\n  changes: score 0.80 compressed again, 0.20 at half size\n"),
    ],
)
def test_description_tells_kind_and_stability(tmp_path: Path, half_size: float, line: str) -> None:
    analysis = replace(analysed(tmp_path), stability=Stability(0.8, half_size))
    text = describe(Path("p.png"), analysis)
    assert line in text
    assert "\n  region 1: likely splice (confidence 0.90)\n" in text
    unknown = replace(analysis, findings=(Finding("unknown", 0.9, 1),), stability=None)
    assert "likely" not in describe(Path("p.png"), unknown) and "half size" not in describe(
        Path("p.png"), unknown
    )


def test_description_without_a_score_names_no_number(tmp_path: Path) -> None:
    analysis = replace(
        analysed(tmp_path),
        verdict="not_given",
        score=None,
        band=None,
        regions=(),
        explanation=None,
        findings=(),
    )
    assert describe(Path("p.png"), analysis) == "p.png: no verdict from this engine"


def test_no_verdict_claims_that_a_picture_is_genuine() -> None:
    words = " ".join(VERDICTS.values())
    assert not any(word in words for word in ("authentic", "genuine", "fake", "real"))
