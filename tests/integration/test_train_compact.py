"""From pictures on disk to weights that answer: the whole of `train-compact`, on a handful of own scenes."""

from __future__ import annotations

import csv
import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fakeshield_core.__main__ import main
from fakeshield_core.checkpoints.compact import CARD, SHIPPED, read_compact
from fakeshield_core.engines.compact import CompactEngine
from fakeshield_core.pipeline import analyze_to_end
from fakeshield_core.synthesis.forgeries import forge
from fakeshield_core.synthesis.scenes import scene
from fakeshield_core.training.photographs import is_held_out
from tests.fakes import pictured


def write_pictures(folder: Path) -> Path:
    """Six authentic and six tampered scenes, two of each in held-out groups."""
    names = (f"scene{k}" for k in itertools.count())
    held, learnt = itertools.tee(names)
    held, learnt = filter(is_held_out, held), itertools.filterfalse(is_held_out, learnt)
    rows = []
    for number in range(12):
        group = next(held if number < 4 else learnt)
        rgb, mask = scene(number, 128, 192).rgb, ""
        if number % 2:
            forged = forge(rgb, scene(100 + number, 128, 192).rgb, "splice", np.random.default_rng(number))
            rgb, mask = forged.rgb, f"{number}.mask.png"
            Image.fromarray(forged.mask).save(folder / mask)
        Image.fromarray(rgb).save(folder / f"{number}.jpg", quality=90)
        rows.append((f"{number}.jpg", "tampered" if mask else "authentic", mask, "own scenes", group))
    with (folder / "manifest.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("path", "kind", "mask", "dataset", "group"), *rows])
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one short run, interrupted after its first stage and resumed."""
    folder = tmp_path_factory.mktemp("train")
    data = write_pictures(folder)
    usual = ["train-compact", "--data", str(data), "--out", str(folder / "out"), "--batch", "1", "--half"]
    usual += ["--start", str(SHIPPED)]
    assert main([*usual, "--small-steps", "1", "--steps", "2"]) == 0
    assert main([*usual, "--small-steps", "1", "--steps", "3", "--resume"]) == 0
    return folder / "out"


def test_a_run_ends_with_weights_that_answer(run: Path) -> None:
    engine = CompactEngine(read_compact(run / "compact"))
    analysis = analyze_to_end(engine, pictured(scene(1, 128, 192).rgb))
    assert analysis.engine.weights == json.loads((run / "compact" / CARD).read_text())["sha256"][:12]
    assert analysis.score is not None and analysis.mask is not None


def test_the_card_says_what_it_learnt_from_and_how_often_it_is_wrong(run: Path) -> None:
    card = json.loads((run / "compact" / CARD).read_text())
    assert card["trained_on"] == {"own scenes, tampered": 6, "own scenes, untouched": 6}
    assert card["steps"] == 3 and card["training"]["seed"] == 0
    assert card["training"]["start"] == read_compact().digest and card["training"]["half"] is True
    assert card["rates"]["readings"] == 4 * 3  # four held-out pictures at three qualities
    assert 0 <= card["rates"]["false_alarm_per_100"] <= 100


def test_a_run_goes_on_where_it_stopped(run: Path) -> None:
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [2, 3]


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(tmp_path: Path) -> None:
    data, digests = write_pictures(tmp_path), []
    for number, seed in enumerate(("5", "5", "6")):
        out = tmp_path / str(number)
        usual = [
            "train-compact",
            "--data",
            str(data),
            "--out",
            str(out),
            "--start",
            str(SHIPPED),
            "--batch",
            "1",
        ]
        assert main([*usual, "--small-steps", "1", "--steps", "2", "--seed", seed]) == 0
        digests.append(read_compact(out / "compact").digest)
    assert digests[0] == digests[1] != digests[2]


def test_data_without_held_out_pictures_is_refused_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(scene(3, 64, 64).rgb).save(tmp_path / "a.png")
    (tmp_path / "manifest.csv").write_text("path,kind,mask\na.png,authentic,\n")
    options = ["--data", str(tmp_path), "--out", str(tmp_path / "out"), "--small-steps", "1", "--steps", "1"]
    assert main(["train-compact", *options, "--batch", "1"]) == 1
    assert "--data" in capsys.readouterr().err
