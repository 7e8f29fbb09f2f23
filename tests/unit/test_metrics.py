"""Metrics by hand on 4x4 masks, and against scikit-learn where it computes the same."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as reference

from fakeshield_core import metrics
from fakeshield_core.errors import EngineOutputInvalid, MaskShapeMismatch

GT = np.array([[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]], dtype=bool)
HALF = np.array(
    [[1, 0, 0, 0], [1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0]], dtype=bool
)  # 2 hits of 4 marked, 4 wanted
NOTHING = np.zeros((4, 4), dtype=bool)


def _ramp(gt: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A (20, 30) map with many ties, related to a mask of about a third."""
    rng = np.random.default_rng(seed)
    mask = rng.random((20, 30)) < 0.35
    soft = np.round((rng.random((20, 30)) + mask * 0.5) / 1.5 * 40) / 40
    return soft.astype(np.float32), mask


@pytest.mark.parametrize(
    ("pred", "gt", "f1", "iou"),
    [
        pytest.param(GT, GT, 1.0, 1.0, id="equal"),
        pytest.param(HALF, GT, 0.5, 2 / 6, id="half found, half false"),
        pytest.param(NOTHING, GT, 0.0, 0.0, id="nothing marked"),
        pytest.param(GT, NOTHING, 0.0, 0.0, id="authentic, something marked"),
        pytest.param(NOTHING, NOTHING, 0.0, 0.0, id="authentic, nothing marked: still 0 by protocol"),
        pytest.param(~NOTHING, GT, 0.4, 0.25, id="everything marked"),
    ],
)
def test_f1_and_iou_by_hand(pred: np.ndarray, gt: np.ndarray, f1: float, iou: float) -> None:
    assert metrics.pixel_f1(pred, gt) == pytest.approx(f1, abs=1e-7)
    assert metrics.pixel_iou(pred, gt) == pytest.approx(iou, abs=1e-7)


def test_epsilon_stands_in_each_ratio() -> None:
    precision = recall = 4 / (4 + 1e-8)
    assert metrics.pixel_f1(GT, GT) == 2 * precision * recall / (precision + recall + 1e-8)
    assert metrics.pixel_iou(GT, GT) == 4 / (4 + 1e-8)


def test_permute_f1_takes_the_inverse_where_it_is_better() -> None:
    assert metrics.permute_f1(~GT, GT) == pytest.approx(1.0, abs=1e-7)
    assert metrics.permute_f1(GT, GT) == pytest.approx(1.0, abs=1e-7)


def test_masks_of_different_size_are_refused() -> None:
    with pytest.raises(MaskShapeMismatch, match="one picture"):
        metrics.pixel_f1(GT, NOTHING[:3])
    with pytest.raises(MaskShapeMismatch):
        metrics.pixel_auc(GT.astype(np.float32), NOTHING[:, :3])


@pytest.mark.parametrize(
    ("soft", "auc"),
    [
        pytest.param(GT.astype(np.float32), 1.0, id="perfect"),
        pytest.param(1 - GT.astype(np.float32), 0.0, id="inverted"),
        pytest.param(np.full((4, 4), 0.3, np.float32), 0.5, id="flat: all tied"),
        pytest.param(HALF.astype(np.float32), 0.5 * (1 - 2 / 12 + 2 / 4), id="two levels"),
    ],
)
def test_pixel_auc_by_hand(soft: np.ndarray, auc: float) -> None:
    assert metrics.pixel_auc(soft, GT) == pytest.approx(auc, abs=1e-12)


@pytest.mark.parametrize("gt", [NOTHING, ~NOTHING], ids=["empty", "full"])
def test_pixel_auc_is_zero_where_a_class_is_missing(gt: np.ndarray) -> None:
    assert metrics.pixel_auc(GT.astype(np.float32), gt) == 0.0


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("shift", [0.0, -0.5], ids=["probabilities", "with negative values"])
def test_pixel_curves_equal_scikit_learn(seed: int, shift: float) -> None:
    soft, mask = _ramp(GT, seed)
    soft = soft + np.float32(shift)
    assert metrics.pixel_auc(soft, mask) == pytest.approx(
        reference.roc_auc_score(mask.ravel(), soft.ravel()), abs=1e-12
    )
    expected = reference.average_precision_score(mask.ravel(), soft.ravel())
    assert metrics.pixel_average_precision(soft, mask) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_best_threshold_equals_trying_each(seed: int) -> None:
    soft, mask = _ramp(GT, seed)
    tried = [metrics.pixel_f1(soft > level, mask) for level in np.unique(np.append(soft, -1.0))]
    best = metrics.best_threshold_f1(soft, mask)
    assert best.f1 == pytest.approx(max(tried), abs=1e-12)
    assert metrics.pixel_f1(soft > best.threshold, mask) == best.f1


def test_best_threshold_of_a_flat_map_marks_everything() -> None:
    best = metrics.best_threshold_f1(np.zeros((4, 4), np.float32), GT)
    assert best.threshold < 0
    assert best.f1 == pytest.approx(0.4, abs=1e-7)


def test_minus_zero_ties_with_zero() -> None:
    assert metrics.pixel_auc(np.where(GT, np.float32(-0.0), np.float32(0.0)), GT) == 0.5


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_map_that_holds_no_numbers_is_refused(value: float) -> None:
    soft = GT.astype(np.float32)
    soft[3, 3] = value
    with pytest.raises(EngineOutputInvalid, match="no numbers"):
        metrics.pixel_auc(soft, GT)


LABELS = [True, True, True, False, False, False, False, True]
SCORES = [0.9, 0.8, 0.5, 0.5, 0.4, 0.85, 0.1, 0.3]


def test_image_metrics_equal_scikit_learn() -> None:
    predicted = np.array(SCORES) > 0.5
    assert metrics.image_auc(SCORES, LABELS) == pytest.approx(reference.roc_auc_score(LABELS, SCORES))
    assert metrics.average_precision(SCORES, LABELS) == pytest.approx(
        reference.average_precision_score(LABELS, SCORES)
    )
    assert metrics.accuracy(predicted, LABELS) == reference.accuracy_score(LABELS, predicted)
    assert metrics.balanced_accuracy(predicted, LABELS) == reference.balanced_accuracy_score(
        LABELS, predicted
    )
    assert metrics.image_f1(predicted, LABELS) == pytest.approx(
        reference.f1_score(LABELS, predicted), abs=1e-8
    )


def test_tied_pictures_count_one_half() -> None:
    assert metrics.image_auc([0.5, 0.5], [True, False]) == 0.5
    assert metrics.image_auc([0.2, 0.5, 0.5, 0.7], [True, True, False, False]) == 0.5 / 4


@pytest.mark.parametrize("labels", [[True, True], [False, False]])
def test_image_metrics_are_none_where_a_class_is_missing(labels: list[bool]) -> None:
    assert metrics.image_auc([0.1, 0.2], labels) is None
    assert metrics.balanced_accuracy([True, False], labels) is None
    assert metrics.detection_rate([0.1, 0.2], labels) is None


@pytest.mark.parametrize(
    ("rate", "threshold", "found"),
    [
        pytest.param(0.0, 0.95, 0.25, id="no false alarm"),
        pytest.param(0.05, 0.90, 0.50, id="one of twenty"),
        pytest.param(0.10, 0.85, 0.75, id="two of twenty"),
        pytest.param(1.0, 0.0, 1.0, id="all may be flagged"),
    ],
)
def test_detection_rate_at_given_false_alarms(rate: float, threshold: float, found: float) -> None:
    authentic = [0.05 * step for step in range(20)]  # 0.00 .. 0.95
    tampered = [0.99, 0.93, 0.88, 0.30]
    labels = [True] * 4 + [False] * 20
    assert metrics.false_alarm_threshold(authentic, rate) == pytest.approx(threshold)
    assert metrics.detection_rate(tampered + authentic, labels, rate) == found
    assert np.mean(np.array(authentic) > metrics.false_alarm_threshold(authentic, rate)) <= rate


def test_calibration_error_by_hand() -> None:
    scores, labels = [0.05, 0.15, 0.95, 1.0], [False, True, True, True]
    assert metrics.expected_calibration_error(scores, labels) == pytest.approx((0.05 + 0.85 + 0.05) / 4)
    assert metrics.expected_calibration_error([0.5] * 4, [True, False, True, False]) == 0.0


def test_calibration_refuses_scores_that_are_no_probabilities() -> None:
    with pytest.raises(ValueError, match=r"within 0\.\.1"):
        metrics.expected_calibration_error([1.5], [True])


@pytest.mark.parametrize(("scores", "labels"), [([], []), ([0.5], [True, False]), ([np.nan], [True])])
def test_image_metrics_refuse_unmatched_input(scores: list[float], labels: list[bool]) -> None:
    with pytest.raises(ValueError, match="for each label"):
        metrics.image_auc(scores, labels)


def test_bootstrap_is_the_same_for_the_same_seed() -> None:
    values, groups = [0.1, 0.5, 0.9, 0.4], ["a", "a", "b", "c"]
    first = metrics.bootstrap_interval(values, groups, seed=7)
    assert first == metrics.bootstrap_interval(values, groups, seed=7)
    assert first != metrics.bootstrap_interval(values, groups, seed=8, resamples=50)


def test_bootstrap_draws_whole_groups() -> None:
    # two scenes of opposite value: a drawn mean is 0, 1/2 or 1, single pictures would nearly always mix
    values, groups = [0.0] * 50 + [1.0] * 50, ["a"] * 50 + ["b"] * 50
    by_scene = metrics.bootstrap_interval(values, groups, seed=0)
    by_picture = metrics.bootstrap_interval(values, [str(n) for n in range(100)], seed=0)
    assert by_scene == (0.0, 1.0)
    assert 0.35 < by_picture.low < by_picture.high < 0.65


def test_bootstrap_equals_its_slow_twin() -> None:
    rng = np.random.default_rng(3)
    values, groups = rng.random(40), [f"scene {n}" for n in rng.integers(12, size=40)]
    names, member = np.unique(groups, return_inverse=True)
    draws = np.random.default_rng(5).integers(len(names), size=(200, len(names)))
    means = [np.concatenate([values[member == group] for group in drawn]).mean() for drawn in draws]
    expected = (np.quantile(means, 0.05), np.quantile(means, 0.95))
    assert metrics.bootstrap_interval(values, groups, seed=5, resamples=200, level=0.9) == pytest.approx(
        expected
    )


def test_group_resamples_keep_groups_whole() -> None:
    groups = ["a", "b", "a", "c", "b"]
    for places in metrics.group_resamples(groups, seed=1, resamples=20):
        counts = np.bincount(places, minlength=5)
        assert counts[0] == counts[2]
        assert counts[1] == counts[4]
        assert counts[0] + counts[1] + counts[3] == 3  # as many groups as there are
    assert len(list(metrics.group_resamples(groups, seed=1, resamples=20))) == 20


def test_bootstrap_refuses_unmatched_groups() -> None:
    with pytest.raises(ValueError, match="one group for each value"):
        metrics.bootstrap_interval([0.5, 0.5], ["a"], seed=0)
