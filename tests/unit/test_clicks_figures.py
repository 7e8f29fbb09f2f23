"""Sums of simulated clicks by hand, and outlines of regions."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fakeshield_core.clicks_figures import (
    Clicked,
    Figures,
    Start,
    figures,
    figures_to_json,
    figures_to_text,
    pictures_to_json,
    saving,
)
from fakeshield_core.clicks_shape import border_contrast, is_outlined
from fakeshield_core.domain import Click
from fakeshield_core.evaluate_figures import Bootstrap
from fakeshield_core.manifest import ManifestRow

QUICK = Bootstrap(seed=0, resamples=200)


def clicked(
    name: str, *ious: float, start: Start = "zero", method: str = "clicks", **more: object
) -> Clicked:
    columns = {"path": name, "kind": "tampered", "mask": "m.png", "dataset": str(more.get("dataset", "A"))}
    return Clicked(
        row=ManifestRow(2, name, Path("/set") / name, "tampered", None, columns),
        method=method,
        start=start,
        outlined=bool(more.get("outlined", True)),
        clicks=tuple(Click(n, n, n % 2 == 0) for n in range(len(ious) - 1)),
        ious=ious,
        limit=4,
        cpu_s=0.5,
    )


def part(found: tuple[Figures, ...], name: str, start: Start = "zero") -> Figures:
    return next(f for f in found if f.part == name and f.start == start)


THREE = (
    clicked("a.png", 0.0, 0.5, 0.9),  # reached both after 2
    clicked("b.png", 0.0, 0.86, 0.8, 0.79, 0.88, dataset="B"),  # 85 after 1, never 90; drops .06 and .01
    clicked("c.png", 0.2, 0.1, 0.1, 0.1, 0.1, dataset="B", outlined=False),  # reached neither; drop .1
)


def test_clicks_are_counted_and_missed_targets_count_the_limit() -> None:
    everything = part(figures(THREE, QUICK), "all")
    assert everything.pictures == 3 and everything.clicks == 10
    for target, mean, failures in ((0.85, (2 + 1 + 4) / 3, 1), (0.90, (2 + 4 + 4) / 3, 2)):
        estimate = everything.noc[target]
        assert estimate is not None and estimate.value == pytest.approx(mean)
        assert everything.failures[target] == failures


def test_harm_is_the_worst_drop_and_the_share_of_clicks_that_lose_more_than_two_points() -> None:
    everything = part(figures(THREE, QUICK), "all")
    assert everything.worst_drop == pytest.approx(0.1)
    assert everything.share_of_drops is not None
    assert everything.share_of_drops.value == pytest.approx(2 / 10)
    assert everything.click_cpu_s == pytest.approx(1.5 / 10)


def test_every_data_set_is_told_then_all_then_by_outline() -> None:
    found = figures(THREE, QUICK)
    assert [(f.part, f.pictures) for f in found] == [
        ("A", 1),
        ("B", 2),
        ("all", 3),
        ("outlined", 2),
        ("shapeless", 1),
    ]


def test_one_data_set_is_not_told_twice() -> None:
    assert [f.part for f in figures(THREE[:1], QUICK)] == ["all", "outlined"]


def test_methods_and_starts_are_kept_apart() -> None:
    both = figures(
        (*THREE, clicked("a.png", 0.5, 0.9, start="mask"), clicked("a.png", 0.0, 0.9, method="other")), QUICK
    )
    assert part(both, "all", "mask").pictures == 1
    assert [f.pictures for f in both if f.part == "all"] == [3, 1, 1]


def test_a_picture_that_starts_right_needs_no_click() -> None:
    right = part(figures((clicked("a.png", 0.95),), QUICK), "all")
    assert right.noc[0.85] is not None and right.noc[0.85].value == 0
    assert right.share_of_drops is None and right.click_cpu_s is None and right.worst_drop == 0


def test_saving_compares_the_same_pictures_only() -> None:
    from_mask = [clicked("a.png", 0.8, 0.9, start="mask"), clicked("b.png", 0.9, start="mask")]
    saved = saving(from_mask, THREE, 0.85, QUICK)
    assert saved is not None and saved.n == 2
    assert saved.value == pytest.approx(1 - (1 + 0) / (2 + 1))
    assert saved.low is not None and saved.low <= saved.value <= (saved.high or 0)


def test_more_clicks_are_a_negative_saving() -> None:
    worse = saving([clicked("a.png", 0.0, 0.1, 0.2, 0.3, 0.9)], THREE, 0.85, QUICK)
    assert worse is not None and worse.value == pytest.approx(-1.0)
    assert worse.low is None  # one group gives no interval


def test_nothing_to_compare_gives_no_saving() -> None:
    assert saving([clicked("x.png", 0.9)], THREE, 0.85, QUICK) is None
    assert saving([clicked("a.png", 0.9)], [clicked("a.png", 0.9)], 0.85, QUICK) is None


def test_json_and_table_tell_the_same() -> None:
    found = figures(THREE, QUICK)
    listed = json.loads(json.dumps(figures_to_json(found), allow_nan=False))
    everything = next(item for item in listed if item["part"] == "all")
    assert everything["noc_85"]["value"] == pytest.approx(7 / 3, abs=1e-4)
    assert (everything["failures_90"], everything["from"]) == (2, "zero")
    line = next(line for line in figures_to_text(found).splitlines() if " all " in line)
    assert "2.333" in line and "0.100" in line
    picture = pictures_to_json(THREE)[0]
    assert isinstance(picture, dict)
    assert picture["ious"] == [0.0, 0.5, 0.9] and picture["clicks"] == [[0, 0, 1], [1, 1, 0]]


SQUARE = np.zeros((80, 80), np.bool_)
SQUARE[20:60, 20:60] = True


def grey(noise: float) -> np.ndarray:
    values = np.random.default_rng(0).normal(120, noise, (80, 80, 1))
    return np.repeat(np.clip(values, 0, 255), 3, axis=2).astype(np.uint8)


def test_an_object_on_another_ground_is_outlined() -> None:
    rgb = grey(5)
    rgb[SQUARE] //= 2
    assert is_outlined(rgb, SQUARE)


def test_an_area_the_picture_shows_no_edge_of_is_shapeless() -> None:
    assert border_contrast(grey(20), SQUARE) == pytest.approx(1.0, abs=0.15)
    assert not is_outlined(grey(20), SQUARE)


def test_a_mask_drawn_roughly_round_an_object_is_shapeless() -> None:
    rgb, rough = grey(5), np.zeros_like(SQUARE)
    rgb[SQUARE] //= 2
    rough[13:67, 13:67] = True
    assert border_contrast(rgb, rough) < 1.0 and not is_outlined(rgb, rough)


@pytest.mark.parametrize("mask", [np.zeros((80, 80), np.bool_), np.ones((80, 80), np.bool_)])
def test_a_mask_without_border_has_no_contrast(mask: np.ndarray) -> None:
    assert border_contrast(grey(20), mask) == 1.0


def test_a_flat_picture_has_no_contrast() -> None:
    assert border_contrast(np.full((80, 80, 3), 7, np.uint8), SQUARE) == 1.0
