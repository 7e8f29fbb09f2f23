from __future__ import annotations

import numpy as np
import pytest

from fakeshield_core import metrics
from fakeshield_core.errors import EngineOutputInvalid, MaskShapeMismatch
from fakeshield_core.sweep import STEPS, at_threshold, best_single_threshold, sweep, unit_scale


def random_case(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    soft_map = rng.random((13, 17), np.float32)
    soft_map[0, :4] = (0.0, 0.25, 0.5, 1.0)  # on the grid: strictness shows there
    return soft_map, rng.random((13, 17)) < 0.3


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("threshold", [0.0, 0.25, 0.5, 0.75, 1.0])
def test_curve_equals_the_metric_at_each_strict_threshold(seed: int, threshold: float) -> None:
    soft_map, gt_mask = random_case(seed)
    slow = metrics.pixel_f1(soft_map > threshold, gt_mask)
    assert at_threshold(sweep(soft_map, gt_mask).f1(), threshold) == pytest.approx(slow, abs=1e-6)


def test_value_equal_to_the_threshold_is_not_marked() -> None:
    counts = sweep(np.array([[0.5, 0.51]], np.float32), np.array([[True, True]]))
    assert counts.marked[STEPS // 2] == 1
    assert counts.marked[0] == 2
    assert counts.marked[STEPS] == 0


def test_empty_mask_scores_zero_everywhere() -> None:
    curve = sweep(np.ones((2, 2), np.float32), np.zeros((2, 2), bool)).f1()
    assert curve.max() == 0.0


def test_single_threshold_is_best_for_the_mean_not_for_each() -> None:
    curves = [np.zeros(STEPS + 1) for _ in range(3)]
    curves[0][100], curves[1][900], curves[2][900] = 1.0, 0.8, 0.6
    threshold, values = best_single_threshold(curves)
    assert threshold == 900 / STEPS
    assert values.tolist() == [0.0, 0.8, 0.6]


@pytest.mark.parametrize("bad", [-0.1, 1.1, np.nan])
def test_map_outside_its_range_is_refused(bad: float) -> None:
    with pytest.raises(EngineOutputInvalid):
        sweep(np.array([[bad, 0.5]], np.float32), np.array([[True, False]]))


def test_mask_of_another_size_is_refused() -> None:
    with pytest.raises(MaskShapeMismatch):
        sweep(np.zeros((2, 3), np.float32), np.zeros((3, 2), bool))


def test_unit_scale_divides_by_the_largest_and_keeps_zeros() -> None:
    assert unit_scale(np.array([[0.0, 2.0, 4.0]], np.float32)).tolist() == [[0.0, 0.5, 1.0]]
    assert unit_scale(np.zeros((1, 2), np.float32)).tolist() == [[0.0, 0.0]]
