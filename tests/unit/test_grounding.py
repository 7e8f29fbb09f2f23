"""The bench of grounding: its own idea of places, its decoys, and that it can tell right from wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.grounding import decoy, forgeries, ground, main, scene_photographs
from bench.grounding_figures import Forgery, Grounded, Kind, confusion, rows_of
from bench.grounding_places import lies_where
from fakeshield_core.domain import BoolMask
from fakeshield_core.evaluate_figures import Bootstrap
from fakeshield_core.masks import where_in_picture
from tests.fakes import pictured, textured


def box(top: float, left: float, bottom: float, right: float) -> BoolMask:
    mask = np.zeros((120, 160), np.bool_)
    mask[round(120 * top) : round(120 * bottom), round(160 * left) : round(160 * right)] = True
    return mask


@pytest.mark.parametrize(
    ("mask", "right", "wrong"),
    [
        (box(0.05, 0.05, 0.2, 0.2), "top left", "top right"),
        (box(0.05, 0.4, 0.2, 0.6), "top centre", "bottom centre"),
        (box(0.8, 0.8, 0.95, 0.95), "bottom right", "right of centre"),
        (box(0.4, 0.02, 0.6, 0.2), "far left", "far right"),
        (box(0.4, 0.3, 0.6, 0.45), "left of centre", "right of centre"),
        (box(0.3, 0.3, 0.42, 0.45), "above and left of centre", "below and left of centre"),
        (box(0.56, 0.45, 0.7, 0.55), "below centre", "above centre"),
        (box(0.4, 0.4, 0.6, 0.6), "centre", "top centre"),
        (box(0.0, 0.0, 0.3, 1.0), "across the top", "across the bottom"),
        (box(0.0, 0.7, 1.0, 1.0), "down the right side", "down the middle"),
        (box(0.1, 0.1, 0.95, 0.95), "most of the picture", "almost the whole picture"),
        (box(0.0, 0.0, 1.0, 0.95), "almost the whole picture", "centre"),
    ],
)
def test_places_are_told_apart(mask: BoolMask, right: str, wrong: str) -> None:
    assert lies_where(mask, right) and not lies_where(mask, wrong)


def test_a_thin_corner_of_a_large_box_is_not_where_the_box_is() -> None:
    """The box of an L lies in the centre, its pixels do not: the judge is not the one who chose the words."""
    mask = box(0.2, 0.2, 0.8, 0.23) | box(0.77, 0.2, 0.8, 0.75)
    rows, columns = np.nonzero(mask)
    words = where_in_picture((columns.min(), rows.min(), columns.max() + 1, rows.max() + 1), 120, 160)
    assert not lies_where(mask, words)


@pytest.mark.parametrize("words", ["beside the tree", "far up", "top"])
def test_words_that_are_not_known_never_hold(words: str) -> None:
    assert not lies_where(box(0.0, 0.0, 0.3, 0.3), words)


def test_a_decoy_has_the_same_shape_and_does_not_touch() -> None:
    truth = box(0.1, 0.1, 0.4, 0.3)
    shadow = decoy(truth)
    assert shadow is not None and shadow.sum() == truth.sum() and not (shadow & truth).any()
    assert decoy(box(0.1, 0.1, 0.9, 0.9)) is None


def told(kind: str, stated: str, group: str, on: bool = True) -> Grounded:
    truth = box(0.1, 0.1, 0.4, 0.3)
    forgery = Forgery(pictured(textured(120, 160)), truth, kind, group, "photographs")  # type: ignore[arg-type]
    read = Kind("splice", stated, 0.8)  # type: ignore[arg-type]
    return Grounded(
        forgery=forgery,
        with_truth=read,
        with_mask=read,
        finding=stated,  # type: ignore[arg-type]
        mask_iou=0.5,
        where="top left" if on else "bottom right",
        place_is_right=on,
        claims=(("noise", on),),
        beside_decoy=(("noise", on), ("ghosts", True)),
    )


def test_figures_worked_by_hand() -> None:
    grounded = [
        told("splice", "splice", "a"),
        told("removal", "splice", "b", on=False),
        told("splice", "splice", "c"),
        told("removal", "unknown", "d"),
    ]
    rows = {row.what: row.estimate for row in rows_of(grounded, Bootstrap())}
    values = {what: None if estimate is None else round(estimate.value, 3) for what, estimate in rows.items()}
    assert values["true area: stated kind right"] == 0.667
    assert values["true area: a kind is stated"] == 0.75
    assert values["true area: likeliest kind right"] == 0.5
    assert values["engine's area: stated kind right"] == 0.667
    assert values["engine's findings: stated kind right"] == 0.667
    assert values["engine's findings: its kind is stated"] == 0.75
    assert values["place right, true area"] == values["the same with the words of the next forgery"] == 0.75
    assert values["claims on a forged region, engine's mask: noise"] == 0.75
    assert values["claims on the true area beside a decoy: all"] == 0.875
    assert confusion(grounded) == {
        "removal stated as splice": 1,
        "removal stated as unknown": 1,
        "splice stated as splice": 2,
    }


def test_without_an_engine_only_true_areas_are_told() -> None:
    alone = replace(told("splice", "splice", "a"), with_mask=None, claims=())
    assert not any("engine" in row.what for row in rows_of([alone], Bootstrap()))


def test_forgeries_have_their_truth_and_all_kinds() -> None:
    photographs = scene_photographs(3)
    first, again = (list(forgeries(photographs, 3, "scenes", 0)) for _ in range(2))
    assert [each.kind for each in first] == ["splice", "copy_move", "removal"]
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.picture.rgb, other.picture.rgb)
        assert one.truth.any() and one.truth.shape == one.picture.rgb.shape[:2]


def test_a_forgery_is_grounded_without_an_engine() -> None:
    (forgery,) = forgeries(scene_photographs(2), 1, "scenes", 0)
    grounded = ground(forgery, None)
    assert grounded.with_mask is None and grounded.claims == () and grounded.where


def test_the_bench_runs_on_scenes_and_writes_its_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "g.json"
    assert main(["--engine", "stub", "--scenes", "3", "--json", str(path)]) == 0
    document = json.loads(path.read_text())
    assert document["forgeries"] == {"scenes": 3}
    assert sum(document["confusion"].values()) == 3
    assert {row["what"] for row in document["figures"]} >= {
        "place right, true area",
        "true area: a kind is stated",
    }
    assert "place right, true area" in capsys.readouterr().out


def test_a_folder_without_a_manifest_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(tmp_path), "--engine", "none", "--json", str(tmp_path / "g.json")]) == 1
    assert capsys.readouterr().err and list(tmp_path.iterdir()) == []
