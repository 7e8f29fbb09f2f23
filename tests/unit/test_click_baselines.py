"""GrabCut and random walker as ways to answer clicks: a bright square on dark ground."""

from __future__ import annotations

import numpy as np
import pytest

from bench.click_baselines import (
    BASELINES,
    Seeded,
    edge_seeds,
    grabcut,
    remembering,
    seed,
    start_seeds,
    walker,
)
from fakeshield_core.clicks import drive
from fakeshield_core.domain import Click, Prompts
from fakeshield_core.metrics import pixel_iou
from tests.fakes import pictured

SQUARE = np.zeros((80, 100), np.bool_)
SQUARE[25:60, 30:70] = True
NOTHING = np.zeros_like(SQUARE)
RGB = np.random.default_rng(0).normal(60, 6, (80, 100, 3)).clip(0, 255).astype(np.uint8)
RGB[SQUARE] += 120
INSIDE, OUTSIDE = Click(50, 42, True), Click(10, 10, False)
both = pytest.mark.parametrize("method", [grabcut, walker])


@both
def test_one_click_finds_a_plain_object(method: Seeded) -> None:
    assert pixel_iou(method(RGB, Prompts((INSIDE,)), NOTHING, NOTHING), SQUARE) > 0.9


@both
def test_a_negative_click_takes_a_wrong_part_of_the_start_away(method: Seeded) -> None:
    start = SQUARE.copy()
    start[25:60, 70:90] = True  # dark ground, marked by mistake
    wrong = Click(82, 42, False)
    found = method(RGB, Prompts((INSIDE, wrong)), start, start)
    assert not found[wrong.y, wrong.x] and found[INSIDE.y, INSIDE.x]
    assert pixel_iou(found, SQUARE) > pixel_iou(start, SQUARE)


@both
def test_negative_clicks_alone_mark_nothing(method: Seeded) -> None:
    assert not method(RGB, Prompts((OUTSIDE,)), NOTHING, NOTHING).any()


@both
def test_the_same_clicks_give_the_same_mask(method: Seeded) -> None:
    first, second = (method(RGB, Prompts((INSIDE, OUTSIDE)), NOTHING, NOTHING) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_baselines_end_at_the_square_under_the_simulated_annotator() -> None:
    for baseline in BASELINES:
        result = drive(baseline.prepare(pictured(RGB)), SQUARE, NOTHING, limit=5)
        assert result.noc(0.90, limit=5) < 5, baseline.name


def test_the_mask_before_the_first_click_is_remembered() -> None:
    seen: list[int] = []

    def spy(rgb: np.ndarray, prompts: Prompts, start: np.ndarray, current: np.ndarray) -> np.ndarray:
        seen.append(int(start.sum()))
        return NOTHING

    step = remembering(spy, RGB)
    step(Prompts((INSIDE,)), SQUARE)
    step(Prompts((INSIDE, OUTSIDE)), NOTHING)
    step(Prompts((INSIDE,)), NOTHING)  # another round begins
    assert seen == [SQUARE.sum(), SQUARE.sum(), 0]


def test_a_start_seeds_its_core_and_the_far_outside_but_not_near_a_click_against_it() -> None:
    quiet = start_seeds(SQUARE, Prompts((INSIDE,)))
    assert (quiet[42, 50], quiet[5, 5], quiet[25, 50]) == (1, 2, 0)
    doubted = start_seeds(SQUARE, Prompts((Click(35, 42, False),)))
    assert doubted[42, 35] == 0 and doubted[42, 60] == 1


def test_seeds_are_discs_and_the_edge() -> None:
    assert seed((80, 100), Click(50, 42, True)).sum() == 13  # radius 2
    assert edge_seeds((4, 5)).tolist() == [[2] * 5, [2, 0, 0, 0, 2], [2, 0, 0, 0, 2], [2] * 5]
