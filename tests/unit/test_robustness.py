"""The robustness bench: every change is measured, what is left of F1 is told, the curves are drawn."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench import robustness
from bench.robustness import held, main
from fakeshield_core.synthesis.forgeries import forge
from fakeshield_core.synthesis.scenes import scene


def write_set(folder: Path) -> Path:
    """Two scenes and a forgery of each."""
    lines = ["path,kind,mask,dataset,group"]
    for number in range(2):
        rgb = scene(number, 96, 128).rgb
        forged = forge(rgb, scene(10 + number, 96, 128).rgb, "splice", np.random.default_rng(number))
        Image.fromarray(rgb).save(folder / f"a{number}.png")
        Image.fromarray(forged.rgb).save(folder / f"t{number}.png")
        Image.fromarray(forged.mask).save(folder / f"m{number}.png")
        lines += [
            f"a{number}.png,authentic,,X,g{number}",
            f"t{number}.png,tampered,m{number}.png,X,g{number}",
        ]
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    return folder / "manifest.csv"


def f1_row(
    dataset: str, change: str | None, value: float | None, tampering: str | None = None
) -> dict[str, object]:
    f1 = None if value is None else {"value": value}
    return {"dataset": dataset, "change": change, "tampering": tampering, "pixel": {"f1": f1}}


def test_what_is_left_is_told_for_sets_with_masks_alone() -> None:
    rows = [f1_row("A", None, 0.5), f1_row("A", "jpeg70", 0.4), f1_row("A", "jpeg50", 0.1)]
    rows += [f1_row("A", "jpeg70", 0.0, "splice"), f1_row("B", None, None), f1_row("B", "jpeg70", None)]
    assert held(rows) == {"A": 0.8}


def test_every_change_is_measured_and_drawn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = (None, "jpeg70", "resize0.75")
    monkeypatch.setattr(robustness, "CHANGES", changes)
    results, drawn = tmp_path / "r.json", tmp_path / "docs" / "r.svg"
    arguments = ["--manifest", str(write_set(tmp_path)), "--json", str(results), "--plot", str(drawn)]
    assert main([*arguments, "--processes", "1"]) == 0
    document = json.loads(results.read_text())
    assert [row["change"] for row in document["rows"]] == list(changes)
    assert all(row["pictures"] == {"tampered": 2, "authentic": 2, "with_mask": 2} for row in document["rows"])
    assert len({row["pixel"]["f1"]["value"] for row in document["rows"]}) > 1  # a change changes something
    assert str(tmp_path) not in results.read_text()
    assert "resize0.75" in capsys.readouterr().out
    first = drawn.read_bytes()
    assert main(["--json", str(results), "--plot", str(drawn)]) == 0
    assert b"pixel F1" in first and drawn.read_bytes() == first


def test_a_picture_that_cannot_be_measured_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(robustness, "CHANGES", (None,))
    manifest = write_set(tmp_path)
    (tmp_path / "a0.png").write_bytes(b"no picture")
    results = tmp_path / "r.json"
    assert main(["--manifest", str(manifest), "--json", str(results), "--processes", "1"]) == 0
    document = json.loads(results.read_text())
    assert [failure.split(":")[0] for failure in document["failures"]] == ["a0.png"]
    assert document["rows"][0]["pictures"]["authentic"] == 1
    assert "not measured: a0.png" in capsys.readouterr().out


def test_a_missing_manifest_is_refused_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = ["--manifest", str(tmp_path / "none.csv"), "--json", str(tmp_path / "r.json")]
    assert main([*missing, "--processes", "1"]) == 1
    assert "cannot be read" in capsys.readouterr().err
