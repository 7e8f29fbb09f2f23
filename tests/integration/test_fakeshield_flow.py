"""The commands of the published flow on tiny weights: questions, answers, scores, training, merging."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fakeshield_core.__main__ import main
from fakeshield_core.changes import change_named
from fakeshield_core.checkpoints.tensors import read_folder
from fakeshield_core.conform.dtg_recipe import made_state
from fakeshield_core.domain import ClaimsReady, EngineInfo, Explanation, MapReady, Update, VerdictReady
from fakeshield_core.fakeshield.answering import answer_file
from fakeshield_core.fakeshield.datasets import read_lines
from fakeshield_core.picture import Picture
from tests.integration.fakeshield_toy import GOLDEN, document


class WordsEngine:
    """Calls every picture tampered in its left half; wide ones untouched."""

    info = EngineInfo("words", "1", "none", None, "cpu", frozenset({"verdict", "map", "explanation"}))

    def analyze(self, picture: Picture) -> Iterator[Update]:
        height, width = picture.rgb.shape[:2]
        tampered = width <= height
        yield VerdictReady("tampered" if tampered else "no_tampering_found", None, None, 0.5)
        yield MapReady(np.repeat([np.arange(width) < width // 2], height, 0).astype(np.float32), 0.5)
        words = f"The picture has {'' if tampered else 'not '}been tampered with. {width} × {height}"
        yield ClaimsReady(Explanation(words, "en", (), "words"))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data" / "ps" / "CASIA2"
    for name in ("landscape", "portrait"):
        (folder / "image").mkdir(parents=True, exist_ok=True)
        (folder / "mask").mkdir(exist_ok=True)
        shutil.copy(GOLDEN / "images" / f"{name}.png", folder / "image")
        shutil.copy(GOLDEN / "expected" / "mflm" / "gt" / f"{name}.png", folder / "mask")
    return tmp_path / "data"


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    import torch

    from fakeshield_core.networks.dtg import DtgNetwork

    shutil.copytree(GOLDEN / "weight", tmp_path / "weights")
    shutil.copytree(GOLDEN / "openai", tmp_path / "openai")
    shutil.copy(GOLDEN / "tiny_sam_config.json", tmp_path / "weights")
    with torch.device("meta"):
        shapes = {name: tuple(tensor.shape) for name, tensor in DtgNetwork().state_dict().items()}
    expected = document("dtg")
    state = made_state(shapes, expected["weight_recipe_seed"], expected["fc_bias"])
    root = tmp_path / "weights" / "fakeshield-v1-22b"
    torch.save({name: torch.from_numpy(values) for name, values in state.items()}, root / "DTG.pth")
    monkeypatch.setenv("FAKESHIELD_WEIGHTS_DIR", str(tmp_path / "weights"))
    monkeypatch.setenv("FAKESHIELD_THREADS", "1")
    return root


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="(accelerate|bitsandbytes|peft|torch).*")
        yield


def test_questions_answers_and_scores_of_a_data_set(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    questions, answers, masks = tmp_path / "q.jsonl", tmp_path / "a.jsonl", tmp_path / "masks"
    assert _run("questions", "--data", data, "--sets", "ps|CASIA2", "--out", questions) == 0
    assert answer_file(WordsEngine(), questions, Path("/"), answers, masks) == []
    assert [path.name for path in masks.iterdir()] == ["portrait.png"]
    capsys.readouterr()
    assert (
        _run("score", "--data", data, "--sets", "ps|CASIA2", "--answers", answers, "--masks", masks, "--json")
        == 0
    )
    found = json.loads(capsys.readouterr().out)
    assert found["detection"]["accuracy"] == 0.5
    assert found["localisation"]["judged_untouched"] == 1
    assert 0 < found["localisation"]["iou_mean_of_pictures"] < 1


def test_an_interrupted_run_goes_on_where_it_stopped(data: Path, tmp_path: Path) -> None:
    questions, answers = tmp_path / "q.jsonl", tmp_path / "a.jsonl"
    _run("questions", "--data", data, "--sets", "ps|CASIA2", "--out", questions)
    answer_file(WordsEngine(), questions, Path("/"), answers)
    whole = answers.read_text()
    answers.write_text(whole.splitlines(keepends=True)[0])
    answer_file(WordsEngine(), questions, Path("/"), answers)
    assert answers.read_text() == whole


def test_a_picture_that_cannot_be_read_is_reported_and_the_others_go_on(data: Path, tmp_path: Path) -> None:
    questions, answers = tmp_path / "q.jsonl", tmp_path / "a.jsonl"
    names = ["gone.png", "landscape.png"]
    questions.write_text("".join(json.dumps({"image": name, "text": "?"}) + "\n" for name in names))
    failures = answer_file(WordsEngine(), questions, data / "ps" / "CASIA2" / "image", answers)
    assert len(failures) == 1 and failures[0].startswith("gone.png")
    assert [line["image"] for line in read_lines(answers)] == ["landscape.png"]


def test_a_robustness_run_sees_the_changed_picture(data: Path, tmp_path: Path) -> None:
    questions, answers = tmp_path / "q.jsonl", tmp_path / "a.jsonl"
    _run("questions", "--data", data, "--sets", "ps|CASIA2", "--out", questions)
    answer_file(WordsEngine(), questions, Path("/"), answers, change=change_named("resize0.5"))
    assert [str(line["outputs"]).split(". ")[1] for line in read_lines(answers)] == ["112 × 70", "75 × 108"]


def test_the_engine_answers_a_file_with_the_tag_left_out(weights: Path, data: Path, tmp_path: Path) -> None:
    questions = tmp_path / "q.jsonl"
    questions.write_text(json.dumps({"image": "wide.jpg", "text": "?"}) + "\n")
    texts = []
    for number, switch in enumerate([(), ("--no-tag",)]):
        out, masks = tmp_path / f"{number}.jsonl", tmp_path / f"masks{number}"
        code = _run(
            "answer",
            "--questions",
            questions,
            "--pictures",
            GOLDEN / "images",
            "--out",
            out,
            "--masks",
            masks,
            *switch,
        )
        assert code == 0
        texts.append(read_lines(out)[0]["outputs"])
        with Image.open(masks / "wide.png") as mask:
            assert mask.size == (183, 131)
    assert texts[0] != texts[1]


def test_evaluate_measures_the_engine_on_a_data_set(
    weights: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = data / "manifest.csv"
    assert _run("questions", "--data", data, "--sets", "ps|CASIA2", "--out", manifest) == 0
    capsys.readouterr()
    assert main(["evaluate", "--manifest", str(manifest), "--engine", "fakeshield", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["engine"]["name"] == "fakeshield"


def test_a_trained_adapter_is_merged_into_the_official_layout(
    weights: Path, data: Path, tmp_path: Path
) -> None:
    out, merged = tmp_path / "run", tmp_path / "merged"
    code = _run(
        "train",
        "mflm",
        "--data",
        data,
        "--sets",
        "ps|CASIA2",
        "--out",
        out,
        "--batch",
        "1",
        "--accumulation",
        "1",
        "--steps",
        "2",
        "--encodings",
        tmp_path / "views",
    )
    assert code == 0
    assert _run("merge", weights / "MFLM", out / "adapter", merged) == 0
    assert set(read_folder(merged)) == set(read_folder(weights / "MFLM"))
    assert _run("merge", weights / "MFLM", out / "adapter", merged) == 1


def test_training_without_data_says_what_to_name(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run("train", "mflm", "--data", tmp_path, "--out", tmp_path / "run") == 1
    assert "--sets" in capsys.readouterr().err


def _run(*words: object) -> int:
    return main(["fakeshield", *map(str, words)])
