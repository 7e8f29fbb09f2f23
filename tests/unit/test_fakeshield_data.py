"""FakeShield's data folders, answer files, figures, changes and training plan."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fakeshield_core.changes import change_named, fitted_mask
from fakeshield_core.errors import InputError, ManifestInvalid
from fakeshield_core.fakeshield import datasets, recipes
from fakeshield_core.fakeshield.answering import manifest_csv, question_lines
from fakeshield_core.fakeshield.mask_metrics import c_iou, g_iou, overlap
from fakeshield_core.fakeshield.pixels import (
    ClipProcessing,
    clip_planes,
    dtg_planes,
    pad_square,
    read_rgb,
    sam_size,
)
from fakeshield_core.fakeshield.scoring import ScoringOptions, read_answers, score
from fakeshield_core.fakeshield.similarity import HashedNgrams, similarities
from fakeshield_core.fakeshield.training import plan
from fakeshield_core.manifest import read_manifest

YES, NO = "The picture has been tampered with.", "The picture has not been tampered with."


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two tampered pictures whose sorted masks would pair wrongly, and an untouched one."""
    for name in ("image/b.jpg", "image/a.png", "mask/a_gt.png", "mask/b.png", "au:image/c.png"):
        folder, _, file = name.rpartition(":")
        path = tmp_path / "photoshop" / ("Set_Au" if folder else "Set_Tp") / file
        path.parent.mkdir(parents=True, exist_ok=True)
        mask = np.zeros((8, 8), np.uint8)
        mask[: 4 if "b" in path.stem else 2] = 255
        Image.fromarray(mask).save(path)
    return tmp_path


def test_pictures_and_masks_are_paired_by_name(data: Path) -> None:
    pairs = {e.picture.name: e.mask.name for e in datasets.read_set(data / "photoshop" / "Set_Tp") if e.mask}
    assert pairs == {"a.png": "a_gt.png", "b.jpg": "b.png"}


def test_a_set_without_masks_is_untouched(data: Path) -> None:
    examples = datasets.read_choice(data, "photoshop|Set_Tp,Set_Au")
    assert [e.mask is None for e in examples] == [False, False, True]


def test_several_groups_are_joined_by_two_bars(data: Path) -> None:
    assert len(datasets.read_choice(data, "photoshop|Set_Au||photoshop|Set_Tp")) == 3


@pytest.mark.parametrize(
    ("choice", "words"),
    [("photoshop", "no choice"), ("|a", "no choice"), ("photoshop|Missing", "no pictures in image/")],
)
def test_a_wrong_choice_says_what_to_write(data: Path, choice: str, words: str) -> None:
    with pytest.raises(ManifestInvalid, match=words):
        datasets.read_choice(data, choice)


def test_a_picture_without_its_mask_is_named(data: Path) -> None:
    (data / "photoshop" / "Set_Tp" / "mask" / "b.png").unlink()
    with pytest.raises(ManifestInvalid, match=r"b\.jpg"):
        datasets.read_set(data / "photoshop" / "Set_Tp")


def test_two_pictures_that_would_share_a_mask_are_refused(data: Path) -> None:
    folder = data / "photoshop" / "Set_Tp"
    (folder / "image" / "a.jpg").write_bytes((folder / "image" / "a.png").read_bytes())
    with pytest.raises(ManifestInvalid, match=r"a\.jpg and a\.png"):
        datasets.read_set(folder)


def test_explanations_are_found_by_file_name(data: Path) -> None:
    folder = data / "photoshop" / "Set_Tp"
    records = [{"image": "somewhere/a.png", "query": "?", "outputs": YES}]
    (folder / "lisa_train_output.json").write_text(json.dumps(records))
    texts = {e.picture.name: e.explanation for e in datasets.read_set(folder)}
    assert texts == {"a.png": YES, "b.jpg": None}
    assert all(e.explanation is None for e in datasets.read_set(folder, "val"))


def test_only_255_is_tampered_by_the_published_rule(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 127, 128, 254, 255]], np.uint8)).save(tmp_path / "m.png")
    assert datasets.read_gt_mask(tmp_path / "m.png").tolist() == [[False, False, False, False, True]]
    assert datasets.read_gt_mask(tmp_path / "m.png", "half").tolist() == [[False, False, True, True, True]]


def test_a_record_whose_picture_is_missing_is_named(tmp_path: Path) -> None:
    path = tmp_path / "MMTD-Set-34k.json"
    path.write_text(json.dumps([{"image": "x/gone.png", "conversations": []}, {"conversations": []}]))
    with pytest.raises(ManifestInvalid, match=r"1 of the 2 pictures.*gone\.png"):
        datasets.read_conversations(path, tmp_path)


@pytest.mark.parametrize("text", ["{", "[1]", "{}"])
def test_a_damaged_record_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(ManifestInvalid):
        datasets.read_conversations(tmp_path / "r.json", tmp_path)


def test_a_mask_of_another_size_is_refused(data: Path) -> None:
    example = datasets.read_set(data / "photoshop" / "Set_Tp")[0]
    with pytest.raises(InputError, match="make the mask at the picture's size"):
        datasets.require_same_size(example, (9, 8), np.zeros((8, 8), np.bool_))


def test_question_lines_are_read_back(data: Path, tmp_path: Path) -> None:
    examples = datasets.read_choice(data, "photoshop|Set_Tp")
    (tmp_path / "q.jsonl").write_text(question_lines(examples))
    lines = datasets.read_lines(tmp_path / "q.jsonl")
    assert [Path(str(line["image"])).name for line in lines] == ["a.png", "b.jpg"]
    assert str(lines[0]["text"]).startswith("Was this photo taken")


def test_a_set_becomes_a_manifest_of_evaluate(data: Path) -> None:
    examples = datasets.read_choice(data, "photoshop|Set_Tp,Set_Au")
    (data / "m.csv").write_text(manifest_csv(examples, data, "photoshop|Set_Tp,Set_Au"))
    rows = read_manifest(data / "m.csv").rows
    assert [(row.kind, row.mask is None) for row in rows] == [
        ("tampered", False),
        ("tampered", False),
        ("authentic", True),
    ]


@pytest.mark.parametrize("line", ["nothing", "[]", '{"text": "no image"}'])
def test_a_damaged_line_is_named_by_its_number(tmp_path: Path, line: str) -> None:
    (tmp_path / "q.jsonl").write_text(f'{{"image": "a"}}\n\n{line}\n')
    with pytest.raises(ManifestInvalid, match="Line 3"):
        datasets.read_lines(tmp_path / "q.jsonl")


def test_figures_of_known_answers(data: Path, tmp_path: Path) -> None:
    examples = datasets.read_choice(data, "photoshop|Set_Tp,Set_Au")
    masks = tmp_path / "masks"
    masks.mkdir()
    for name in ("a.png", "b.png"):
        Image.fromarray(np.full((8, 8), 255, np.uint8)).save(masks / name)
    answers = {"a.png": YES, "b.jpg": NO, "c.png": YES}
    options = ScoringOptions(encoder=HashedNgrams())
    found = score(examples, answers, masks, {"a.png": YES}, options)
    detection, localisation = found["detection"], found["localisation"]
    assert isinstance(detection, dict) and isinstance(localisation, dict)
    assert detection["accuracy"] == pytest.approx(1 / 3)
    assert localisation["iou_mean_of_pictures"] == pytest.approx(0.25 / 2)  # b was judged untouched
    assert localisation["judged_untouched"] == 1
    assert found["explanation"] == {"css": pytest.approx(1.0), "pairs": 1, "encoder": HashedNgrams().name}


def test_a_missing_answer_is_named(data: Path) -> None:
    with pytest.raises(ManifestInvalid, match=r"b\.jpg"):
        score(datasets.read_choice(data, "photoshop|Set_Tp"), {"a.png": YES}, None, {})


def test_answers_are_read_by_file_name_and_the_last_counts(tmp_path: Path) -> None:
    lines = [{"image": "/x/a.png", "outputs": NO}, {"image": "/y/a.png", "outputs": YES}]
    (tmp_path / "a.jsonl").write_text(datasets.to_lines(lines))
    assert read_answers(tmp_path / "a.jsonl") == {"a.png": YES}


@pytest.mark.parametrize(("answer", "low", "high"), [(YES, 1.0, 1.0), (NO, 0.5, 0.95), ("", 0.0, 0.0)])
def test_similarity_is_one_for_the_same_words_and_zero_for_none(answer: str, low: float, high: float) -> None:
    (found,) = similarities(HashedNgrams(), [answer], [YES])
    assert low - 1e-9 <= found <= high + 1e-9


def test_empty_masks_that_agree_are_perfect() -> None:
    empty, full = np.zeros((4, 4), np.bool_), np.ones((4, 4), np.bool_)
    assert g_iou([overlap(empty, empty)]) == 1.0
    assert g_iou([overlap(empty, full), overlap(full, full)]) == pytest.approx(0.5, abs=1e-5)
    assert c_iou([overlap(empty, full), overlap(full, full)]) == pytest.approx(0.5)


@pytest.mark.parametrize("name", ["jpeg70", "noise5", "blur1", "resize0.5"])
def test_a_change_is_the_same_each_time_and_not_nothing(name: str) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (16, 12, 3), dtype=np.uint8)
    first, second = change_named(name)(rgb), change_named(name)(rgb)
    assert np.array_equal(first, second)
    assert first.shape != rgb.shape or not np.array_equal(first, rgb)


@pytest.mark.parametrize(
    "name",
    ["jpeg0", "jpeg101", "jpeg1.5", "jpeg70.0", "noise0", "resize9", "blur0", "blur21", "sharpen1", ""],
)
def test_an_unknown_change_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="is no change"):
        change_named(name)


def test_a_mask_of_a_smaller_copy_is_fitted_to_the_original() -> None:
    small = np.array([[True, False]])
    assert fitted_mask(small, 2, 4).tolist() == [[True, True, False, False]] * 2


@pytest.mark.parametrize(("height", "width"), [(1, 500), (500, 1), (3, 4), (37, 2000)])
def test_pictures_of_any_shape_reach_their_networks(height: int, width: int) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    processing = ClipProcessing()
    assert dtg_planes(rgb).shape == (1, 3, 224, 224)
    assert clip_planes(pad_square(rgb, processing.pad_colour), processing).shape == (1, 3, 336, 336)
    assert max(sam_size(height, width)) == 1024


def test_a_picture_is_read_as_stored_or_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (6, 4)).save(tmp_path / "a.jpg", exif=exif)
    assert read_rgb(tmp_path / "a.jpg").shape[:2] == (4, 6)
    assert read_rgb(tmp_path / "a.jpg", upright=True).shape[:2] == (6, 4)


def test_a_pass_shows_every_example_once_with_its_like() -> None:
    lengths = [10, 1, 9, 2, 8, 3]
    order = plan.order(6, lengths.__getitem__, batch=2, seed=1)
    assert sorted(order) == list(range(6))
    assert {frozenset(lengths[i] for i in order[k : k + 2]) for k in (0, 2, 4)} == {
        frozenset({10, 9}),
        frozenset({8, 3}),
        frozenset({2, 1}),
    }


def test_processes_share_a_step_without_overlap() -> None:
    recipe = replace(recipes.MFLM, batch=2, accumulation=2)
    passes = plan.Passes(8, lambda index: index, recipe, seed=0)
    first, second = passes.batches(0, 0, 2), passes.batches(0, 1, 2)
    assert sorted(index for batch in first + second for index in batch) == list(range(8))


@pytest.mark.parametrize(("samples", "steps"), [(1, 1), (239, 1), (240, 1), (480, 2)])
def test_a_small_set_still_makes_a_step(samples: int, steps: int) -> None:
    assert plan.steps_per_epoch(samples, recipes.MFLM, processes=4) == steps


def test_an_empty_set_is_refused() -> None:
    with pytest.raises(InputError, match="nothing to train on"):
        plan.steps_per_epoch(0, recipes.MFLM)


@pytest.mark.parametrize(
    ("recipe", "step", "factor"),
    [
        (recipes.DTE_FDM, 0, 0.0),
        (recipes.DTE_FDM, 30, 1.0),
        (recipes.DTE_FDM, 515, 0.5),
        (recipes.DTE_FDM, 1000, 0.0),
        (recipes.MFLM, 50, 0.5),
        (recipes.MFLM, 100, 1.0),
        (recipes.MFLM, 550, 0.5),
    ],
)
def test_rates_warm_up_and_fall(recipe: recipes.Recipe, step: int, factor: float) -> None:
    assert plan.rate_at(step, 1000, recipe) == pytest.approx(factor, abs=1e-6)
